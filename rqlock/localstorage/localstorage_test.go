package localstorage

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// patience bounds waits that end soon if all is well. It is the stall timeout, too, so that
// a slow machine does not fail a lock that another goroutine is about to release.
const patience = time.Minute

func TestMain(m *testing.M) {
	rqlock.SetStallTimeout(patience)
	os.Exit(m.Run())
}

// shorter returns n, and with -short a tenth of it.
func shorter(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// during returns the end of a test that runs for d, and for a tenth of it with -short.
func during(d time.Duration) time.Time {
	if testing.Short() {
		d /= 10
	}
	return time.Now().Add(d)
}

// A thing is an object that has an Owner.
type thing struct {
	id    int
	local Owner
}

func local(t *thing) *Owner { return &t.local }

// eventually runs the garbage collector until a condition holds.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		runtime.GC()
	}
}

// A model does what maps and owners must do.
type model struct {
	maps   []*Map[thing, int]
	things []*thing
	has    map[[2]int]int // map and owner to value
	closed []bool
	dead   []bool
	gone   []int // values that a destructor was called for
	want   []int // values that a destructor must have been called for
	next   int   // the last value that was attached: each is attached once
}

func newModel(maps, things int) *model {
	m := &model{has: map[[2]int]int{}, closed: make([]bool, maps), dead: make([]bool, things)}
	for range maps {
		m.maps = append(m.maps, m.newMap())
	}
	for i := range things {
		m.things = append(m.things, &thing{id: i})
	}
	return m
}

func (m *model) newMap() *Map[thing, int] {
	return New(local, func(v int) { m.gone = append(m.gone, v) })
}

func (m *model) remove(at [2]int) {
	if v, ok := m.has[at]; ok {
		m.want = append(m.want, v)
		delete(m.has, at)
	}
}

// step does one operation on the maps and on the model, and compares them.
func (m *model) step(t *testing.T, op, arg byte) {
	t.Helper()
	at := [2]int{int(arg) % len(m.maps), int(arg/16) % len(m.things)}
	of, owner := m.maps[at[0]], m.things[at[1]]
	old, present := m.has[at]
	m.next++
	v := m.next
	var err, wantErr error
	if m.closed[at[0]] {
		wantErr = ErrClosed
	} else if m.dead[at[1]] {
		wantErr = ErrNoOwner
	}
	switch op %= 16; op {
	case 0, 1, 2:
		flag := Flag(op)
		err = of.Update(owner, v, flag)
		switch {
		case wantErr != nil:
		case present && flag == NoExist:
			wantErr = ErrExist
		case !present && flag == Exist:
			wantErr = ErrNotExist
		default:
			m.remove(at)
			m.has[at] = v
		}
	case 3, 4, 5:
		var got int
		got, err = of.GetOrCreate(owner, func() int {
			if present || wantErr != nil {
				t.Error("GetOrCreate calls f in vain")
			}
			return v
		})
		if !present && wantErr == nil {
			old, m.has[at] = v, v
		}
		if got != old {
			t.Fatalf("GetOrCreate: %d, want %d", got, old)
		}
	case 6, 7, 8:
		action := Action(op - 6)
		err = of.Compute(owner, func(o int, p bool) (int, Action) {
			if o != old || p != present || wantErr != nil {
				t.Errorf("Compute calls f with %d, %v, want %d, %v", o, p, old, present)
			}
			return v, action
		})
		switch {
		case wantErr != nil:
		case action == Set:
			m.has[at] = v
		case action == Remove:
			m.remove(at)
		}
	case 9, 10, 11:
		err = of.Delete(owner)
		if wantErr == nil && !present {
			wantErr = ErrNotExist
		}
		m.remove(at)
	case 12, 13: // Destroy; with 13 another object replaces this one
		owner.local.Destroy()
		for i := range m.maps {
			m.remove([2]int{i, at[1]})
		}
		m.dead[at[1]] = op == 12
		if op == 13 {
			m.things[at[1]] = &thing{id: at[1]}
		}
		wantErr = nil
	case 14, 15: // Close; with 15 another map replaces this one
		of.Close()
		for i := range m.things {
			m.remove([2]int{at[0], i})
		}
		m.closed[at[0]] = op == 14
		if op == 15 {
			m.maps[at[0]] = m.newMap()
		}
		wantErr = nil
	}
	if err != wantErr {
		t.Fatalf("operation %d: %v, want %v", op, err, wantErr)
	}
	m.check(t, op)
}

func (m *model) check(t *testing.T, op byte) {
	t.Helper()
	slices.Sort(m.gone)
	slices.Sort(m.want)
	if !slices.Equal(m.gone, m.want) {
		t.Fatalf("operation %d: the destructor was called for %v, want %v", op, m.gone, m.want)
	}
	cells := make([]int, len(m.things))
	for i, of := range m.maps {
		all := map[int]int{}
		for o, v := range of.All() {
			if _, twice := all[o.id]; twice {
				t.Fatalf("All yields owner %d twice", o.id)
			}
			all[o.id] = v
		}
		want := map[int]int{}
		for j, o := range m.things {
			v, ok := m.has[[2]int{i, j}]
			if ok {
				want[j] = v
				cells[j]++
			}
			if got, is := of.Get(o); is != ok || got != v {
				t.Fatalf("operation %d: map %d has %d, %v for owner %d, want %d, %v", op, i, got, is, j, v, ok)
			}
		}
		if !maps.Equal(all, want) || of.Len() != len(want) {
			t.Fatalf("operation %d: All of map %d yields %v, Len() = %d, want %v", op, i, all, of.Len(), want)
		}
	}
	for j, o := range m.things {
		if n := cellsOf(o); n != cells[j] {
			t.Fatalf("operation %d: owner %d has %d cells, want %d", op, j, n, cells[j])
		}
		if p := o.local.cells.Load(); p != nil && p != &destroyed && cells[j] == 0 {
			t.Fatalf("operation %d: owner %d keeps an empty slice of cells", op, j)
		}
	}
}

// end closes all maps, so that the garbage collector calls no destructor later.
func (m *model) end(t *testing.T) {
	t.Helper()
	for i := range m.maps {
		m.step(t, 14, byte(i))
	}
	runtime.KeepAlive(m.things)
}

func cellsOf(o *thing) int {
	if cells := o.local.cells.Load(); cells != nil {
		return len(*cells)
	}
	return 0
}

// FuzzMaps compares maps and owners with a model. Two bytes are an operation, and its map and
// owner.
func FuzzMaps(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 2, 0, 3, 1, 6, 0, 7, 16, 8, 16, 9, 1, 0, 17, 12, 16, 0, 17, 13, 16, 3, 17, 14, 1, 0, 1, 15, 1, 0, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := newModel(2, 3)
		for ; len(ops) >= 2; ops = ops[2:] {
			m.step(t, ops[0], ops[1])
		}
		m.end(t)
	})
}

// TestRandom compares maps and owners with a model in many random operations.
func TestRandom(t *testing.T) {
	rnd := seed.Rand(t)
	for range shorter(100) {
		m := newModel(4, 8)
		for range 200 {
			op := rnd.IntN(16)
			if op >= 12 && rnd.IntN(4) > 0 { // Destroy and Close are less frequent.
				op = rnd.IntN(12)
			}
			m.step(t, byte(op), byte(rnd.Uint32()))
		}
		m.end(t)
	}
}

// TestNoOwner checks all methods for an object that is nil, or that has no Owner.
func TestNoOwner(t *testing.T) {
	for name, owner := range map[string]func(*thing) *Owner{"nil": local, "no Owner": func(*thing) *Owner { return nil }} {
		m := New[thing, int](owner, nil)
		var o *thing
		if name != "nil" {
			o = new(thing)
		}
		if _, ok := m.Get(o); ok {
			t.Errorf("%s: Get returns a value", name)
		}
		_, err := m.GetOrCreate(o, func() int { t.Error("GetOrCreate calls f"); return 1 })
		for _, err := range []error{err, m.Update(o, 1, Any), m.Update(o, 1, Exist), m.Delete(o)} {
			if err != ErrNoOwner {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestSizes checks that an Owner has one word, and that values may have the size 0.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Owner{}); n != unsafe.Sizeof(uintptr(0)) {
		t.Errorf("an Owner has %d bytes", n)
	}
	m := New[thing, struct{}](local, nil)
	a, b := new(thing), new(thing)
	m.Update(a, struct{}{}, Any)
	_, hasA := m.Get(a)
	if _, hasB := m.Get(b); !hasA || hasB {
		t.Errorf("Get finds a value: %v, for the other owner: %v", hasA, hasB)
	}
	if err := m.Delete(a); err != nil {
		t.Error(err)
	}
	if _, hasA = m.Get(a); hasA {
		t.Error("Get finds a deleted value")
	}
}

// ops has the methods that take a lock. Those with a callback call f in it.
var ops = map[string]func(m *Map[thing, int], o *thing, f func()) error{
	"GetOrCreate": func(m *Map[thing, int], o *thing, f func()) error {
		_, err := m.GetOrCreate(o, func() int { f(); return 2 })
		return err
	},
	"Update":  func(m *Map[thing, int], o *thing, f func()) error { return m.Update(o, 2, Any) },
	"NoExist": func(m *Map[thing, int], o *thing, f func()) error { return m.Update(o, 2, NoExist) },
	"Exist":   func(m *Map[thing, int], o *thing, f func()) error { return m.Update(o, 2, Exist) },
	"Compute": func(m *Map[thing, int], o *thing, f func()) error {
		return m.Compute(o, func(int, bool) (int, Action) { f(); return 2, Set })
	},
	"Remove": func(m *Map[thing, int], o *thing, f func()) error {
		return m.Compute(o, func(int, bool) (int, Action) { f(); return 2, Remove })
	},
	"Delete":        func(m *Map[thing, int], o *thing, f func()) error { return m.Delete(o) },
	"LoadAndDelete": func(m *Map[thing, int], o *thing, f func()) error { _, err := m.LoadAndDelete(o); return err },
}

// TestLockFails has the lock of each operation fail, with a value and without: because this
// goroutine holds it, and for another goroutine because it is not released. The error says
// why, and nothing has changed. All methods that take no lock work, and afterwards all do.
func TestLockFails(t *testing.T) {
	defer rqlock.SetStallTimeout(patience)
	rqlock.SetStallTimeout(time.Millisecond)
	for name, op := range ops {
		for _, present := range []bool{false, true} {
			if name == "GetOrCreate" && present {
				continue // It takes no lock.
			}
			var gone []int
			m := New(local, func(v int) { gone = append(gone, v) })
			o, other := &thing{}, &thing{}
			if present {
				m.Update(o, 1, Any)
			}
			c, err := m.cell(o, true)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.lock.Lock(); err != nil {
				t.Fatal(err)
			}
			callback := func() { t.Errorf("%s calls f without the lock", name) }
			if err := op(m, o, callback); !errors.Is(err, rqlock.ErrDeadlock) {
				t.Errorf("%s by the goroutine that holds the lock: %v", name, err)
			}
			failed := make(chan error)
			go func() { failed <- op(m, o, callback) }()
			if err := <-failed; !errors.Is(err, rqlock.ErrTimeout) {
				t.Errorf("%s while another goroutine holds the lock: %v", name, err)
			}
			if v, ok := m.Get(o); ok != present || ok && v != 1 || m.Len() != map[bool]int{true: 1}[present] || len(gone) != 0 {
				t.Errorf("%s has failed, but Get has %d, %v; the destructor was called for %v", name, v, ok, gone)
			}
			if v, err := m.GetOrCreate(other, func() int { return 3 }); v != 3 || err != nil {
				t.Errorf("GetOrCreate for another owner: %d, %v", v, err)
			}
			c.lock.Unlock()
			if err := m.Update(o, 5, Any); err != nil {
				t.Errorf("Update after a failed %s: %v", name, err)
			}
			if v, ok := m.Get(o); !ok || v != 5 || present != slices.Equal(gone, []int{1}) {
				t.Errorf("after a failed %s Get has %d, %v; the destructor was called for %v", name, v, ok, gone)
			}
			m.Close()
			runtime.KeepAlive([]*thing{o, other})
		}
	}
}

// ends has the methods that remove values without a lock.
var ends = map[string]struct {
	f   func(m *Map[thing, int], o *thing)
	err error
}{
	"Destroy": {func(_ *Map[thing, int], o *thing) { o.local.Destroy() }, ErrNoOwner},
	"Close":   {func(m *Map[thing, int], _ *thing) { m.Close() }, ErrClosed},
}

// TestEndUnderLock calls Destroy and Close while the lock is held: in a callback of each
// operation, and while another goroutine holds it. They return at once. The destructor is
// called once for each value, also for that of a callback of GetOrCreate that returns later.
func TestEndUnderLock(t *testing.T) {
	for name, end := range ends {
		for opName, op := range ops {
			for _, present := range []bool{false, true} {
				for _, by := range []string{"the same", "another"} {
					var gone []int
					m := New(local, func(v int) { gone = append(gone, v) })
					o := &thing{}
					var want []int
					if present {
						m.Update(o, 1, Any)
						want = append(want, 1)
					}
					called := false
					err := op(m, o, func() {
						called = true
						run(t, by == "another", func() { end.f(m, o) })
						if !slices.Equal(gone, want) {
							t.Errorf("%s in a callback of %s: the destructor was called for %v, want %v", name, opName, gone, want)
						}
						if _, ok := m.Get(o); ok {
							t.Errorf("%s in a callback of %s: Get still returns a value", name, opName)
						}
					})
					if !called {
						continue
					}
					wantErr := end.err
					if opName == "Remove" && !present {
						wantErr = nil // There was nothing to do.
					}
					if err != wantErr {
						t.Errorf("%s in a callback of %s: %v, want %v", name, opName, err, wantErr)
					}
					if opName == "GetOrCreate" {
						want = append(want, 2)
					}
					if _, ok := m.Get(o); ok || !slices.Equal(gone, want) || m.Len() != 0 || cellsOf(o) != 0 {
						t.Errorf("after %s in a callback of %s the destructor was called for %v, want %v; Get: %v; %d values, %d cells", name, opName, gone, want, ok, m.Len(), cellsOf(o))
					}
				}
			}
		}

		m := New[thing, int](local, nil)
		o := &thing{}
		m.Update(o, 1, Any)
		c, _ := m.cell(o, true)
		c.lock.Lock() //rqvet:ignore ignorederr nobody else knows this cell
		run(t, true, func() { end.f(m, o) })
		end.f(m, o) // again
		c.lock.Unlock()
		if err := m.Update(o, 2, Any); err != end.err || m.Len() != 0 {
			t.Errorf("after %s: %v, %d values", name, err, m.Len())
		}
	}
}

// run calls f, here or in another goroutine, and waits for it.
func run(t *testing.T, another bool, f func()) {
	t.Helper()
	if !another {
		f()
		return
	}
	done := make(chan bool)
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("a method that takes no lock hangs")
	}
}

// stale has cells of no use that an operation may find: one without a value, which is about
// to get one, and one that is gone, but not yet removed from its owner.
var stale = map[string]func(m *Map[thing, int], o *thing){
	"empty": func(m *Map[thing, int], o *thing) { m.cell(o, true) },
	"gone":  func(m *Map[thing, int], o *thing) { c, _ := m.cell(o, true); c.end() },
}

// TestStale checks that stale cells make no difference.
func TestStale(t *testing.T) {
	for what, make := range stale {
		for name, op := range ops {
			m := New(local, func(int) {})
			o := new(thing)
			make(m, o)
			if v, ok := m.Get(o); ok || m.Len() != 0 {
				t.Errorf("%s: Get returns %d", what, v)
			}
			err := op(m, o, func() {})
			_, ok := m.Get(o)
			switch name {
			case "Exist", "Delete", "LoadAndDelete":
				if err != ErrNotExist || ok || cellsOf(o) > 0 && what == "empty" {
					t.Errorf("%s, %s: %v; %v, %d cells", what, name, err, ok, cellsOf(o))
				}
			case "Remove":
				if err != nil || ok || cellsOf(o) != 0 {
					t.Errorf("%s, %s: %v; %v, %d cells", what, name, err, ok, cellsOf(o))
				}
			default:
				if err != nil || !ok || cellsOf(o) != 1 {
					t.Errorf("%s, %s: %v; %v, %d cells", what, name, err, ok, cellsOf(o))
				}
			}
			m.Close()
			runtime.KeepAlive(o)
		}
	}
}

// TestWaiters removes a value while goroutines wait for its lock. They start again, with a
// new cell.
func TestWaiters(t *testing.T) {
	m := New[thing, *token](local, nil)
	for range 10 {
		o := new(thing)
		m.Update(o, new(token), Any)
		c, _ := m.cell(o, false)
		if err := c.lock.Lock(); err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int64
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				err := m.Compute(o, func(v *token, present bool) (*token, Action) {
					if calls.Add(1); present == (calls.Load() == 1) {
						t.Errorf("callback %d gets %v", calls.Load(), v)
					}
					return new(token), Set
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Millisecond) // so that they probably wait
		c.end()
		c.lock.Unlock()
		wg.Wait()
		if calls.Load() != 3 {
			t.Errorf("%d callbacks, want 3", calls.Load())
		}
	}
}

// TestUpdateDuringClose checks that nothing is attached during Close: neither by a destructor,
// nor by an Update that has already found the map open.
func TestUpdateDuringClose(t *testing.T) {
	var m *Map[thing, int]
	o := new(thing)
	var errs []error
	m = New(local, func(v int) { errs = append(errs, m.Update(o, 2, Any)) })
	m.Update(new(thing), 1, Any)
	m.Close()
	if len(errs) != 1 || errs[0] != ErrClosed || m.Len() != 0 {
		t.Errorf("Update by a destructor: %v, %d values", errs, m.Len())
	}

	var closing *Map[thing, int]
	once := true
	closing = New(func(t *thing) *Owner {
		if once {
			once = false
			closing.Close()
		}
		return &t.local
	}, func(int) { t.Error("the destructor is called for a value that was not attached") })
	if err := closing.Update(o, 1, Any); err != ErrClosed || closing.Len() != 0 || cellsOf(o) != 0 {
		t.Errorf("Update during Close: %v, %d values, %d cells", err, closing.Len(), cellsOf(o))
	}
}

// TestReenter uses maps from a callback. Only the locked value cannot be changed.
func TestReenter(t *testing.T) {
	m, other := New[thing, int](local, nil), New[thing, int](local, nil)
	a, b := &thing{}, &thing{}
	v, err := m.GetOrCreate(a, func() int {
		for name, op := range ops {
			if err := op(m, a, func() { t.Errorf("%s in the callback calls f", name) }); !errors.Is(err, rqlock.ErrDeadlock) {
				t.Errorf("%s in the callback: %v", name, err)
			}
		}
		if _, ok := m.Get(a); ok || m.Len() != 0 {
			t.Error("Get returns a value that is not yet attached")
		}
		if v, err := other.GetOrCreate(a, func() int { return 5 }); v != 5 || err != nil {
			t.Errorf("GetOrCreate of another map: %d, %v", v, err)
		}
		if v, err := m.GetOrCreate(b, func() int { return 6 }); v != 6 || err != nil {
			t.Errorf("GetOrCreate for another owner: %d, %v", v, err)
		}
		return 4
	})
	if v != 4 || err != nil || m.Len() != 2 || other.Len() != 1 || cellsOf(a) != 2 {
		t.Errorf("GetOrCreate: %d, %v; %d and %d values", v, err, m.Len(), other.Len())
	}
}

// TestCross has two goroutines create values of two owners in opposite orders. One inner call
// fails, the other one waits and succeeds.
func TestCross(t *testing.T) {
	m := New[thing, int](local, nil)
	of := [2]*thing{{}, {}}
	var locked, done sync.WaitGroup
	locked.Add(2)
	var errs [2]error
	for i := range 2 {
		done.Go(func() {
			if _, err := m.GetOrCreate(of[i], func() int {
				locked.Done()
				locked.Wait()
				_, errs[i] = m.GetOrCreate(of[1-i], func() int { t.Error("the inner GetOrCreate calls f"); return 0 })
				return i
			}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || m.Len() != 2 {
		t.Errorf("%v, %v; %d values", errs[0], errs[1], m.Len())
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, rqlock.ErrDeadlock) {
			t.Error(err)
		}
	}
}

// TestPanic checks that a callback that panics leaves the value as it was, and unlocked.
func TestPanic(t *testing.T) {
	for _, present := range []bool{false, true} {
		destroyed := 0
		m := New(local, func(int) { destroyed++ })
		o := new(thing)
		if present {
			m.Update(o, 1, Any)
		}
		func() {
			defer func() { recover() }()
			m.Compute(o, func(int, bool) (int, Action) { panic("oh") })
		}()
		if _, ok := m.Get(o); ok != present || cellsOf(o) != m.Len() || destroyed != 0 {
			t.Errorf("Get finds a value: %v, want %v; %d cells, %d calls of the destructor", ok, present, cellsOf(o), destroyed)
		}
		if err := m.Compute(o, func(int, bool) (int, Action) { return 2, Set }); err != nil {
			t.Error(err)
		}
		m.Close()
		runtime.KeepAlive(o)
	}
}

// TestCollected checks that the value of an owner that is garbage is garbage, too, even if it
// refers to the owner.
func TestCollected(t *testing.T) {
	type value struct {
		of *thing
		_  [100]int
	}
	m := New[thing, *value](local, nil)
	var gone atomic.Int64
	const n = 50
	kept := new(thing)
	m.Update(kept, &value{of: kept}, Any)
	for range n {
		o := new(thing)
		v := &value{of: o}
		m.Update(o, v, Any)
		runtime.AddCleanup(v, func(int) { gone.Add(1) }, 0)
	}
	eventually(t, "the values of garbage owners are collected", func() bool { return gone.Load() == n })
	eventually(t, "Len does not count them", func() bool { return m.Len() == 1 })
	if v, ok := m.Get(kept); !ok || v.of != kept {
		t.Error("an owner that is in use has lost its value")
	}
	runtime.KeepAlive(kept)
}

// TestCollectedDestructor checks that the destructor is called once for the value of an owner
// that is garbage, whether the map is closed before or not.
func TestCollectedDestructor(t *testing.T) {
	for _, closeFirst := range []bool{false, true} {
		const n = 50
		var destroyed [n + 1]atomic.Int64
		var sum atomic.Int64
		var m *Map[thing, int]
		m = New(local, func(i int) {
			for o := range m.All() { // Other values of garbage owners are still attached.
				if o == nil {
					t.Error("All yields nil for an owner that is garbage")
				}
			}
			destroyed[i].Add(1)
			sum.Add(1)
		})
		kept := new(thing)
		m.Update(kept, n, Any)
		for i := range n {
			m.Update(new(thing), i, Any)
		}
		want := int64(n)
		if closeFirst {
			runtime.GC()
			m.Close()
			want++
		}
		eventually(t, "the destructor was called for all values", func() bool { return sum.Load() >= want })
		runtime.GC()
		for i := range destroyed {
			if got := destroyed[i].Load(); got != 1 && (i < n || closeFirst) {
				t.Errorf("the destructor was called %d times for value %d", got, i)
			}
		}
		if v, ok := m.Get(kept); ok == closeFirst || ok && v != n {
			t.Errorf("Get for the owner that is in use: %d, %v", v, ok)
		}
		runtime.KeepAlive(kept)
	}
}

// TestReleases checks that the garbage collector frees a removed value and its cell, though
// the owner and the map are in use.
func TestReleases(t *testing.T) {
	for name, remove := range map[string]func(*Map[thing, *[1000]int], *thing){
		"Delete":  func(m *Map[thing, *[1000]int], o *thing) { m.Delete(o) },
		"Destroy": func(_ *Map[thing, *[1000]int], o *thing) { o.local.Destroy() },
		"Close":   func(m *Map[thing, *[1000]int], _ *thing) { m.Close() },
		"Remove": func(m *Map[thing, *[1000]int], o *thing) {
			m.Compute(o, func(v *[1000]int, _ bool) (*[1000]int, Action) { return v, Remove })
		},
	} {
		m := New(local, func(*[1000]int) {})
		o := new(thing)
		value := func() weak.Pointer[[1000]int] {
			v := new([1000]int)
			m.Update(o, v, Any)
			return weak.Make(v)
		}()
		cell := func() weak.Pointer[cell[thing, *[1000]int]] {
			c, _ := m.cell(o, false)
			return weak.Make(c)
		}()
		remove(m, o)
		eventually(t, "the value is collected after "+name, func() bool { return value.Value() == nil })
		eventually(t, "the cell is collected after "+name, func() bool { return cell.Value() == nil })
		if name == "Close" && m.cells.first.Load() != nil {
			t.Error("a closed map has nodes")
		}
		runtime.KeepAlive(o)
		runtime.KeepAlive(m)
	}
}

// TestRegistry checks that a map keeps few nodes of values that are gone, and all of those
// that are attached.
func TestRegistry(t *testing.T) {
	m := New[thing, int](local, nil)
	stay := make([]thing, 100)
	passing := new(thing)
	for i := range 10_000 {
		if i%100 == 0 {
			m.Update(&stay[i/100], i, NoExist)
		}
		m.Update(passing, i, NoExist)
		m.Delete(passing)
	}
	if m.Len() != len(stay) {
		t.Errorf("%d values, want %d", m.Len(), len(stay))
	}
	nodes := 0
	for n := m.cells.first.Load(); n != nil; n = n.next.Load() {
		nodes++
	}
	if nodes > 2*len(stay)+minGone || int64(nodes) != m.cells.len.Load() {
		t.Errorf("%d nodes for %d values, len is %d", nodes, len(stay), m.cells.len.Load())
	}
}

// TestGarbage: when owners are garbage, Len and All do not count them, and the memory for them
// goes, though nobody attaches anything more.
func TestGarbage(t *testing.T) {
	for name, destroy := range map[string]func(int){"no destructor": nil, "a destructor": func(int) {}} {
		m := New(local, destroy)
		func() {
			of := make([]*thing, shorter(100_000))
			for i := range of {
				of[i] = new(thing)
				if err := m.Update(of[i], i, NoExist); err != nil {
					t.Fatal(err)
				}
			}
			if m.Len() != len(of) {
				t.Errorf("%s: %d values, want %d", name, m.Len(), len(of))
			}
			runtime.KeepAlive(of)
		}()
		stays := new(thing)
		m.Update(stays, -1, NoExist)
		nodes := func() (n int) {
			for x := m.cells.first.Load(); x != nil; x = x.next.Load() {
				n++
			}
			return n
		}
		eventually(t, "the nodes go, with "+name, func() bool { return nodes() <= 2+minGone && m.Len() == 1 })
		for o, v := range m.All() {
			if o != stays || v != -1 {
				t.Errorf("%s: All yields %d", name, v)
			}
		}
		runtime.KeepAlive(stays)
		runtime.KeepAlive(m)
	}
}

// TestOneSlice: to attach values to the elements of one slice, and to delete them, takes as long
// as for separate objects. It took 45 times as long when the runtime kept something for each
// element.
func TestOneSlice(t *testing.T) {
	n := shorter(32_000)
	together, apart := make([]*thing, n), make([]*thing, n)
	slice := make([]thing, n)
	for i := range n {
		together[i], apart[i] = &slice[i], new(thing)
	}
	m := New(local, func(int) {})
	life := func(of []*thing) time.Duration {
		start := time.Now()
		for i, o := range of {
			if err := m.Update(o, i, NoExist); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range of {
			if err := m.Delete(o); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(start)
	}
	var best time.Duration // the ratio in per cent
	for range 20 {         // The machine may be busy.
		ratio := 100 * life(together) / life(apart)
		if best == 0 || ratio < best {
			best = ratio
		}
		if best <= 200 {
			t.Logf("%d %% of the time for separate objects", best)
			return
		}
	}
	t.Errorf("the elements of a slice take %d %% of the time for separate objects, want at most 200", best)
}

// TestLoadAndDelete: the value is the caller's, so the destructor is not called.
func TestLoadAndDelete(t *testing.T) {
	m := New(local, func(v int) { t.Errorf("the destructor is called for %d", v) })
	o := new(thing)
	if _, err := m.LoadAndDelete(o); err != ErrNotExist {
		t.Errorf("of no value: %v", err)
	}
	if _, err := m.LoadAndDelete(nil); err != ErrNoOwner {
		t.Errorf("of no owner: %v", err)
	}
	m.Update(o, 5, Any)
	if v, err := m.LoadAndDelete(o); v != 5 || err != nil || m.Len() != 0 || cellsOf(o) != 0 {
		t.Errorf("%d, %v; then %d values, %d cells", v, err, m.Len(), cellsOf(o))
	}
	m.Close()
	if _, err := m.LoadAndDelete(o); err != ErrClosed {
		t.Errorf("of a closed map: %v", err)
	}
}

// TestLoadAndDeleteOnce has goroutines take a value at the same time, and destroy its owner.
// One of them gets it, or the destructor.
func TestLoadAndDeleteOnce(t *testing.T) {
	var taken atomic.Int64
	m := New(local, func(int) { taken.Add(1) })
	for range shorter(2000) {
		o := new(thing)
		m.Update(o, 1, Any)
		taken.Store(0)
		together(4, func(id int) {
			if id == 3 {
				o.local.Destroy()
			} else if _, err := m.LoadAndDelete(o); err == nil {
				taken.Add(1)
			}
		})
		if taken.Load() != 1 {
			t.Fatalf("the value was taken %d times", taken.Load())
		}
	}
}

// TestNotMade: no method works on a map that New has not made, and New wants a function.
func TestNotMade(t *testing.T) {
	var m Map[thing, int]
	o := new(thing)
	for i, f := range []func(){
		func() { m.Get(o) }, func() { m.GetOrCreate(o, nil) }, func() { m.Update(o, 1, Any) }, func() { m.Compute(o, nil) },
		func() { m.Delete(o) }, func() { m.LoadAndDelete(o) }, func() { m.All()(nil) }, func() { m.Len() }, func() { m.Close() },
		func() { m.Get(nil) }, func() { New[thing, int](nil, nil) },
	} {
		func() {
			want := "rqlock/localstorage: Map was not made by New: call New"
			if i == 10 {
				want = "rqlock/localstorage: New wants a function that returns an object's Owner, and has nil"
			}
			defer func() {
				if r := fmt.Sprint(recover()); r != want {
					t.Errorf("call %d panics with %s, want %s", i, r, want)
				}
			}()
			f()
		}()
	}
}

// TestPruneFirst adds a node while prune is about to unlink the only one. The new node stays.
func TestPruneFirst(t *testing.T) {
	a, b := new(int), new(int)
	var r registry[int]
	r.gone = func(x *int) bool {
		if x == a && r.len.Load() == 1 {
			r.add(b)
		}
		return x == a
	}
	r.add(a)
	r.prune()
	if all := slices.Collect(r.all()); len(all) == 0 || all[0] != b {
		t.Errorf("%d nodes are left, without the new one", len(all))
	}
	r.prune()
	if all := slices.Collect(r.all()); len(all) != 1 || all[0] != b || r.len.Load() != 1 {
		t.Errorf("%d nodes are left, len is %d", len(all), r.len.Load())
	}
	runtime.KeepAlive(a)
}

// A token is a value that counts how often it is attached and destroyed.
type token struct {
	attached, destroyed atomic.Int64
	owner               *thing
}

// TestOnce has goroutines create a value at the same time. One of them does, and all get it.
func TestOnce(t *testing.T) {
	m := New[thing, *token](local, nil)
	for range shorter(200) {
		o := new(thing)
		var calls atomic.Int64
		var got [4]*token
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				v, err := m.GetOrCreate(o, func() *token { calls.Add(1); return new(token) })
				if err != nil {
					t.Error(err)
				}
				got[i] = v
			})
		}
		wg.Wait()
		if calls.Load() != 1 || got[0] == nil || got != [4]*token{got[0], got[0], got[0], got[0]} || cellsOf(o) != 1 {
			t.Fatalf("%d calls of f, values %v, %d cells", calls.Load(), got, cellsOf(o))
		}
	}
}

// together calls f in n goroutines at the same time.
func together(n int, f func(id int)) {
	var ready atomic.Int64
	var wg sync.WaitGroup
	for id := range n {
		wg.Go(func() {
			for ready.Add(1); ready.Load() < int64(n); {
				runtime.Gosched()
			}
			f(id)
		})
	}
	wg.Wait()
}

// TestManyMaps attaches and removes values of one owner in several maps at the same time. Each
// map has its own value.
func TestManyMaps(t *testing.T) {
	o := new(thing)
	end := during(100 * time.Millisecond)
	together(4, func(int) {
		m := New[thing, int](local, nil)
		for i := 0; (i < 100 || time.Now().Before(end)) && !t.Failed(); i++ {
			if err := m.Update(o, i, NoExist); err != nil {
				t.Error(err)
			}
			if v, ok := m.Get(o); !ok || v != i {
				t.Errorf("Get: %d, %v, want %d", v, ok, i)
			}
			if err := m.Delete(o); err != nil {
				t.Error(err)
			}
		}
	})
	if cellsOf(o) != 0 {
		t.Errorf("in the end the owner has %d cells", cellsOf(o))
	}
}

// TestManyOwners attaches and removes values of many owners at the same time. In the end the
// map has each value that was not removed.
func TestManyOwners(t *testing.T) {
	const n, each = 4, 500
	for range max(1, shorter(8)) {
		m := New[thing, int](local, nil)
		var of [n][each]thing
		together(n, func(id int) {
			var passing thing
			for i := range each {
				for _, o := range []*thing{&of[id][i], &passing} {
					if err := m.Update(o, i, NoExist); err != nil {
						t.Error(err)
					}
				}
				if err := m.Delete(&passing); err != nil {
					t.Error(err)
				}
			}
		})
		if got := m.Len(); got != n*each {
			t.Fatalf("%d values, want %d", got, n*each)
		}
		runtime.KeepAlive(&of)
	}
}

// TestEndTwice ends a cell in two goroutines at the same time. One of them gets the value.
func TestEndTwice(t *testing.T) {
	n := shorter(5000)
	m := New(local, func(v *token) { v.destroyed.Add(1) })
	of := make([]thing, n)
	tokens := make([]token, n)
	cells := make([]*cell[thing, *token], n)
	ready := make([]atomic.Int64, n)
	for i := range n {
		m.Update(&of[i], &tokens[i], Any)
		cells[i], _ = m.cell(&of[i], false)
	}
	together(2, func(int) {
		for i := range n {
			ready[i].Add(1)
			for spins := 0; ready[i].Load() < 2; spins++ {
				if spins > 100 {
					runtime.Gosched()
				}
			}
			cells[i].end()
		}
	})
	for i := range n {
		if got := tokens[i].destroyed.Load(); got != 1 {
			t.Fatalf("the destructor was called %d times for value %d", got, i)
		}
	}
}

// TestTwoEnds destroys owners, replaces their values, and closes the map at the same time.
// The destructor is called once for each value.
func TestTwoEnds(t *testing.T) {
	const n = 100
	for range shorter(200) {
		m := New(local, func(v *token) { v.destroyed.Add(1) })
		var of [n]thing
		var tokens [2 * n]token
		for i := range n {
			m.Update(&of[n-1-i], &tokens[n-1-i], Any) // in this order, because Close begins with the newest
		}
		var attached [n]bool
		together(3, func(id int) {
			if id == 1 {
				m.Close()
				return
			}
			for i := range of {
				if id == 0 {
					of[i].local.Destroy()
				} else {
					attached[i] = m.Update(&of[i], &tokens[n+i], Any) == nil
				}
			}
		})
		for i := range tokens {
			want := int64(1)
			if i >= n && !attached[i-n] {
				want = 0
			}
			if got := tokens[i].destroyed.Load(); got != want {
				t.Fatalf("the destructor was called %d times for value %d, want %d", got, i, want)
			}
		}
	}
}

// TestTorture attaches and removes values of a few owners in a few maps by all methods, and in
// callbacks, and destroys owners and closes maps. The destructor is called once for each
// value that was attached, and for no other.
func TestTorture(t *testing.T) {
	number := seed.Of(t)
	var tokens struct {
		sync.Mutex
		of []*token
	}
	newMap := func() *Map[thing, *token] {
		return New(local, func(v *token) { v.destroyed.Add(1) })
	}
	var of [3]atomic.Pointer[Map[thing, *token]]
	var things [3]atomic.Pointer[thing]
	for i := range of {
		of[i].Store(newMap())
		things[i].Store(new(thing))
	}
	var wg sync.WaitGroup
	for id := range 4 {
		wg.Go(func() {
			rnd := seed.New(number, id)
			pick := func() (*Map[thing, *token], *thing) {
				return of[rnd.IntN(len(of))].Load(), things[rnd.IntN(len(things))].Load()
			}
			var mine []*token
			check := func(err error, depth int) {
				switch {
				case err == nil, err == ErrExist, err == ErrNotExist, err == ErrNoOwner, err == ErrClosed:
				case depth > 0 && errors.Is(err, rqlock.ErrDeadlock):
				default:
					t.Error(err)
				}
			}
			var some func(depth int)
			some = func(depth int) {
				m, o := pick()
				made := &token{owner: o}
				mine = append(mine, made)
				switch op := rnd.IntN(100); {
				case op < 25:
					if v, ok := m.Get(o); ok && v.owner != o {
						t.Error("Get returns a value of another owner")
					}
				case op < 45:
					v, err := m.GetOrCreate(o, func() *token {
						made.attached.Add(1) // If it is not attached, the destructor is called for it.
						if depth < 2 {
							some(depth + 1)
						}
						return made
					})
					if check(err, depth); err == nil && v.owner != o {
						t.Error("GetOrCreate returns a value of another owner")
					}
				case op < 60:
					err := m.Update(o, made, Flag(rnd.IntN(3)))
					if check(err, depth); err == nil {
						made.attached.Add(1)
					}
				case op < 75:
					action := Action(rnd.IntN(3))
					var old *token
					err := m.Compute(o, func(v *token, present bool) (*token, Action) {
						if old = nil; present {
							old = v
						}
						if depth < 2 {
							some(depth + 1)
						}
						return made, action
					})
					if check(err, depth); err == nil && action == Set {
						made.attached.Add(1)
						if old != nil {
							old.destroyed.Add(1) // The callback has replaced it.
						}
					}
				case op < 90:
					check(m.Delete(o), depth)
				case op < 95:
					for o, v := range m.All() {
						if v.owner != o {
							t.Error("All yields a value of another owner")
						}
					}
				case op < 98:
					o.local.Destroy()
					for i := range things {
						things[i].CompareAndSwap(o, new(thing))
					}
				default:
					m.Close()
					for i := range of {
						of[i].CompareAndSwap(m, newMap())
					}
				}
			}
			for range shorter(5000) {
				some(0)
			}
			tokens.Lock()
			defer tokens.Unlock()
			tokens.of = append(tokens.of, mine...)
		})
	}
	wg.Wait()
	for i := range of {
		if i%2 == 0 {
			of[i].Load().Close()
		}
	}
	for i := range things {
		if o := things[i].Load(); cellsOf(o) > len(of)/2 {
			t.Errorf("an owner has %d cells, though two of three maps are closed", cellsOf(o))
		}
		things[i].Load().local.Destroy()
	}
	used := 0
	for _, v := range tokens.of {
		if v.attached.Load() != v.destroyed.Load() || v.attached.Load() > 1 {
			t.Fatalf("a value was attached %d times and destroyed %d times", v.attached.Load(), v.destroyed.Load())
		}
		used += int(v.attached.Load())
	}
	if used == 0 {
		t.Error("nothing was attached")
	}
	for i := range of {
		if n := of[i].Load().Len(); n != 0 {
			t.Errorf("in the end a map has %d values", n)
		}
	}
}

// TestEndRace attaches values while the owner is destroyed, or the map closed. No value stays,
// and the destructor is called once for each.
func TestEndRace(t *testing.T) {
	for name, end := range map[string]func(*Map[thing, *token], *thing){
		"Destroy": func(_ *Map[thing, *token], o *thing) { o.local.Destroy() },
		"Close":   func(m *Map[thing, *token], _ *thing) { m.Close() },
	} {
		for range shorter(2000) {
			m := New(local, func(v *token) { v.destroyed.Add(1) })
			o := new(thing)
			var made, called token
			var wg sync.WaitGroup
			wg.Go(func() {
				if m.Update(o, &made, NoExist) == nil {
					made.attached.Add(1)
				}
			})
			wg.Go(func() {
				m.GetOrCreate(o, func() *token { called.attached.Add(1); return &called })
			})
			end(m, o)
			wg.Wait()
			for _, v := range []*token{&made, &called} {
				if v.attached.Load() != v.destroyed.Load() {
					t.Fatalf("%s: a value was attached %d times and destroyed %d times", name, v.attached.Load(), v.destroyed.Load())
				}
			}
			if _, ok := m.Get(o); ok || m.Len() != 0 || cellsOf(o) != 0 {
				t.Fatalf("after %s Get finds a value: %v; %d values, %d cells", name, ok, m.Len(), cellsOf(o))
			}
		}
	}
}

// TestAllocs checks that neither Get nor GetOrCreate of an attached value allocates.
func TestAllocs(t *testing.T) {
	m := New[thing, int](local, nil)
	o := new(thing)
	m.Update(o, 1, Any)
	if n := testing.AllocsPerRun(1000, func() { m.Get(o); m.GetOrCreate(o, func() int { return 2 }) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkGet gets the values of many owners, on all processors at once. An owner has a value
// in each of several maps.
func BenchmarkGet(b *testing.B) {
	for _, maps := range []int{1, 4, 16} {
		var m *Map[thing, int]
		of := owners(func(o *thing) {})
		for range maps { // Get searches longest for the value of the last one.
			m = New[thing, int](local, nil)
			for _, o := range of {
				m.Update(o, o.id, Any)
			}
		}
		get(b, fmt.Sprintf("maps=%d/of=localstorage", maps), of, m.Get)
	}
	var s sync.Map
	get(b, "maps=1/of=sync.Map", owners(func(o *thing) { s.Store(o, o.id) }), func(o *thing) (int, bool) {
		v, ok := s.Load(o)
		return v.(int), ok
	})
	w := weakMap{of: map[weak.Pointer[thing]]int{}}
	get(b, "maps=1/of=weak", owners(func(o *thing) { w.put(o, o.id) }), w.get)
}

func owners(each func(*thing)) (of []*thing) {
	for i := range 1 << 12 {
		o := &thing{id: i}
		each(o)
		of = append(of, o)
	}
	return of
}

func get(b *testing.B, name string, of []*thing, f func(*thing) (int, bool)) {
	b.Run(name, func(b *testing.B) {
		var ids atomic.Uint64
		b.RunParallel(func(pb *testing.PB) {
			for i := ids.Add(1) * 1000; pb.Next(); i++ {
				o := of[i*167%uint64(len(of))]
				if v, ok := f(o); !ok || v != o.id {
					b.Error(v, ok)
				}
			}
		})
	})
}

// A weakMap is a map with a mutex and weak pointers to the owners.
type weakMap struct {
	mu sync.RWMutex
	of map[weak.Pointer[thing]]int
}

func (m *weakMap) put(o *thing, v int) {
	key := weak.Make(o)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.of[key]; !known {
		runtime.AddCleanup(o, m.remove, key)
	}
	m.of[key] = v
}

func (m *weakMap) get(o *thing) (int, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.of[weak.Make(o)]
	return v, ok
}

func (m *weakMap) remove(key weak.Pointer[thing]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, key)
}

// BenchmarkLife makes an owner, attaches a value, and destroys the owner.
func BenchmarkLife(b *testing.B) {
	for name, destroy := range map[string]func(int){"localstorage": nil, "localstorage, destructor": func(int) {}} {
		b.Run("of="+name, func(b *testing.B) {
			m := New(local, destroy)
			b.ReportAllocs()
			for b.Loop() {
				o := new(thing)
				m.Update(o, 1, Any)
				o.local.Destroy()
			}
		})
	}
	b.Run("of=sync.Map", func(b *testing.B) {
		var m sync.Map
		b.ReportAllocs()
		for b.Loop() {
			o := new(thing)
			m.Store(o, 1)
			m.Delete(o)
		}
	})
	b.Run("of=weak", func(b *testing.B) {
		m := weakMap{of: map[weak.Pointer[thing]]int{}}
		b.ReportAllocs()
		for b.Loop() {
			o := new(thing)
			m.put(o, 1)
			m.remove(weak.Make(o))
		}
	})
}
