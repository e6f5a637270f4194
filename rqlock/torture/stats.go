package torture

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// Stats has the statistics of a run.
type Stats struct {
	Elapsed time.Duration `json:"elapsed_ns"`
	Total   int64         `json:"total"` // acquisitions by writers
	Max     int64         `json:"max"`   // by one of them
	Min     int64         `json:"min"`
	Fail    int64         `json:"fail"` // failures of the lock, of all kinds

	Reads    int64 `json:"reads"` // acquisitions for reading; the total has the others
	MaxReads int64 `json:"max_reads"`
	MinReads int64 `json:"min_reads"`

	TryLocks   Tried `json:"try_locks"` // acquisitions that may fail
	Deadlines  Tried `json:"deadlines"`
	Cancelled  Tried `json:"cancelled"`
	RealStalls int64 `json:"real_stalls"`      // not injected: a holder did not run
	Prevented  int64 `json:"prevented_cycles"` // cycles that a real stall kept from closing

	Disturbed Disturbed `json:"disturbed"`

	SelfDeadlocks Injected         `json:"self_deadlocks"`
	Cycles        Injected         `json:"cycles"`
	Stalls        Injected         `json:"stalls"`
	Ends          Injected         `json:"ends"`        // of goroutines that held a lock
	LookedUp      int64            `json:"looked_up"`   // timeouts that say that such a goroutine has ended; most come too soon after another
	CycleSizes    map[int]Injected `json:"cycle_sizes"` // cycles of so many goroutines

	Recursions Injected `json:"recursions"` // of readers that read again; reported are those that were let in
	Crossings  Injected `json:"crossings"`  // reported are those in which all readers were let in

	Waits  Histogram      `json:"waits"`
	Events *rqlock.Events `json:"events,omitempty"` // of the run, if the lock is resilient

	Failures []Failure `json:"failures,omitempty"` // of each kind, in the order of the first ones

	NotRun map[string]string `json:"not_run,omitempty"` // parts that cannot run here, and why
}

// Injected says how many faults were injected, and how many of them the lock has
// reported just as they were made.
type Injected struct {
	Made     int64 `json:"made"`
	Reported int64 `json:"reported"`
}

func (i Injected) String() string { return fmt.Sprintf("%d/%d", i.Reported, i.Made) }

// Tried says how many acquisitions were allowed to fail, and how many did.
type Tried struct {
	Times  int64 `json:"times"`
	Failed int64 `json:"failed"`
}

func (t Tried) String() string { return fmt.Sprintf("%d/%d", t.Failed, t.Times) }

// Disturbed counts what was done to the writers.
type Disturbed struct {
	LongHolds   int64 `json:"long_holds"`
	Pauses      int64 `json:"pauses"`
	Shuffles    int64 `json:"shuffles"`
	Respawns    int64 `json:"respawns"` // writers replaced by another goroutine
	Collections int64 `json:"collections"`
	Procs       int64 `json:"procs"`  // changes of GOMAXPROCS
	Storms      int64 `json:"storms"` // of calls of TryLock
	Chains      int64 `json:"chains"` // of goroutines that wait for one another
	Stops       int64 `json:"stops"`  // of the process
	Downgrades  int64 `json:"downgrades"`
}

// A Failure is what went wrong, once or more often.
type Failure struct {
	What  string `json:"what"`
	Times int64  `json:"times"`
	First string `json:"first"` // details of the first time
}

func (f Failure) String() string { return fmt.Sprintf("%s (%d times): %s", f.What, f.Times, f.First) }

// Err returns nil if nothing failed, or an error that lists the failures.
func (s Stats) Err() error {
	switch {
	case s.Fail > 0:
		text := "torture: the lock failed"
		for _, f := range s.Failures {
			text += "\n" + f.String()
		}
		return errors.New(text)
	case s.Total+s.Reads == 0:
		return errors.New("torture: the lock was never acquired")
	}
	return nil
}

// Lines renders the statistics; the first line is locktorture's.
func (s Stats) Lines() []string {
	uneven, failed := "", ""
	if s.Max/2 > s.Min {
		uneven = "???"
	}
	if s.Fail != 0 {
		failed = "!!!"
	}
	lines := []string{strings.TrimRight(fmt.Sprintf("Writes:  Total: %d  Max/Min: %d/%d %s  Fail: %d %s", s.Total, s.Max, s.Min, uneven, s.Fail, failed), " ")}
	if s.Reads > 0 {
		lines = append(lines, fmt.Sprintf("Reads:   Total: %d  Max/Min: %d/%d", s.Reads, s.MaxReads, s.MinReads))
	}
	if s.SelfDeadlocks.Made+s.Cycles.Made+s.Stalls.Made+s.Ends.Made > 0 {
		lines = append(lines, fmt.Sprintf("Injected, reported/made:  self-deadlocks: %v  cycles: %v  stalls: %v  ends: %v, looked up: %d",
			s.SelfDeadlocks, s.Cycles, s.Stalls, s.Ends, s.LookedUp))
	}
	if s.Recursions.Made+s.Crossings.Made+s.Disturbed.Downgrades > 0 {
		lines = append(lines, fmt.Sprintf("Readers, let in/made:  recursions: %v  crossings: %v  downgrades: %d", s.Recursions, s.Crossings, s.Disturbed.Downgrades))
	}
	if s.TryLocks.Times+s.Deadlines.Times+s.Cancelled.Times > 0 {
		lines = append(lines, fmt.Sprintf("Limited, failed/tried:  deadline: %v  cancelled: %v  try-lock: %v", s.Deadlines, s.Cancelled, s.TryLocks))
	}
	if s.RealStalls+s.Prevented > 0 {
		lines = append(lines, fmt.Sprintf("Not injected:  real stalls: %d  cycles prevented by them: %d", s.RealStalls, s.Prevented))
	}
	if d := s.Disturbed; d != (Disturbed{}) {
		lines = append(lines, fmt.Sprintf("Disturbed:  long holds: %d  pauses: %d  shuffles: %d  respawns: %d  collections: %d  procs: %d  storms: %d  chains: %d  stops: %d",
			d.LongHolds, d.Pauses, d.Shuffles, d.Respawns, d.Collections, d.Procs, d.Storms, d.Chains, d.Stops))
	}
	if e := s.Events; e != nil {
		lines = append(lines, fmt.Sprintf("Events:  spun: %d  queued: %d  parked: %d  closed: %d  unqueued: %d  rescued: %d  admitted: %d", e.Spun, e.Queued, e.Parked, e.Closed, e.Unqueued, e.Rescued, e.Admitted))
	}
	if len(s.CycleSizes) > 0 {
		line := "Cycles of size, reported/made:"
		for _, n := range slices.Sorted(maps.Keys(s.CycleSizes)) {
			line += fmt.Sprintf("  %d: %v", n, s.CycleSizes[n])
		}
		lines = append(lines, line)
	}
	for _, part := range slices.Sorted(maps.Keys(s.NotRun)) {
		lines = append(lines, fmt.Sprintf("Not run:  %s: %s", part, s.NotRun[part]))
	}
	return append(lines, s.Waits.String())
}

// A Histogram counts waits by their length. Element n counts those of less than 2^n ns
// that element n-1 does not.
type Histogram [48]int64

// String renders how many waits were shorter than each of some lengths, and not
// shorter than the length before.
func (h Histogram) String() string {
	line, sum := "Waits: ", int64(0)
	for i, n := range h {
		sum += n
		if label, ok := lengths[i]; ok && sum > 0 {
			line += fmt.Sprintf("  <%s: %d", label, sum)
			sum = 0
		}
	}
	if sum > 0 {
		line += fmt.Sprintf("  longer: %d", sum)
	}
	return line
}

// lengths has some powers of two, in ns, by their logarithms.
var lengths = map[int]string{7: "128ns", 10: "1µs", 13: "8µs", 17: "131µs", 20: "1ms", 23: "8ms", 27: "134ms", 30: "1.1s"}

// A tally has what one writer counts, and those that replace it.
type tally struct {
	acquired, reads, realStalls    atomic.Int64
	tryLocks, deadlines, cancelled tried
	selfDeadlocks, recursions      injected
	waits                          [len(Histogram{})]atomic.Int64
	pinned                         atomic.Bool // the writer is to lock itself to a thread
	_                              [64]byte
}

func (t *tally) waited(d time.Duration) {
	t.waits[min(bits.Len64(uint64(max(d, 0))), len(t.waits)-1)].Add(1)
}

// steps grows while the writer makes progress.
func (t *tally) steps() int64 {
	return t.acquired.Load() + t.reads.Load() + t.realStalls.Load() + t.tryLocks.failed.Load() + t.deadlines.failed.Load() + t.cancelled.failed.Load()
}

// tried is a Tried that is being counted.
type tried struct{ times, failed atomic.Int64 }

func (t *Tried) add(more *tried) {
	t.Failed += more.failed.Load() // before times, which is counted first
	t.Times += more.times.Load()
}

// injected is an Injected that is being counted.
type injected struct{ made, reported atomic.Int64 }

func (i *Injected) add(more *injected) {
	i.Reported += more.reported.Load() // before made, which is counted first
	i.Made += more.made.Load()
}

// skipped are the parts of a run that cannot run.
type skipped struct {
	mu    sync.Mutex
	parts map[string]string
}

func (r *Runner) notRun(part string, why error) {
	r.skipped.mu.Lock()
	defer r.skipped.mu.Unlock()
	if r.skipped.parts == nil {
		r.skipped.parts = map[string]string{}
	}
	r.skipped.parts[part] = why.Error()
}

func (s *skipped) has(part string) bool { return s.list()[part] != "" }

func (s *skipped) list() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.parts)
}

// failures are Failures that are being counted.
type failures struct {
	mu   sync.Mutex
	each []Failure
}

func (fs *failures) add(n int64, what, details string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i := range fs.each {
		if f := &fs.each[i]; f.What == what {
			f.Times += n
			return
		}
	}
	fs.each = append(fs.each, Failure{what, n, details})
}

// list returns the failures, and how many there are.
func (fs *failures) list() (each []Failure, times int64) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.each {
		times += f.Times
	}
	return slices.Clone(fs.each), times
}
