package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/sync/policy"
)

// crossing is a deadlock of two goroutines. The second one closes the cycle, and its panic is
// what crossing returns once both are through.
func crossing(a, b Locker) (panics any) {
	var wg gosync.WaitGroup
	locked := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	wg.Go(func() {
		a.Lock()
		defer a.Unlock()
		close(locked[0])
		<-locked[1]
		b.Lock()
		defer b.Unlock()
	})
	wg.Go(func() {
		defer func() { panics = recover() }()
		<-locked[0]
		b.Lock()
		defer b.Unlock()
		close(locked[1])
		for waiting() == 0 {
			time.Sleep(time.Millisecond)
		}
		a.Lock()
		defer a.Unlock()
	})
	wg.Wait()
	return panics
}

// twice locks a Mutex twice.
func twice() {
	var m Mutex
	m.Lock()
	defer m.Unlock()
	m.Lock() //rqvet:ignore selfdeadlock it is what the test is about
}

// deadlocks are what a goroutine can do wrong alone.
var deadlocks = map[string]func(){
	"Mutex twice": twice,
	"write twice": func() {
		var l RWMutex
		l.Lock()
		defer l.Unlock()
		l.Lock()
	},
	"write, read": func() {
		var l RWMutex
		l.Lock()
		defer l.Unlock()
		l.RLock()
	},
	"read, write": func() {
		var l RWMutex
		l.RLock()
		defer l.RUnlock()
		l.Lock()
	},
}

// TestPanic: the goroutine that closes the cycle panics with the error, once the verdict is
// confirmed. Its deferred unlocks run, and the other one goes on.
func TestPanic(t *testing.T) {
	l := quietly(t, 3*briefly)
	for name, f := range deadlocks {
		start := time.Now()
		err := deadlock(f)
		if err == nil || len(err.Cycle) != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took < 3*briefly {
			t.Errorf("%s: the verdict is confirmed after %v", name, took)
		}
	}
	for _, locks := range [][2]Locker{{new(Mutex), new(Mutex)}, {new(RWMutex), new(Mutex)}, {new(Mutex), new(RWMutex)}} {
		a, b := locks[0], locks[1]
		got, _ := crossing(a, b).(*rqlock.DeadlockError)
		if got == nil || len(got.Cycle) != 2 {
			t.Errorf("%T, %T: %v", a, b, got)
		}
		for _, l := range locks {
			pass(l) // it is free
		}
	}
	if n := l.count("rqlock/sync: deadlock"); n != len(deadlocks)+3 {
		t.Errorf("%d reports of %d deadlocks", n, len(deadlocks)+3)
	}
}

// TestRelock: a goroutine that has released a lock for a while panics as it locks it again. Its
// deferred unlock is not that of the goroutine which has the lock now. It is left out once.
func TestRelock(t *testing.T) {
	quietly(t, briefly)
	m, rw, mixed := new(Mutex), new(RWMutex), new(RWMutex)
	for _, c := range []struct {
		name  string
		again Locker
		other interface {
			Locker
			TryLock() bool
		}
	}{
		{"Mutex", m, m}, {"to write", rw, rw}, {"to read", mixed.RLocker(), mixed},
	} {
		var outer Mutex
		var wg gosync.WaitGroup
		released := make(chan struct{})
		wg.Go(func() {
			<-released
			c.other.Lock()
			defer c.other.Unlock()
			outer.Lock() // until the one that has it panics
			defer outer.Unlock()
			if c.other.TryLock() {
				t.Errorf("%s: the lock was lost", c.name)
				c.other.Unlock()
			}
		})
		if err := deadlockHere(func() {
			outer.Lock()
			defer outer.Unlock()
			c.again.Lock()
			defer c.again.Unlock()
			c.again.Unlock()
			close(released)
			eventually(t, "nobody waits", func() bool { return waiting() == 1 })
			c.again.Lock()
		}); err == nil || len(err.Cycle) != 2 {
			t.Errorf("%s: %v", c.name, err)
		}
		wg.Wait()
		pass(c.again) // it is free
		elsewhere(c.again.Lock)
		if c.again.Unlock(); !c.other.TryLock() { // a hand-over
			t.Errorf("%s: an unlock is left out that nobody owes", c.name)
			continue
		}
		c.other.Unlock()
	}
}

// TestRelockWithoutUnlock: a goroutine that has locked the lock after all owes no unlock any more,
// and may unlock it for another one.
func TestRelockWithoutUnlock(t *testing.T) {
	quietly(t, briefly)
	var m, outer Mutex
	var wg gosync.WaitGroup
	released := make(chan struct{})
	wg.Go(func() {
		<-released
		m.Lock()
		defer m.Unlock()
		pass(&outer) // until the one that has it panics
		for waiting() == 0 {
			time.Sleep(time.Millisecond)
		}
	})
	if err := deadlockHere(func() {
		outer.Lock()
		defer outer.Unlock()
		pass(&m)
		close(released)
		eventually(t, "nobody waits", func() bool { return waiting() == 1 })
		m.Lock()
	}); err == nil || len(err.Cycle) != 2 {
		t.Errorf("%v", err)
	}
	pass(&m) // in its turn
	wg.Wait()
	elsewhere(m.Lock)
	if m.Unlock(); !m.TryLock() {
		t.Fatal("an unlock is left out that nobody owes")
	}
	m.Unlock()
}

// TestCounted: a deadlock is counted when it is confirmed, and whether it is one of one goroutine
// or of more. One that somebody ends by unlocking is counted as withdrawn, and as nothing else.
func TestCounted(t *testing.T) {
	type counts struct{ self, cycle, confirmed, withdrawn uint64 }
	counted := func(f func()) (c counts) {
		before := rqlock.ReadEvents()
		f()
		now := rqlock.ReadEvents()
		return counts{
			now.SelfDeadlock - before.SelfDeadlock, now.CycleDeadlock - before.CycleDeadlock,
			now.Confirmed - before.Confirmed, now.Withdrawn - before.Withdrawn,
		}
	}
	quietly(t, briefly)
	for name, f := range deadlocks {
		if got := counted(func() { deadlock(f) }); got != (counts{self: 1, confirmed: 1}) {
			t.Errorf("%s: counted %+v", name, got)
		}
	}
	if got := counted(func() { crossing(new(Mutex), new(Mutex)) }); got != (counts{cycle: 1, confirmed: 1}) {
		t.Errorf("a cycle of two: counted %+v", got)
	}
	quietly(t, soon)
	for _, l := range []Locker{new(Mutex), new(RWMutex)} {
		if got := counted(func() {
			l.Lock()
			go func() {
				time.Sleep(briefly)
				l.Unlock()
			}()
			pass(l)
		}); got != (counts{withdrawn: 1}) {
			t.Errorf("somebody unlocks a %T: counted %+v", l, got)
		}
	}
	h := &lockingHandler{Handler: slog.NewTextHandler(io.Discard, nil)}
	policy.SetConfirm(briefly)
	policy.SetLogger(slog.New(h))
	stderr, err := os.Stderr, error(nil)
	defer func() { os.Stderr = stderr }()
	if os.Stderr, err = os.Open(os.DevNull); err != nil { // the report goes there
		t.Fatal(err)
	}
	defer os.Stderr.Close()
	if got := counted(func() {
		deadlock(func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.mu.Lock() //rqvet:ignore selfdeadlock it is what the test is about
		})
	}); got != (counts{self: 2, confirmed: 2}) {
		t.Errorf("a deadlock, and one more to report it: counted %+v", got)
	}
}

// TestBubble: a verdict is confirmed in real time also in a bubble, whose clock stands meanwhile.
func TestBubble(t *testing.T) {
	quietly(t, 3*briefly)
	synctest.Test(t, func(t *testing.T) {
		stop := stopwatch()
		fake := time.Now()
		func() {
			defer func() {
				if _, ok := recover().(*rqlock.DeadlockError); !ok {
					t.Error("no deadlock in a bubble")
				}
			}()
			twice()
		}()
		if d := stop(); d < 3*briefly {
			t.Errorf("the verdict is confirmed after %v", d)
		}
		if d := time.Since(fake); d != 0 {
			t.Errorf("the bubble's clock has gone on by %v", d)
		}
		// Somebody unlocks before that.
		var m Mutex
		m.Lock()
		go m.Unlock()
		pass(&m)
	})
}

// TestConfirmYields: who confirms a verdict has the others run, also where there is one
// processor, and in a bubble, where it must not sleep.
func TestConfirmYields(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	quietly(t, 5*time.Millisecond) // in less than that no goroutine is preempted
	unlocks := func(t *testing.T) {
		for range 20 {
			var m Mutex
			m.Lock()
			go m.Unlock()
			if err := deadlockHere(func() { pass(&m) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	unlocks(t)
	synctest.Test(t, unlocks)
}

// deadlockHere is deadlock in the calling goroutine.
func deadlockHere(f func()) (err *rqlock.DeadlockError) {
	defer func() {
		if v := recover(); v != nil && !errors.As(v.(error), &err) {
			panic(v)
		}
	}()
	f()
	return nil
}

// TestHeldLong: a lock that is held for long is reported once, and those who wait get it. When it
// is held for long again, that is reported again.
func TestHeldLong(t *testing.T) {
	rqlock.SetStallTimeout(briefly)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	m, rw := new(Mutex), new(RWMutex)
	for _, c := range []struct {
		name         string
		own          Locker
		lock, unlock func()
	}{
		{"Mutex", m, m.Lock, m.Unlock}, {"to write", rw, rw.Lock, rw.Unlock}, {"to read", rw, rw.RLock, rw.RUnlock},
	} {
		l := quietly(t, briefly)
		for round := range 2 {
			c.own.Lock()
			var wg gosync.WaitGroup
			for range 5 {
				wg.Go(func() {
					c.lock()
					c.unlock()
				})
			}
			eventually(t, "it is not reported", func() bool { return l.count("held long") == round+1 })
			time.Sleep(5 * briefly)
			c.own.Unlock()
			wg.Wait()
			if n := l.count("held long"); n != round+1 {
				t.Errorf("%s: %d reports, want %d", c.name, n, round+1)
			}
		}
		if l.count("deadlock:") != 0 {
			t.Errorf("%s: a deadlock is reported", c.name)
		}
	}
}

// TestHeldLongBySomebody: a lock that is handed over, and held for long, is reported. Nobody is
// blamed: it is said who has acquired it last.
func TestHeldLongBySomebody(t *testing.T) {
	rqlock.SetStallTimeout(briefly)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	for _, lock := range []Locker{new(Mutex), new(RWMutex)} {
		l := quietly(t, briefly)
		lock.Lock()
		elsewhere(lock.Unlock)
		lock.Lock()
		done := make(chan struct{})
		go func() {
			defer close(done)
			pass(lock)
		}()
		eventually(t, "it is not reported", func() bool { return l.count("held long") == 1 })
		lock.Unlock()
		<-done
		if says := fmt.Sprintf("acquired by goroutine %d, and handed over between goroutines", asm.CurrentGoid()); l.count(says) == 0 || l.count("held by") != 0 {
			t.Errorf("%T: %s", lock, &l.text)
		}
	}
}

// TestReportWaits: with the policy Report a deadlock is reported once. Who has closed it waits
// then, as anybody, and goes on when somebody unlocks.
func TestReportWaits(t *testing.T) {
	l := quietly(t, briefly)
	policy.Set(policy.Report)
	defer policy.Set(policy.Panic)
	for _, lock := range []Locker{new(Mutex), new(RWMutex)} {
		before := l.count("rqlock/sync: deadlock")
		done := make(chan struct{})
		go func() {
			defer close(done)
			lock.Lock()
			pass(lock) //rqvet:ignore selfdeadlock it is what the test is about
		}()
		eventually(t, "it is not reported", func() bool { return l.count("rqlock/sync: deadlock") == before+1 })
		var wait uint64
		eventually(t, "it does not wait", func() bool {
			waits := rqlock.Snapshot().Waits
			if len(waits) == 1 {
				wait = waits[0].Goroutine
			}
			return len(waits) == 1
		})
		for range 20 {
			time.Sleep(2 * time.Millisecond)
			if waits := rqlock.Snapshot().Waits; len(waits) != 1 || waits[0].Goroutine != wait || waits[0].For < time.Millisecond {
				t.Fatalf("it does not wait on: %v", waits)
			}
		}
		lock.Unlock()
		<-done
		if n := l.count("rqlock/sync: deadlock"); n != before+1 {
			t.Errorf("it is reported %d times", n-before)
		}
	}
}

// TestReportedOnce: with policy Report a cycle is reported by one of its goroutines, though each
// of them waits for longer than the stall timeout. Where the machine has paused for so long before
// the cycle was confirmed, the other one may say before that its lock is held long.
func TestReportedOnce(t *testing.T) {
	const timeout = 4 * briefly
	rqlock.SetStallTimeout(timeout)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	l := quietly(t, briefly)
	policy.Set(policy.Report)
	defer policy.Set(policy.Panic)
	deadlocks, long := 0, 0
	end := time.Now().Add(soon)
	for inTime := 0; inTime < 2; {
		if time.Now().After(end) {
			t.Fatal("the machine pauses in each round")
		}
		var a, b Mutex
		var wg gosync.WaitGroup
		locked := make(chan struct{})
		start := time.Now()
		wg.Go(func() {
			a.Lock()
			locked <- struct{}{}
			<-locked
			pass(&b)
		})
		wg.Go(func() {
			<-locked
			b.Lock()
			defer b.Unlock()
			close(locked)
			pass(&a)
		})
		deadlocks++
		eventually(t, "it is not reported", func() bool { return l.count("rqlock/sync: deadlock") == deadlocks })
		if time.Since(start) < timeout {
			inTime++
		} else {
			long = l.count("held long")
		}
		time.Sleep(4 * timeout)
		if d, h := l.count("rqlock/sync: deadlock"), l.count("held long"); d != deadlocks || h != long {
			t.Errorf("%d reports of a deadlock, want %d, and %d that a lock is held long, want %d", d, deadlocks, h, long)
		}
		a.Unlock()
		wg.Wait()
	}
}

func init() {
	programs["twice"] = twice
	programs["crossing"] = func() { panic(crossing(new(Mutex), new(Mutex))) }
	programs["set report"] = func() {
		policy.Set(policy.Report)
		go func() {
			time.Sleep(time.Second)
			fmt.Println("still there")
			os.Exit(7)
		}()
		twice()
	}
	programs["set exit"] = func() {
		policy.Set(policy.Exit)
		defer fmt.Println("deferred")
		twice()
	}
	programs["set off"] = func() {
		policy.Set(policy.Off)
		rqlock.SetStallTimeout(10 * time.Millisecond)
		go func() {
			time.Sleep(time.Second)
			os.Exit(7)
		}()
		crossing(new(RWMutex), new(Mutex))
	}
	programs["report, and go on"] = func() {
		policy.Set(policy.Report)
		var m Mutex
		m.Lock()
		go func() {
			time.Sleep(time.Second)
			m.Unlock()
		}()
		m.Lock()
		fmt.Println("went on")
	}
	for name, f := range map[string]func(){
		"unlock Mutex": func() { new(Mutex).Unlock() }, //rqvet:ignore unheld it is what the test is about
		"unlock Mutex twice": func() {
			var m Mutex
			pass(&m)
			m.Unlock()
		},
		"unlock RWMutex":   func() { new(RWMutex).Unlock() },                    //rqvet:ignore unheld it is what the test is about
		"unlock a reader":  func() { l := new(RWMutex); l.RLock(); l.Unlock() }, //rqvet:ignore wrongunlock it is what the test is about
		"runlock RWMutex":  func() { new(RWMutex).RUnlock() },                   //rqvet:ignore unheld it is what the test is about
		"runlock a writer": func() { l := new(RWMutex); l.Lock(); l.RUnlock() }, //rqvet:ignore wrongunlock it is what the test is about
		"runlock twice": func() {
			l := new(RWMutex)
			l.RLock()
			elsewhere(l.RUnlock)
			l.RUnlock()
		},
		"runlock twice in rows": func() {
			l := new(RWMutex)
			for range 10_000 {
				pass(l.RLocker())
			}
			l.RLock()
			elsewhere(l.RUnlock)
			l.RUnlock()
			pass(l)
		},
		"runlock too often": func() {
			l := new(RWMutex)
			for range 2 {
				elsewhere(l.RLock)
				l.RUnlock()
			}
			l.RUnlock()
		},
	} {
		programs[name] = func() {
			defer func() { recover() }() // a fatal error is not recovered
			f()
		}
	}
	for name, p := range map[string]policy.Policy{"panic": policy.Panic, "report": policy.Report, "exit": policy.Exit} {
		programs["handler "+name] = func() {
			policy.Set(p)
			h := &lockingHandler{Handler: slog.NewTextHandler(os.Stdout, nil)}
			policy.SetLogger(slog.New(h))
			go func() {
				time.Sleep(2 * time.Second)
				os.Exit(7)
			}()
			h.mu.Lock()
			h.mu.Lock() //rqvet:ignore selfdeadlock it is what the test is about
		}
	}
}

// A handlerFunc is a handler that is a function.
type handlerFunc func()

func (f handlerFunc) Enabled(context.Context, slog.Level) bool  { return true }
func (f handlerFunc) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f handlerFunc) WithGroup(string) slog.Handler             { return f }
func (f handlerFunc) Handle(context.Context, slog.Record) error { f(); return nil }

func init() {
	// Each handler is called by a goroutine that holds m.
	for name, handle := range map[string]func(m *Mutex){
		"recovers": func(m *Mutex) {
			defer func() { recover() }()
			m.Lock()
		},
		"panics": func(*Mutex) { panic("no room") },
		"waits": func(m *Mutex) {
			elsewhere(m.Lock)
		},
	} {
		programs["handler that "+name] = func() {
			m := new(Mutex)
			policy.SetLogger(slog.New(handlerFunc(func() { handle(m) })))
			go func() {
				time.Sleep(3 * time.Second)
				os.Exit(7)
			}()
			m.Lock()
			m.Lock() //rqvet:ignore selfdeadlock it is what the test is about
		}
	}
}

// TestReportIsNotLost: whatever becomes of the logger, there is a report.
func TestReportIsNotLost(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs")
	}
	for name, code := range map[string]int{"handler that recovers": 2, "handler that panics": 2, "handler that waits": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, name, soon).wants(t, code, "rqlock/sync: deadlock", "already holds lock")
		})
	}
}

// A lockingHandler is guarded by a Mutex of this package.
type lockingHandler struct {
	slog.Handler
	mu Mutex
}

func (h *lockingHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Handler.Handle(ctx, r)
}

// TestPolicies: each policy does what it says, in the program and by the environment, which takes
// precedence.
func TestPolicies(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs")
	}
	const deadlock = "rqlock/sync: deadlock: goroutine 1 already holds lock"
	for _, c := range []struct {
		name, env string
		code      int
		says      string
		not       string
	}{
		{"twice", "", 2, "panic: ", ""},
		{"twice", "panic", 2, deadlock, ""},
		{"twice", "exit", 2, deadlock, "panic: "},
		{"twice", "report", -1, deadlock, "panic: "},
		{"twice", "off", -1, "", "rqlock: deadlock"},
		{"twice", "of", 2, `RQLOCK="of" is ignored`, ""},
		{"set report", "", 7, "still there", "panic: "},
		{"set report", "", 7, deadlock, ""},
		{"set report", "panic", 2, "panic: ", "still there"},
		{"set exit", "", 2, deadlock, "deferred"},
		{"set off", "", 7, "", "rqlock"},
		{"set exit", "off", -1, "", "rqlock/sync"},
		{"report, and go on", "", 0, "went on", "panic"},
		{"crossing", "", 2, "policy_test.go", ""},
	} {
		t.Run(c.name+" "+c.env, func(t *testing.T) {
			t.Parallel()
			limit := soon
			if c.code < 0 {
				limit = hangs
			}
			r := run(t, c.name, limit, "RQLOCK="+c.env)
			r.wants(t, c.code, c.says)
			if c.not != "" {
				r.lacks(t, c.not)
			}
		})
	}
}

// TestMisuse: to unlock what is not locked is a fatal error, and says what Go's says.
func TestMisuse(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs")
	}
	for name, says := range map[string]string{
		"unlock Mutex": fatalOne, "unlock Mutex twice": fatalOne,
		"unlock RWMutex": fatalTwo, "unlock a reader": fatalTwo,
		"runlock RWMutex": fatalRead, "runlock a writer": fatalRead, "runlock too often": fatalRead,
		"runlock twice": fatalRead, "runlock twice in rows": fatalRead,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, name, soon).wants(t, 2, says)
		})
	}
}

// TestReportIsGuarded: a handler that is guarded by a Mutex which the failing goroutine holds
// neither recurses nor hangs: the report goes to standard error, and then the policy holds.
func TestReportIsGuarded(t *testing.T) {
	if testing.Short() {
		t.Skip("runs programs")
	}
	for name, code := range map[string]int{"handler panic": 2, "handler report": 7, "handler exit": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, name, soon)
			r.wants(t, code, "rqlock/sync: deadlock: ", "and to report that would have been a deadlock")
			if panics := name == "handler panic"; panics {
				r.wants(t, code, "panic: ")
			} else {
				r.lacks(t, "panic: ")
			}
		})
	}
}
