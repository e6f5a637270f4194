package sync

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
	"github.com/rqlock/rqlock/rqlock/internal/stall"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/sync/policy"
)

// elsewhere runs f in another goroutine and waits for its end.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// pass has an empty section.
func pass(l Locker) {
	l.Lock()
	defer l.Unlock()
}

// deadlock runs f in a goroutine, and returns the deadlock that it panics with, or nil.
func deadlock(f func()) (err *rqlock.DeadlockError) {
	elsewhere(func() { err = deadlockHere(f) })
	return err
}

// quietly has no reports written, and verdicts confirmed for so long.
func quietly(t *testing.T, confirm time.Duration) *log {
	t.Helper()
	l := newLog()
	policy.SetLogger(l.logger())
	policy.SetConfirm(confirm)
	t.Cleanup(func() {
		policy.SetLogger(nil)
		policy.SetConfirm(policy.DefaultConfirm)
	})
	return l
}

const briefly = 20 * time.Millisecond

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !holds(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// waiting returns how many goroutines wait for a lock in a record.
func waiting() (n int) {
	return len(rqlock.Snapshot().Waits)
}

// TestForeignUnlock: another goroutine may unlock what one has locked, before anybody waits and
// while somebody does.
func TestForeignUnlock(t *testing.T) {
	var m Mutex
	var rw RWMutex
	for range 3 {
		m.Lock()
		elsewhere(m.Unlock)
		if !m.TryLock() {
			t.Fatal("a Mutex is locked that another goroutine has unlocked")
		}
		m.Unlock()
		rw.Lock()
		elsewhere(rw.Unlock)
		if !rw.TryLock() {
			t.Fatal("an RWMutex is locked that another goroutine has unlocked")
		}
		rw.Unlock()
		for _, l := range []Locker{&m, &rw} {
			var in atomic.Bool
			l.Lock()
			done := make(chan struct{})
			go func() {
				defer close(done)
				l.Lock()
				in.Store(true)
			}()
			eventually(t, "nobody waits", func() bool { return waiting() == 1 })
			if in.Load() {
				t.Fatal("two have the lock")
			}
			elsewhere(l.Unlock)
			<-done
			elsewhere(l.Unlock)
		}
	}
}

// TestHandOverInTime: the goroutine that locks twice goes on if somebody unlocks before the
// verdict is confirmed. So does one of a cycle.
func TestHandOverInTime(t *testing.T) {
	quietly(t, soon)
	for _, fresh := range []func() Locker{func() Locker { return new(Mutex) }, func() Locker { return new(RWMutex) }} {
		var wg gosync.WaitGroup
		elsewhere(func() {
			l := fresh()
			l.Lock()
			wg.Go(func() {
				time.Sleep(briefly)
				l.Unlock()
			})
			pass(l)
		})
		a, b := fresh(), fresh()
		a.Lock()
		locked := make(chan struct{})
		wg.Go(func() {
			b.Lock()
			close(locked)
			pass(a)
		})
		<-locked
		wg.Go(func() {
			time.Sleep(briefly)
			b.Unlock() // for the other one, which waits
		})
		b.Lock()
		a.Unlock()
		b.Unlock()
		wg.Wait()
	}
}

// TestNoClaims: a lock that was handed over once is in no deadlock any more, however long it
// takes.
func TestNoClaims(t *testing.T) {
	quietly(t, time.Millisecond)
	for name, l := range map[string]Locker{"Mutex": new(Mutex), "RWMutex": new(RWMutex)} {
		l.Lock()
		elsewhere(l.Unlock)
		// Locked twice.
		if err := deadlock(func() {
			l.Lock()
			go func() {
				time.Sleep(10 * briefly)
				l.Unlock()
			}()
			pass(l)
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// A cycle of two.
		var other Mutex
		var wg gosync.WaitGroup
		locked := make(chan struct{})
		other.Lock()
		wg.Go(func() {
			l.Lock()
			close(locked)
			pass(&other)
		})
		<-locked
		wg.Go(func() {
			time.Sleep(10 * briefly)
			l.Unlock()
		})
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("%s: %v", name, v)
				}
			}()
			pass(l)
		}()
		other.Unlock()
		wg.Wait()
	}
}

// TestMarkedBeforeReleased: a lock is one that is handed over before anybody can acquire it.
func TestMarkedBeforeReleased(t *testing.T) {
	rounds := 20_000
	if testing.Short() {
		rounds = 2000
	}
	for range rounds {
		m, rw := new(Mutex), new(RWMutex)
		m.Lock()
		rw.Lock()
		var ready atomic.Int32
		done := make(chan [2]bool)
		go func() {
			ready.Store(1)
			for i := 1; !m.TryLock(); i++ {
				if i%1000 == 0 {
					runtime.Gosched()
				}
			}
			mutex := attributes.Of(&m.word).HandedOver
			ready.Store(2)
			for i := 1; !rw.TryLock(); i++ {
				if i%1000 == 0 {
					runtime.Gosched()
				}
			}
			done <- [2]bool{mutex, rw.gate().HandedOver()}
		}()
		unlocked := make(chan struct{})
		go func() {
			defer close(unlocked)
			for ready.Load() < 1 {
				runtime.Gosched()
			}
			m.Unlock()
			for ready.Load() < 2 {
				runtime.Gosched()
			}
			rw.Unlock()
		}()
		if marked := <-done; marked != [2]bool{true, true} {
			t.Fatalf("a lock is released before it is marked: Mutex marked %v, RWMutex marked %v", marked[0], marked[1])
		}
		<-unlocked
	}
}

// TestUnlockedAtOnce: of two goroutines that unlock at once what neither has locked, one finds
// that it is unlocked. If one of the two has locked it, the lock is unlocked in any case, and
// free.
func TestUnlockedAtOnce(t *testing.T) {
	rounds := 20_000
	if testing.Short() {
		rounds = 2000
	}
	for i := range rounds {
		var m Mutex
		var ready atomic.Int32
		meet := func() {
			for ready.Add(1); ready.Load() < 2; {
				runtime.Gosched()
			}
		}
		m.Lock()
		ok := make(chan bool)
		go func() {
			meet()
			ok <- m.unlockAny()
		}()
		if i%2 == 0 {
			meet()
			m.word.Owner.CompareAndSwap(asm.CurrentGoid(), 0) // what Unlock does, and does not look at
			<-ok
		} else {
			go func() {
				meet()
				ok <- m.unlockAny()
			}()
			if first, second := <-ok, <-ok; first == second {
				t.Fatal("two unlock what is locked once")
			}
		}
		if !m.TryLock() {
			t.Fatal("the lock is not free")
		}
		m.Unlock()
	}
}

// TestOwnUnlockIsNoHandOver: who unlocks what it has locked does not mark a lock.
func TestOwnUnlockIsNoHandOver(t *testing.T) {
	var m Mutex
	var rw RWMutex
	for range 1000 {
		pass(&m)
		pass(&rw)
		rw.RLock()
		pass(rw.RLocker())
		rw.RUnlock()
	}
	if attributes.Of(&m.word).HandedOver || rw.gate().HandedOver() {
		t.Error("a lock is marked that nobody has handed over")
	}
}

// hot makes l a lock whose readers are in rows.
func hot(t *testing.T, l *RWMutex) {
	t.Helper()
	for range 10_000 {
		pass(l.RLocker())
	}
	if atomic.LoadUint32(&l.rw.Readers) != asm.RowsMask {
		t.Fatalf("readers are %#x after many reads", atomic.LoadUint32(&l.rw.Readers))
	}
}

// TestReadersHandedOver: two read locks begun by A and B, and both ended by C, as a database's
// transactions do. Then a writer gets the lock, and the readers go on as before: while readers
// are counted, and while they are in rows.
func TestReadersHandedOver(t *testing.T) {
	for _, inRows := range []bool{false, true} {
		t.Run(fmt.Sprint("rows=", inRows), func(t *testing.T) {
			before := readers.Number()
			var l RWMutex
			if inRows {
				hot(t, &l)
			}
			release := make(chan struct{})
			var wg gosync.WaitGroup
			reading := make(chan struct{})
			for range 2 { // A and B
				wg.Go(func() {
					l.RLock()
					reading <- struct{}{}
					<-release
					l.RLock() // again
					pass(l.RLocker())
					if l.TryLock() {
						t.Error("a writer beside a reader")
					}
					l.RUnlock()
				})
			}
			<-reading
			<-reading
			l.RUnlock() // C
			if l.TryLock() {
				t.Fatal("a writer beside a reader")
			}
			l.RUnlock()
			pass(&l)
			close(release)
			wg.Wait()
			if !l.TryRLock() {
				t.Fatal("a reader is refused, and nobody writes")
			}
			l.RUnlock()
			if l.gate().Read() {
				t.Error("somebody reads still")
			}
			if n := readers.Number(); n != before {
				t.Errorf("%d slots are left", n-before)
			}
		})
	}
}

// TestDeepReader: a goroutine reads twice, and ends both itself, although another one's read lock
// was handed over meanwhile. Only then may a writer come.
func TestDeepReader(t *testing.T) {
	for _, inRows := range []bool{false, true} {
		var l RWMutex
		if inRows {
			hot(t, &l)
		}
		l.RLock()
		l.RLock()
		elsewhere(func() {
			l.RLock()
			elsewhere(l.RUnlock)
		})
		for range 2 {
			if l.TryLock() {
				t.Fatal("a writer beside a reader")
			}
			l.RUnlock()
		}
		if !l.TryLock() {
			t.Fatal("somebody reads still")
		}
		l.Unlock()
	}
	// Others end both.
	for _, inRows := range []bool{false, true} {
		var l RWMutex
		if inRows {
			hot(t, &l)
		}
		elsewhere(func() {
			l.RLock()
			l.RLock()
		})
		for range 2 {
			if l.TryLock() {
				t.Fatal("a writer beside a reader")
			}
			l.RUnlock()
		}
		if !l.TryLock() {
			t.Fatal("somebody reads still")
		}
		l.Unlock()
	}
}

// TestWriterWaitsForHandedOver: a writer that waits for readers gets the lock when other
// goroutines end their read locks, and not before the last one.
func TestWriterWaitsForHandedOver(t *testing.T) {
	rqlock.SetStallTimeout(time.Hour) // no stall wakes it
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	for i := range 20 {
		inRows, n := i%2 == 1, 1+i%4
		var l RWMutex
		if inRows {
			hot(t, &l)
		}
		for range n {
			elsewhere(l.RLock)
		}
		var in atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Lock()
			in.Store(true)
			l.Unlock()
		}()
		eventually(t, "the writer does not wait", func() bool { return waiting() == 1 })
		for range n {
			time.Sleep(3 * time.Millisecond)
			if in.Load() {
				t.Fatal("a writer beside a reader")
			}
			if i%3 == 0 {
				l.gate().LeaveAny() // without the look for a slot, which wakes the writer, too
			} else {
				elsewhere(l.RUnlock)
			}
		}
		<-done
	}
}

// TestHeldLongByReaders: a writer that waits for readers without names reports them, too.
func TestHeldLongByReaders(t *testing.T) {
	rqlock.SetStallTimeout(briefly)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	for _, inRows := range []bool{false, true} {
		log := quietly(t, briefly)
		var l RWMutex
		if inRows {
			hot(t, &l)
		}
		elsewhere(l.RLock)
		l.RUnlock()
		elsewhere(l.RLock)
		var wg gosync.WaitGroup
		wg.Go(func() { pass(&l) })
		eventually(t, "it is not reported", func() bool { return log.count("held long") == 1 })
		l.RUnlock()
		wg.Wait()
	}
	eventually(t, "the watchdog looks after one that does not sleep any more", func() bool { return stall.Sleepers() == 0 })
}

// TestStaleSlots: read locks that other goroutines have ended leave no slots behind, also if
// nobody ever writes.
func TestStaleSlots(t *testing.T) {
	const locks = 100 // more than the rows of a few goroutines have slots
	for _, inRows := range []bool{false, true} {
		before := readers.Number()
		for range 10 {
			var l RWMutex
			if inRows {
				hot(t, &l)
			}
			for range locks {
				elsewhere(l.RLock)
			}
			for range locks {
				l.RUnlock()
			}
			if n := readers.Number(); n != before {
				t.Errorf("in rows %v: %d slots are left", inRows, n-before)
			}
		}
	}
}

// TestHandOverStress: goroutines lock, and others unlock for them or not, at random. Nobody is
// inside with a writer, and in the end the locks are free.
func TestHandOverStress(t *testing.T) {
	quietly(t, soon)
	const workers = 6
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	seeds := seed.Rand(t)
	for round := range 4 {
		var l RWMutex
		if round%2 == 1 {
			hot(t, &l)
		}
		var inside, writing atomic.Int32
		plain := 0
		unlocks := make(chan func(), workers)
		var wg, helpers gosync.WaitGroup
		for range 2 {
			helpers.Go(func() {
				for f := range unlocks {
					f()
				}
			})
		}
		for w := range workers {
			rnd := rand.New(rand.NewPCG(seeds.Uint64(), uint64(w)))
			wg.Go(func() {
				for i := range rounds {
					end := func(f func()) {
						if i > rounds/10 && rnd.IntN(3) == 0 {
							unlocks <- f
						} else {
							f()
						}
					}
					if rnd.IntN(4) == 0 {
						l.Lock()
						if writing.Add(1) != 1 || inside.Load() != 0 {
							t.Error("a writer is not alone")
						}
						plain++
						writing.Add(-1)
						end(l.Unlock)
						continue
					}
					l.RLock()
					inside.Add(1)
					_ = plain
					if writing.Load() != 0 {
						t.Error("a reader beside a writer")
					}
					inside.Add(-1)
					end(l.RUnlock)
				}
			})
		}
		wg.Wait()
		close(unlocks)
		helpers.Wait()
		if !l.TryLock() {
			t.Fatalf("round %d: the lock is not free: %+v", round, &l.rw)
		}
		l.Unlock()
		for _, leak := range waiter.Leaks() {
			t.Error(leak)
		}
	}
}
