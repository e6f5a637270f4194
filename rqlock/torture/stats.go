package torture

import (
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

// Stats is what a run has seen so far.
type Stats struct {
	Elapsed time.Duration `json:"elapsed_ns"`
	Total   int64         `json:"total"` // acquisitions by writers
	Max     int64         `json:"max"`   // by one of them
	Min     int64         `json:"min"`
	Fail    int64         `json:"fail"` // sections disturbed, errors that must not be, injections not reported as they were

	Busy      Tried `json:"busy"` // acquisitions that may fail: by TryLock
	Deadline  Tried `json:"deadline"`
	Cancelled Tried `json:"cancelled"`
	Late      int64 `json:"late"`   // stalls that nobody made: the holder did not run
	Spoilt    int64 `json:"spoilt"` // cycles that one of those has kept from closing

	Disturbed Disturbed `json:"disturbed"`

	Selfs  Injected         `json:"selfs"` // sections that locked again what they held
	Cycles Injected         `json:"cycles"`
	Stalls Injected         `json:"stalls"`
	Sizes  map[int]Injected `json:"cycle_sizes"` // victims of cycles of so many goroutines

	Waits  Histogram      `json:"waits"`
	Events *rqlock.Events `json:"events,omitempty"`

	Trouble []Trouble `json:"trouble,omitempty"` // the first failures, and what a hang looked like
}

// Injected says how many faults were made, and how many of them were reported
// just as they were made.
type Injected struct {
	Made     int64 `json:"made"`
	Reported int64 `json:"reported"`
}

// Tried says how many acquisitions may have failed, and how many did.
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
	Successors  int64 `json:"successors"` // goroutines that took another's place
	Collections int64 `json:"collections"`
	Procs       int64 `json:"procs"` // changes of GOMAXPROCS
}

func (i Injected) String() string { return fmt.Sprintf("%d/%d", i.Reported, i.Made) }

// Ok reports whether nothing has failed.
func (s *Stats) Ok() bool { return s.Fail == 0 && s.Total > 0 }

// Lines renders the statistics; the first line is locktorture's.
func (s *Stats) Lines() []string {
	uneven, failed := "", ""
	if s.Max/2 > s.Min {
		uneven = "???"
	}
	if s.Fail != 0 {
		failed = "!!!"
	}
	lines := []string{strings.TrimRight(fmt.Sprintf("Writes:  Total: %d  Max/Min: %d/%d %s  Fail: %d %s", s.Total, s.Max, s.Min, uneven, s.Fail, failed), " ")}
	if s.Selfs.Made+s.Cycles.Made+s.Stalls.Made > 0 {
		lines = append(lines, fmt.Sprintf("Injected, reported/made:  self: %v  cycle: %v  stall: %v", s.Selfs, s.Cycles, s.Stalls))
	}
	if s.Busy.Times+s.Deadline.Times+s.Cancelled.Times+s.Late+s.Spoilt > 0 {
		lines = append(lines, fmt.Sprintf("Gave up, of those who might:  deadline: %v  cancelled: %v  busy: %v;  late: %d  spoilt cycles: %d", s.Deadline, s.Cancelled, s.Busy, s.Late, s.Spoilt))
	}
	if d := s.Disturbed; d != (Disturbed{}) {
		lines = append(lines, fmt.Sprintf("Disturbed:  long holds: %d  pauses: %d  shuffles: %d  successors: %d  collections: %d  procs: %d",
			d.LongHolds, d.Pauses, d.Shuffles, d.Successors, d.Collections, d.Procs))
	}
	if e := s.Events; e != nil {
		lines = append(lines, fmt.Sprintf("Events:  spun: %d  queued: %d  parked: %d  closed: %d  unqueued: %d", e.Spun, e.Queued, e.Parked, e.Closed, e.Unqueued))
	}
	if len(s.Sizes) > 0 {
		line := "Victims of cycles of"
		for _, n := range slices.Sorted(maps.Keys(s.Sizes)) {
			line += fmt.Sprintf("  %d: %v", n, s.Sizes[n])
		}
		lines = append(lines, line)
	}
	return append(lines, s.Waits.String())
}

// A Histogram counts waits: the n-th number those below 2^n ns, and not below half
// of that.
type Histogram [48]int64

// String renders how many waits were below each limit, and not below the one before.
func (h *Histogram) String() string {
	line, sum := "Waits: ", int64(0)
	for i, n := range h {
		sum += n
		if label, ok := limits[i]; ok && sum > 0 {
			line += fmt.Sprintf("  <%s: %d", label, sum)
			sum = 0
		}
	}
	if sum > 0 {
		line += fmt.Sprintf("  longer: %d", sum)
	}
	return line
}

// limits are the logarithms of some powers of two, in ns.
var limits = map[int]string{7: "128ns", 10: "1µs", 13: "8µs", 17: "131µs", 20: "1ms", 23: "8ms", 27: "134ms", 30: "1.1s"}

// A slot is where a writer, and who follows it, counts.
type slot struct {
	acquired, late            atomic.Int64
	busy, deadline, cancelled tried
	selfs                     injected
	waits                     [len(Histogram{})]atomic.Int64
	pinned                    atomic.Bool // wants a thread of its own
	_                         [64]byte
}

func (s *slot) waited(d time.Duration) {
	s.waits[min(bits.Len64(uint64(max(d, 0))), len(s.waits)-1)].Add(1)
}

// steps grows while the writer gets on.
func (s *slot) steps() int64 {
	return s.acquired.Load() + s.late.Load() + s.busy.failed.Load() + s.deadline.failed.Load() + s.cancelled.failed.Load()
}

// tried is a Tried that is being counted.
type tried struct{ times, failed atomic.Int64 }

func (t *Tried) add(more *tried) {
	t.Failed += more.failed.Load() // before times, which is counted first
	t.Times += more.times.Load()
}

// injected is an Injected that is being counted.
type injected struct{ made, reported atomic.Int64 }

func (i *injected) load() Injected {
	reported := i.reported.Load() // before made, which is counted first
	return Injected{Made: i.made.Load(), Reported: reported}
}

// A ledger has the failures.
type ledger struct {
	mu    sync.Mutex
	kinds []Trouble
}

// Trouble is a kind of failure.
type Trouble struct {
	What  string `json:"what"`
	Times int64  `json:"times"`
	First string `json:"first"` // what the first of them said
}

func (t Trouble) String() string { return fmt.Sprintf("%s (%d times): %s", t.What, t.Times, t.First) }

// fail notes a failure of a kind.
func (l *ledger) fail(kind, format string, args ...any) { l.failTimes(1, kind, format, args...) }

func (l *ledger) failTimes(n int64, kind, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.kinds {
		if t := &l.kinds[i]; t.What == kind {
			t.Times += n
			return
		}
	}
	l.kinds = append(l.kinds, Trouble{kind, n, fmt.Sprintf(format, args...)})
}

// told returns the failures of each kind, and of all.
func (l *ledger) told() (kinds []Trouble, all int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.kinds {
		all += t.Times
	}
	return append(kinds, l.kinds...), all
}
