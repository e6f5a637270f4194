package rqlock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

//go:noinline
func blocksOverAChannel(c chan bool) { <-c }

//go:noinline
func waitsInVain(l *Mutex) error { return l.LockTimeout(50 * time.Millisecond) }

// stallOver has a goroutine hold l over a channel until end is called.
func stallOver(t *testing.T, l *Mutex) (holder uint64, end func()) {
	t.Helper()
	ids, c := make(chan uint64), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		must(t, l.Lock())
		ids <- asm.CurrentGoid()
		blocksOverAChannel(c)
		l.Unlock()
	})
	return <-ids, func() {
		close(c)
		wg.Wait()
	}
}

// TestStallReport: who reads the report of a lock that is held over a channel finds the lock's
// name, both goroutines, both stacks, what the holder does, since when, and the labels.
func TestStallReport(t *testing.T) {
	var l Mutex
	l.SetName("Server.mu")
	defer l.SetName("")
	holder, end := stallOver(t, &l)
	defer end()
	goid.Fresh()
	var err error
	pprof.Do(t.Context(), pprof.Labels("request", "seven"), func(context.Context) { err = waitsInVain(&l) })
	var e *TimeoutError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	whole := fmt.Sprintf("%+v", err)
	me := asm.CurrentGoid()
	for _, want := range []string{
		err.Error() + "\n\n",
		fmt.Sprintf("\ngoroutine %d [waits for Mutex \"Server.mu\" (%#x), held by goroutine %d (chan receive), for 50ms]:\nlabel \"request\": \"seven\"\n", me, addr(&l), holder),
		fmt.Sprintf("\ngoroutine %d [chan receive, holds Mutex \"Server.mu\" (%#x), for ", holder, addr(&l)),
		".waitsInVain(...)\n\t", ".blocksOverAChannel(...)\n\t", "report_test.go:",
	} {
		if !strings.Contains(whole, want) {
			t.Errorf("the report lacks %q:\n%s", want, whole)
		}
	}
	if h := e.Wait.Holders[0]; h.For <= 0 || h.For > 10*time.Second || e.Waiters != 1 || e.Wait.Labels["request"] != "seven" || e.Wait.Lock.Kind != "Mutex" {
		t.Errorf("got %+v, %d waiters", e.Wait, e.Waiters)
	}

	// The next one comes too soon after that to look again, and says so. On a busy machine it may
	// come later.
	await(t, "a report without a new look", func() bool {
		goid.Fresh()
		l.LockTimeout(0) //rqvet:ignore ignorederr it looks
		again := l.LockTimeout(time.Millisecond)
		return errors.As(again, &e) && e.Wait.Holders[0].State == "" && strings.Contains(fmt.Sprintf("%+v", again), "[state not looked up, holds Mutex")
	})
}

// TestWaiters: a report says how many wait.
func TestWaiters(t *testing.T) {
	const n = 20
	l := newLock(t)
	must(t, l.Lock())
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			must(t, l.LockTimeout(time.Hour))
			l.Unlock()
		})
	}
	await(t, "all to wait", func() bool { return len(Snapshot().Waits) == n })
	time.Sleep(time.Duration(countedFor))
	errs := make(chan error)
	go func() { errs <- l.LockTimeout(time.Millisecond) }()
	var e *TimeoutError
	if err := <-errs; !errors.As(err, &e) || e.Waiters != n+1 {
		t.Errorf("%d waiters in %v", e.Waiters, err)
	}
	time.Sleep(time.Duration(countedFor))
	go func() { errs <- l.LockTimeout(0) }() // which enters no queue
	if err := <-errs; !errors.As(err, &e) || e.Waiters != n+1 {
		t.Errorf("%d waiters in %v", e.Waiters, err)
	}
	l.Unlock()
	join(t, &wg)
}

// TestRWReport: a reader that is held up by a waiting writer says so, and by whom the writer is,
// how many wait of either kind, and since when the lock is held.
func TestRWReport(t *testing.T) {
	l := newRW(t)
	l.SetName("cache")
	defer l.SetName("")
	must(t, l.RLock())
	me := asm.CurrentGoid()
	var wg sync.WaitGroup
	wg.Go(func() {
		must(t, l.LockTimeout(time.Hour))
		l.Unlock()
	})
	await(t, "the writer to wait for the reader", func() bool { return l.gate().Draining() })
	writer := Snapshot().Waits[0].Goroutine
	const n = 3
	for range n {
		wg.Go(func() {
			must(t, l.RLockTimeout(time.Hour))
			l.RUnlock()
		})
	}
	await(t, "all to wait, and to know since when", func() bool {
		g := Snapshot()
		return len(g.Waits) == n+1 && g.Waits[0].Holders[0].For > 0
	})
	time.Sleep(time.Duration(countedFor))
	goid.Fresh()
	errs := make(chan error)
	go func() { errs <- l.RLockTimeout(20 * time.Millisecond) }()
	err := <-errs
	var e *TimeoutError
	if !errors.As(err, &e) || e.Waiters != n+2 || !e.Wait.Read || e.Wait.Lock.Kind != "RWMutex" || e.Wait.Behind() != writer ||
		!e.Wait.heldByOnly(me) || !e.Wait.Holders[0].Read || e.Wait.Holders[0].For <= 0 {
		t.Errorf("%d waiters in %+v", e.Waiters, err)
	}
	if want := fmt.Sprintf("which goroutine %d waits to write, held by goroutine %d", writer, me); !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
	for _, w := range Snapshot().Waits {
		if behind := w.Behind(); w.Read != (behind == writer) || !w.heldByOnly(me) {
			t.Errorf("wait %+v is behind %d", w, behind)
		}
	}
	l.RUnlock()
	join(t, &wg)
}

// TestReportForms: an error as JSON, and in a log, has what it has as a value.
func TestReportForms(t *testing.T) {
	var l Mutex
	l.SetName("a\n<b>")
	defer l.SetName("")
	must(t, l.Lock())
	deadlock := l.Lock()
	errs := make(chan error)
	go func() { errs <- l.LockTimeout(time.Millisecond) }()
	timeout := <-errs
	l.Unlock()
	for _, err := range []error{deadlock, timeout} {
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q has several lines", err)
		}
		raw, e := json.Marshal(err)
		must(t, e)
		var data struct {
			Error string
			Cycle []map[string]any
			Wait  map[string]any
		}
		must(t, json.Unmarshal(raw, &data))
		w := data.Wait
		if w == nil {
			w = data.Cycle[0]
		}
		if lock := w["lock"].(map[string]any); data.Error != err.Error() || lock["name"] != "a\n<b>" || lock["addr"] != fmt.Sprintf("%#x", addr(&l)) || lock["kind"] != "Mutex" {
			t.Errorf("got %s", raw)
		}
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Error("failed", "err", err)
		var record struct {
			Err struct {
				Error string
				Cycle map[string]any
				Wait  map[string]any
			}
		}
		must(t, json.Unmarshal(b.Bytes(), &record))
		w = record.Err.Wait
		if w == nil {
			w, _ = record.Err.Cycle["0"].(map[string]any)
		}
		if record.Err.Error != err.Error() || w["lock"].(map[string]any)["name"] != "a\n<b>" || !strings.Contains(w["stack"].(string), "TestReportForms") ||
			w["holders"].(map[string]any)["0"].(map[string]any)["goroutine"] != float64(asm.CurrentGoid()) {
			t.Errorf("logged %s", b.String())
		}
		b.Reset()
		if slog.New(slog.NewTextHandler(&b, nil)).Error("failed", "err", err); strings.Count(b.String(), "\n") != 1 {
			t.Errorf("logged %s", b.String())
		}
	}
}

// BenchmarkSnapshot takes snapshots of 10,000 waiters.
func BenchmarkSnapshot(b *testing.B) {
	const n = 10_000
	var l Mutex
	must(b, l.Lock())
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			must(b, waitsForLong(&l))
			l.Unlock()
		})
	}
	await(b, "all to wait", func() bool { return len(Snapshot().Waits) == n })
	for b.Loop() {
		Snapshot()
	}
	l.Unlock()
	wg.Wait()
}

// TestOrderForms: an OrderError as JSON, in a log, and in full, has what it has as a value.
func TestOrderForms(t *testing.T) {
	stack := func(f string) []runtime.Frame { return []runtime.Frame{{Function: f, File: "f.go", Line: 7}} }
	err := &OrderError{
		Locks:      [2]LockInfo{{0x10, "a\n<b>", "Mutex"}, {0x20, "", "RWMutex"}},
		Orders:     [2]Order{{3, stack("f0"), stack("t0")}, {4, stack("f1"), stack("t1")}},
		Unreported: 5,
	}
	if line := fmt.Sprint(err); line != err.Error() || strings.Contains(line, "\n") || fmt.Sprintf("%q", err) != strconv.Quote(line) {
		t.Errorf("as a line: %q", line)
	}
	raw, e := json.Marshal(err)
	must(t, e)
	quoted, e := json.Marshal(err.Error())
	must(t, e)
	want := `{"error":` + string(quoted) + `,"locks":[{"addr":"0x10","name":"a\n\u003cb\u003e","kind":"Mutex"},{"addr":"0x20","name":"","kind":"RWMutex"}],` +
		`"orders":[{"goroutine":3,"first":[{"function":"f0","file":"f.go","line":7}],"then":[{"function":"t0","file":"f.go","line":7}]},` +
		`{"goroutine":4,"first":[{"function":"f1","file":"f.go","line":7}],"then":[{"function":"t1","file":"f.go","line":7}]}],"unreported":5}`
	if string(raw) != want {
		t.Errorf("as JSON\n%s, want\n%s", raw, want)
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Error("failed", "err", err)
	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("logged %s", b.String())
	}
	for _, want := range []string{
		`err.locks.0.addr=0x10 err.locks.0.name="a\n<b>" err.locks.0.kind=Mutex`, `err.locks.1.kind=RWMutex`,
		`err.orders.0.goroutine=3 err.orders.0.first="f0 f.go:7" err.orders.0.then="t0 f.go:7"`, `err.orders.1.then="t1 f.go:7" err.unreported=5`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the log lacks %s: %s", want, b.String())
		}
	}
}

// TestLogReaders: a log says, as JSON does, how many more readers hold a lock, behind whom a
// reader is, where a lock was taken, and how many violations were not told of.
func TestLogReaders(t *testing.T) {
	w := Wait{more: 3, behind: 9, Holders: []Holder{{Goroutine: 4, Taken: []runtime.Frame{{Function: "takes", File: "f.go", Line: 7}}}}}
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.Error("failed", "err", &TimeoutError{Wait: w, Unreported: 11})
	log.Error("failed", "err", &DeadlockError{Cycle: []Wait{w}, Unreported: 12})
	for _, want := range []string{`err.wait.more=3 err.wait.behind=9`, `err.wait.holders.0.taken="takes f.go:7"`, `err.unreported=11`, `err.unreported=12`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the log lacks %s: %s", want, b.String())
		}
	}
	b.Reset()
	if log.Error("failed", "err", &TimeoutError{}); strings.Contains(b.String(), "more") || strings.Contains(b.String(), "behind") {
		t.Errorf("the log has what is not: %s", b.String())
	}
}

// TestSnapshot: it has all waits, longest first, with stacks, labels and holders, and none when
// they are over.
func TestSnapshot(t *testing.T) {
	n := briefly(10_000, 2_000)
	locks := make([]Mutex, 2)
	for i := range locks {
		must(t, locks[i].Lock())
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			pprof.Do(t.Context(), pprof.Labels("n", fmt.Sprint(i%2)), func(context.Context) { must(t, waitsForLong(&locks[i%2])) })
			locks[i%2].Unlock()
		})
	}
	var g *WaitGraph
	await(t, "all to wait", func() bool { g = Snapshot(); return len(g.Waits) == n })
	me := asm.CurrentGoid()
	for i, w := range g.Waits {
		l := 0
		if w.Lock.Addr == addr(&locks[1]) {
			l = 1
		}
		if !w.heldByOnly(me) || w.Holders[0].State != "" || w.Holders[0].Stack != nil || w.Lock.Addr != addr(&locks[l]) || w.Labels["n"] != fmt.Sprint(l) ||
			!strings.Contains(w.Stack[1].Function, "waitsForLong") || i > 0 && w.For > g.Waits[i-1].For {
			t.Fatalf("wait %d is %+v", i, w)
		}
	}
	if len(g.Cycles) != 0 {
		t.Errorf("cycles %v", g.Cycles)
	}
	if line := g.String(); strings.Count(line, "\n") != n+1 {
		t.Errorf("%d lines", strings.Count(line, "\n"))
	}
	for i := range locks {
		locks[i].Unlock()
	}
	join(t, &wg)
	if g = Snapshot(); len(g.Waits) != 0 {
		t.Errorf("left: %v", g)
	}
}

//go:noinline
func waitsForLong(l *Mutex) error { return l.LockTimeout(time.Hour) }

// TestSnapshotMoment: all waits of a snapshot go on at once. One that has ended since it was found
// is not in it, though its goroutine, with the same record, waits for the same lock again.
func TestSnapshotMoment(t *testing.T) {
	locks := newLocks(t, 2)
	a := newActors(t, 2)
	for i := range locks {
		must(t, locks[i].Lock())
		a[i].waits(&locks[i], func() error { return locks[i].LockTimeout(time.Hour) })
	}
	steps := waitgraph.All()
	if g := snapshotOf(slices.Clone(steps)); len(g.Waits) != 2 {
		t.Fatalf("want two waits: %v", g)
	}
	locks[0].Unlock()
	must(t, a[0].result())
	if g := snapshotOf(slices.Clone(steps)); len(g.Waits) != 1 || g.Waits[0].Goroutine != a[1].id {
		t.Errorf("after the first has ended: %v", g)
	}
	a[0].unlock(&locks[0])
	must(t, locks[0].Lock())
	a[0].waits(&locks[0], func() error { return locks[0].LockTimeout(time.Hour) })
	if g := snapshotOf(slices.Clone(steps)); len(g.Waits) != 1 || g.Waits[0].Goroutine != a[1].id {
		t.Errorf("when the first waits again: %v", g)
	}
	for i := range locks {
		locks[i].Unlock()
		must(t, a[i].result())
		a[i].unlock(&locks[i])
	}
}

// TestCycles: cycles are found in graphs, and nothing else is.
func TestCycles(t *testing.T) {
	for _, test := range []struct {
		edges [][]int
		want  [][]int
	}{
		{nil, nil},
		{[][]int{{1}, {2}, {}}, nil},
		{[][]int{{0}}, [][]int{{0}}},
		{[][]int{{1}, {2}, {1}}, [][]int{{1, 2}}},
		{[][]int{{1, 2}, {3}, {3}, {}}, nil},
		{[][]int{{1}, {0}, {3}, {2}}, [][]int{{0, 1}, {2, 3}}},
		{[][]int{{1, 2}, {}, {0}}, [][]int{{0, 2}}},
	} {
		if got := cycles(len(test.edges), func(i int) []int { return test.edges[i] }); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: %v, want %v", test.edges, got, test.want)
		}
	}
}

// TestSetNames: every lock in a value is named by its field.
func TestSetNames(t *testing.T) {
	type shard struct {
		_  int
		mu RWMutex
	}
	type Server struct {
		name   string
		mu     Mutex
		shards [2]shard
		inner  struct{ mu Mutex }
		other  *Mutex
	}
	s := Server{other: new(Mutex)}
	SetNames(&s)
	for want, got := range map[string]LockInfo{
		"Server.mu": s.mu.info(), "Server.shards[0].mu": s.shards[0].mu.info(), "Server.shards[1].mu": s.shards[1].mu.info(),
		"Server.inner.mu": s.inner.mu.info(), "": s.other.info(),
	} {
		if got.Name != want {
			t.Errorf("lock %v should be %q", got, want)
		}
	}
	if kind := s.shards[0].mu.info().Kind; kind != "RWMutex" {
		t.Errorf("its kind is %q", kind)
	}
	var alone Mutex
	if SetNames(&alone); alone.info().Name != "Mutex" {
		t.Errorf("a lock alone is %v", alone.info())
	}
	for _, bad := range []any{nil, s.name, &s.name, (*Server)(nil), struct{ mu *Mutex }{}} {
		if said := panicOf(t, func() { SetNames(bad) }); !strings.HasPrefix(fmt.Sprint(said), "rqlock: SetNames: ") {
			t.Errorf("SetNames(%T): %v", bad, said)
		}
	}
}

// TestTraceRegions: a trace has a region for a wait that parks.
func TestTraceRegions(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("a trace is on already")
	}
	var b bytes.Buffer
	must(t, trace.Start(&b))
	l := newLock(t)
	must(t, l.Lock())
	errs := make(chan error)
	go func() { errs <- l.LockTimeout(20 * time.Millisecond) }()
	err := <-errs
	trace.Stop()
	l.Unlock()
	if !errors.Is(err, ErrTimeout) || !bytes.Contains(b.Bytes(), []byte("rqlock: parked")) {
		t.Errorf("got %v, and no region in %d bytes", err, b.Len())
	}
}
