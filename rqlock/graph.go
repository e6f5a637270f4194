package rqlock

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
	"github.com/rqlock/rqlock/rqlock/internal/report"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// A WaitGraph has who waits for what, and who holds that. See [Snapshot].
type WaitGraph struct {
	Time   time.Time
	Waits  []Wait
	Cycles [][]int // indices into Waits: each waits for what the next one holds, and the last for the first
}

// A Wait is the wait of one goroutine for one lock.
type Wait struct {
	Goroutine uint64            // id of the goroutine that waits
	Lock      LockInfo          // what it waits for
	Read      bool              // it waits to read: the lock is an RWMutex
	For       time.Duration     // how long it has waited
	Stack     []runtime.Frame   // where it waits, innermost call first
	Labels    map[string]string // its labels for package runtime/pprof; nil = none

	// Holders are the goroutines that hold the lock: one, or the first 16 readers of an
	// RWMutex, see More. None: the lock is free, but not handed over yet. In a
	// [*DeadlockError] it is the one that waits in its turn.
	Holders []Holder

	more   int
	behind uint64
	epoch  uint32 // the number of the wait, see waiter.Edge
	handed uint64 // the lock is one that is handed over; who has acquired it
}

// More returns how many more readers hold the lock than Holders has.
func (w *Wait) More() int { return w.more }

// Behind returns the id of the goroutine that holds a reader up though it does not hold the
// lock: it waits to write, until those who read have left. 0 = none.
func (w *Wait) Behind() uint64 { return w.behind }

// A Holder is a goroutine that holds a lock which others wait for.
type Holder struct {
	Goroutine uint64        // its id
	Read      bool          // it holds the lock for reading
	For       time.Duration // for how long it holds the lock, at least: since a waiter has watched it; 0 = unknown

	// State is what the goroutine did when a [*TimeoutError] was made, as a traceback
	// says it: "running", "chan receive", "coroutine" for an iterator that is suspended
	// (see iter.Pull), or "ended". It is "" if that was not looked up, as in a
	// [*DeadlockError], whose goroutines all wait, and in a [Snapshot]; or because the
	// last look was too recent: it stops the program for a while.
	State string

	Stack []runtime.Frame // where it was then, innermost call first; nil if unknown
	Taken []runtime.Frame // where it took the lock; only with build tag rqlocktrace
}

// LockInfo identifies a lock in a report.
type LockInfo struct {
	Addr uintptr
	Name string // see Mutex.SetName
	Kind string // "Mutex" or "RWMutex"
}

// String is what a line says of the lock. Of a long name it has the beginning.
func (i LockInfo) String() string {
	if i.Name != "" {
		return fmt.Sprintf("%s (%#x)", quote(i.Name), i.Addr)
	}
	return fmt.Sprintf("%#x", i.Addr)
}

// longest is how many bytes of a name, or of a label, a line shows.
const longest = 200

// quote makes data harmless: it is quoted, and cut if it is long.
func quote(s string) string {
	if len(s) > longest {
		return strconv.Quote(s[:longest]) + "..."
	}
	return strconv.Quote(s)
}

func infoOf(l *asm.Owned, kind waiter.Kind) LockInfo {
	i := LockInfo{Addr: attributes.Addr(l), Name: attributes.NameOf(l), Kind: "RWMutex"}
	if kind == waiter.ForMutex {
		i.Kind = "Mutex"
	}
	return i
}

// heldBy says who holds the lock that is waited for.
func (w *Wait) heldBy() string {
	if w.handed != 0 {
		return fmt.Sprintf("acquired by goroutine %d, and handed over between goroutines", w.handed)
	}
	if len(w.Holders) == 0 {
		return "free, but not handed over"
	}
	var b strings.Builder
	if w.behind != 0 {
		fmt.Fprintf(&b, "which goroutine %d waits to write, ", w.behind)
	}
	b.WriteString("held by ")
	if n := len(w.Holders) + w.more; n > 1 {
		fmt.Fprintf(&b, "%d readers: ", n)
	}
	for i := range w.Holders {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(w.Holders[i].describe())
	}
	if w.more > 0 {
		fmt.Fprintf(&b, " and %d more", w.more)
	}
	return b.String()
}

func (h *Holder) describe() string {
	reads := ""
	if h.Read {
		reads = ", which reads"
	}
	switch h.State {
	case "":
		return fmt.Sprintf("goroutine %d%s", h.Goroutine, reads)
	case goid.Ended:
		return fmt.Sprintf("goroutine %d, which has ended", h.Goroutine)
	case goid.Coroutine:
		return fmt.Sprintf("goroutine %d, which is suspended in an iterator (%s)", h.Goroutine, h.State)
	default:
		return fmt.Sprintf("goroutine %d (%s)", h.Goroutine, h.State)
	}
}

// lookUp finds out what the holders of the waits do, at once.
func lookUp(waits []Wait) {
	var ids []uint64
	holders := map[uint64][]*Holder{}
	for i := range waits {
		for j := range waits[i].Holders {
			h := &waits[i].Holders[j]
			if holders[h.Goroutine] == nil {
				ids = append(ids, h.Goroutine)
			}
			holders[h.Goroutine] = append(holders[h.Goroutine], h)
		}
	}
	goid.States(ids, func(i int, state string, stack []runtime.Frame) {
		for _, h := range holders[ids[i]] {
			h.State, h.Stack = state, stack
		}
	})
}

// LookUp finds out what the holders do, and where, which [Snapshot] does not: it fills in
// their State and Stack. For that it has to stop the program, for some 20 us a goroutine. So it
// does nothing if the last look, be it for a [*TimeoutError], was less than a hundred times as
// long ago as that took.
func (g *WaitGraph) LookUp() { lookUp(g.Waits) }

// String says each wait in a line.
func (g *WaitGraph) String() string { return fmt.Sprintf("%v", g) }

// Format prints a line for each wait, and for %+v stacks like those of a traceback.
func (g *WaitGraph) Format(s fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(s, "%q", fmt.Sprintf("%v", g))
		return
	}
	fmt.Fprintf(s, "%s: %d goroutines wait, in %d cycles\n", g.Time.Format(time.RFC3339Nano), len(g.Waits), len(g.Cycles))
	for _, c := range g.Cycles {
		ids := make([]string, len(c))
		for i, at := range c {
			ids[i] = strconv.FormatUint(g.Waits[at].Goroutine, 10)
		}
		fmt.Fprintf(s, "cycle of goroutines %s\n", strings.Join(ids, ", "))
	}
	if verb == 'v' && s.Flag('+') {
		writeWaits(s, g.Waits)
		return
	}
	for i := range g.Waits {
		fmt.Fprintf(s, "%s\n", g.Waits[i].line())
	}
}

// line is what a line says of the wait.
func (w *Wait) line() string {
	return fmt.Sprintf("goroutine %d waits%s for %s %v, %s, for %v", w.Goroutine, w.toRead(), w.Lock.Kind, w.Lock, w.heldBy(), rounded(w.For))
}

func (w *Wait) toRead() string {
	if w.Read {
		return " to read,"
	}
	return ""
}

// rounded leaves out what nobody reads.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d
}

// writeWaits writes the waits, and then each holder, as a traceback does its goroutines.
func writeWaits(to io.Writer, waits []Wait) {
	type held struct {
		goroutine uint64
		lock      uintptr
	}
	said := map[held]bool{}
	waiting := map[uint64]bool{}
	for i := range waits {
		w := &waits[i]
		waiting[w.Goroutine] = true
		fmt.Fprintf(to, "\ngoroutine %d [waits%s for %s %v, %s, for %v]:\n", w.Goroutine, w.toRead(), w.Lock.Kind, w.Lock, w.heldBy(), rounded(w.For))
		for _, key := range slices.Sorted(maps.Keys(w.Labels)) {
			fmt.Fprintf(to, "label %s: %s\n", quote(key), quote(w.Labels[key]))
		}
		writeStack(to, w.Stack)
	}
	for i := range waits {
		w := &waits[i]
		for j := range w.Holders {
			h := &w.Holders[j]
			if at := (held{h.Goroutine, w.Lock.Addr}); !said[at] {
				said[at] = true
				h.write(to, w.Lock, waiting[h.Goroutine])
			}
		}
	}
}

func (h *Holder) write(to io.Writer, lock LockInfo, waits bool) {
	state, since := h.State, ""
	switch {
	case waits:
		state = "waits, see above"
	case state == "":
		state = "state not looked up"
	}
	if h.For > 0 {
		since = fmt.Sprintf(", for %v at least", rounded(h.For))
	}
	what := "holds"
	if h.Read {
		what = "reads"
	}
	fmt.Fprintf(to, "\ngoroutine %d [%s, %s %s %v%s]:\n", h.Goroutine, state, what, lock.Kind, lock, since)
	if !waits {
		writeStack(to, h.Stack)
	}
	if len(h.Taken) > 0 {
		fmt.Fprintf(to, "took it at:\n")
		writeStack(to, h.Taken)
	}
}

func writeStack(w io.Writer, stack []runtime.Frame) {
	for _, f := range stack {
		if f.Function == report.Cut {
			fmt.Fprintf(w, "...additional frames elided...\n")
			continue
		}
		fmt.Fprintf(w, "%s(...)\n", f.Function)
		if f.File != "" {
			fmt.Fprintf(w, "\t%s:%d\n", f.File, f.Line)
		}
	}
}

// What a wait looks like as JSON.
type (
	frameJSON struct {
		Function string `json:"function"`
		File     string `json:"file"`
		Line     int    `json:"line"`
	}
	lockJSON struct {
		Addr string `json:"addr"`
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	holderJSON struct {
		Goroutine uint64      `json:"goroutine"`
		Read      bool        `json:"read"`
		ForNs     int64       `json:"for_ns"`
		State     string      `json:"state"`
		Stack     []frameJSON `json:"stack"`
		Taken     []frameJSON `json:"taken,omitempty"`
	}
	waitJSON struct {
		Goroutine uint64            `json:"goroutine"`
		Lock      LockInfo          `json:"lock"`
		Read      bool              `json:"read"`
		ForNs     int64             `json:"for_ns"`
		Stack     []frameJSON       `json:"stack"`
		Labels    map[string]string `json:"labels"`
		Holders   []Holder          `json:"holders"`
		More      int               `json:"more,omitempty"`   // readers that hold it, besides Holders
		Behind    uint64            `json:"behind,omitempty"` // who waits to write it, and so holds this reader up
	}
	graphJSON struct {
		Time   time.Time `json:"time"`
		Waits  []Wait    `json:"waits"`
		Cycles [][]int   `json:"cycles"`
	}
)

func framesJSON(stack []runtime.Frame) []frameJSON {
	out := make([]frameJSON, len(stack))
	for i, f := range stack {
		out[i] = frameJSON{f.Function, f.File, f.Line}
	}
	return out
}

// orEmpty makes an absent list an empty one.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// MarshalJSON returns {"addr": "0x...", "name", "kind"}.
func (i LockInfo) MarshalJSON() ([]byte, error) {
	return json.Marshal(lockJSON{fmt.Sprintf("%#x", i.Addr), i.Name, i.Kind})
}

// MarshalJSON returns {"goroutine", "read", "for_ns", "state", "stack"}, where stack is a list
// of {"function", "file", "line"}.
func (h Holder) MarshalJSON() ([]byte, error) {
	out := holderJSON{h.Goroutine, h.Read, int64(h.For), h.State, framesJSON(h.Stack), nil}
	if h.Taken != nil {
		out.Taken = framesJSON(h.Taken)
	}
	return json.Marshal(out)
}

// MarshalJSON returns {"goroutine", "lock", "read", "for_ns", "stack", "labels", "holders"}, and
// "more" and "behind" if they are not 0.
func (w Wait) MarshalJSON() ([]byte, error) {
	labels := w.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	return json.Marshal(waitJSON{
		w.Goroutine, w.Lock, w.Read, int64(w.For), framesJSON(w.Stack), labels, orEmpty(w.Holders), w.more, w.behind,
	})
}

// MarshalJSON returns {"time", "waits", "cycles"}.
func (g *WaitGraph) MarshalJSON() ([]byte, error) {
	return json.Marshal(graphJSON{g.Time, orEmpty(g.Waits), orEmpty(g.Cycles)})
}

// MarshalJSON returns {"error", "cycle", "unreported"}, where cycle is a list of waits.
func (e *DeadlockError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Error      string `json:"error"`
		Cycle      []Wait `json:"cycle"`
		Unreported uint64 `json:"unreported"`
	}{e.Error(), orEmpty(e.Cycle), e.Unreported})
}

// MarshalJSON returns {"error", "wait", "stall", "waiters", "unreported"}.
func (e *TimeoutError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Error      string `json:"error"`
		Wait       Wait   `json:"wait"`
		Stall      bool   `json:"stall"`
		Waiters    int    `json:"waiters"`
		Unreported uint64 `json:"unreported"`
	}{e.Error(), e.Wait, e.Stall, e.Waiters, e.Unreported})
}

// MarshalJSON returns {"error", "locks", "orders", "unreported"}, where locks and orders are
// lists of two.
func (e *OrderError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Error      string      `json:"error"`
		Locks      [2]LockInfo `json:"locks"`
		Orders     [2]Order    `json:"orders"`
		Unreported uint64      `json:"unreported"`
	}{e.Error(), e.Locks, e.Orders, e.Unreported})
}

// MarshalJSON returns {"goroutine", "first", "then"}, where first and then are stacks.
func (o Order) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Goroutine uint64      `json:"goroutine"`
		First     []frameJSON `json:"first"`
		Then      []frameJSON `json:"then"`
	}{o.Goroutine, framesJSON(o.First), framesJSON(o.Then)})
}
