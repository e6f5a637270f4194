package sync

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/sync/policy"
)

// crossing is a deadlock of two goroutines. The second one closes the cycle, and its panic is what
// crossing returns once both are through.
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
