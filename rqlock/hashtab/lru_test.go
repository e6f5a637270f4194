package hashtab

import (
	"container/list"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// An exactLRU is a cache that evicts the least recently used key, slowly and obviously.
type exactLRU struct {
	order *list.List
	at    map[int]*list.Element
	room  int
}

// use reports whether k is present, and adds it if it is not.
func (c *exactLRU) use(k int) bool {
	if e, ok := c.at[k]; ok {
		c.order.MoveToFront(e)
		return true
	}
	if len(c.at) == c.room {
		last := c.order.Back()
		delete(c.at, c.order.Remove(last).(int))
	}
	c.at[k] = c.order.PushFront(k)
	return false
}

// TestHitRate checks that more lookups hit than in an exact LRU cache, by far if many keys
// come once only.
func TestHitRate(t *testing.T) {
	rnd := seed.Rand(t)
	for _, scans := range []int{0, 30} { // of 100 calls
		zipf := rand.NewZipf(rnd, 1.1, 1, 100_000)
		const room, calls = 500, 50_000
		m, exact := seeded(NewLRU[int, int](room), rnd), &exactLRU{list.New(), map[int]*list.Element{}, room}
		ours, theirs := 0, 0
		for i := range calls {
			k := int(zipf.Uint64())
			if rnd.IntN(100) < scans {
				k = 1_000_000 + i
			}
			if exact.use(k) {
				theirs++
			}
			if _, ok := m.Lookup(k); ok {
				ours++
			} else {
				must(t, m.Update(k, k, NoExist))
			}
		}
		if better := 100 * (ours - theirs) / calls; better < 3 {
			t.Errorf("with %d %% of scans %d hits of %d, an exact LRU has %d", scans, ours, calls, theirs)
		}
	}
}

// TestBoundedEviction checks that an insertion into a full map looks at a limited number of
// elements, even if all were used as often as counts.
func TestBoundedEviction(t *testing.T) {
	const n, most = 4000, 210
	m := NewLRU[int, int](n)
	for k := range n {
		must(t, m.Update(k, k, Any))
	}
	for range maxUses {
		for k := range n {
			m.Lookup(k)
		}
	}
	must(t, m.Update(n, n, NoExist))
	changed := 0
	for i := range m.lru.nodes {
		if m.lru.nodes[i].uses.Load() != maxUses {
			changed++
		}
	}
	if changed > most || m.Len() != n {
		t.Errorf("an insertion looks at %d of %d elements, want at most %d; Len() = %d", changed, n, most, m.Len())
	}
}

// TestUseKeeps checks that elements which are looked up stay, and that a Peek does not count.
func TestUseKeeps(t *testing.T) {
	const n = 100
	look := map[string]func(m *Map[int, int], k int){
		"Lookup": func(m *Map[int, int], k int) { m.Lookup(k) }, "Update": func(m *Map[int, int], k int) { m.Update(k, k, Any) },
		"Peek": func(m *Map[int, int], k int) { m.Peek(k) },
	}
	for name, use := range look {
		m := NewLRU[int, int](n)
		for k := range n {
			m.Update(k, k, Any)
			use(m, k)
			use(m, k)
		}
		for k := range n / 2 {
			must(t, m.Update(n+k, k, NoExist))
		}
		kept := 0
		for k := range n {
			if _, ok := m.Peek(k); ok {
				kept++
			}
		}
		if counts := kept > n*8/10; counts != (name != "Peek") {
			t.Errorf("%s: %d of %d old elements are left", name, kept, n)
		}
	}
}

// TestTTL checks that an element is taken for absent when its time is over, and that setting
// its value begins the time anew.
func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone []int
		m := NewLRUWith(10, LRUOptions[int, string]{TTL: time.Minute, OnEvict: func(k int, v string) { gone = append(gone, k) }})
		must(t, m.Update(1, "a", Any))
		must(t, m.Update(2, "b", Any))
		time.Sleep(40 * time.Second)
		must(t, m.Update(2, "c", Exist))
		if _, ok := m.Lookup(1); !ok {
			t.Error("an element has expired too early")
		}
		time.Sleep(20 * time.Second)
		if _, ok := m.Lookup(1); ok {
			t.Error("Lookup finds an element that has expired")
		}
		if _, ok := m.Peek(1); ok {
			t.Error("Peek finds an element that has expired")
		}
		if v, ok := m.Lookup(2); !ok || v != "c" {
			t.Errorf("an element whose value was set: %q, %v", v, ok)
		}
		if all := collect(m); len(all) != 1 || all[0].k != 2 {
			t.Errorf("All yields %v", all)
		}
		if err := m.Update(1, "x", Exist); err != ErrNotExist {
			t.Errorf("Update of an element that has expired: %v", err)
		}
		if v, ok, err := m.Compute(1, func(v string, ok bool) (string, Action) {
			if v != "" || ok {
				t.Errorf("Compute has %q, %v", v, ok)
			}
			return "new", Set
		}); v != "new" || !ok || err != nil {
			t.Errorf("Compute: %q, %v, %v", v, ok, err)
		}
		if err := m.Update(1, "y", NoExist); err != ErrExist {
			t.Errorf("afterwards: %v", err)
		}
		if s := m.Stats(); s.Expired != 1 || s.Len != 2 || !slices.Equal(gone, []int{1}) {
			t.Errorf("%+v, evicted %v", s, gone)
		}
		time.Sleep(time.Hour)
		if err := m.Delete(1); err != ErrNotExist || m.Len() != 1 {
			t.Errorf("Delete: %v, %d elements", err, m.Len())
		}
		if s := m.Stats(); s.Expired != 2 || !slices.Equal(gone, []int{1, 1}) {
			t.Errorf("after Delete: %+v, evicted %v", s, gone)
		}
	})
}

// TestExpiredFirst checks that an element that has expired makes room, however often it was
// used.
func TestExpiredFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		m := NewLRUWith(n, LRUOptions[int, int]{TTL: time.Minute})
		for k := range n {
			m.Update(k, k, Any)
			for range 5 {
				m.Lookup(k)
			}
		}
		time.Sleep(time.Minute)
		for k := range n {
			must(t, m.Update(n+k, k, NoExist))
		}
		if s := m.Stats(); s.Expired != n || s.Evicted != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestWeigh checks that weights are kept in sum: when elements come, go, and become heavier.
func TestWeigh(t *testing.T) {
	rnd := seed.Rand(t)
	const capacity = 1000
	evicted := 0
	weigh := func(_ int, v string) int { return len(v) }
	m := NewLRUWith(capacity, LRUOptions[int, string]{Weigh: weigh, OnEvict: func(k int, v string) { evicted++ }})
	text := make([]byte, capacity+1)
	for i := range 5000 {
		k, n := rnd.IntN(100), rnd.IntN(100)
		switch rnd.IntN(5) {
		case 0:
			m.Delete(k)
		case 1:
			m.Compute(k, func(string, bool) (string, Action) { return string(text[:n]), Set })
		default:
			must(t, m.Update(k, string(text[:n]), Any))
		}
		if i%50 != 0 {
			continue
		}
		sum := 0
		for _, v := range m.All() {
			sum += max(1, len(v))
		}
		if s := m.Stats(); s.Weight != sum || sum > capacity || s.Evicted != uint64(evicted) || s.Limit != capacity {
			t.Fatalf("the weight is %d, %d were evicted; %+v", sum, evicted, s)
		}
	}
	if evicted == 0 {
		t.Error("nothing was evicted")
	}
	before := m.Stats()
	if err := m.Update(1000, string(text), Any); err != ErrFull || m.Stats() != before {
		t.Errorf("an element that is too heavy: %v; %+v, before %+v", err, m.Stats(), before)
	}
	must(t, m.Update(1000, string(text[:capacity]), Any))
	if s := m.Stats(); s.Len != 1 || s.Weight != capacity {
		t.Errorf("an element of all the weight: %+v", s)
	}
}

// TestOnEvict checks that OnEvict is told of each element that leaves a map to make room, and
// may use the map.
func TestOnEvict(t *testing.T) {
	const n, more = 10, 200
	left := map[int]bool{}
	var m *Map[int, [9]int]
	m = NewLRUWith(n, LRUOptions[int, [9]int]{OnEvict: func(k int, v [9]int) {
		if v[8] != k || left[k] {
			t.Errorf("%d leaves with %v; it has left before: %v", k, v, left[k])
		}
		left[k] = true
		if _, ok := m.Lookup(k); ok {
			t.Errorf("%d is still there", k)
		}
		must(t, m.Update(-1, v, Any)) // Nothing is locked.
		delete(left, -1)
	}})
	for k := range more {
		must(t, m.Update(k, [9]int{8: k}, NoExist))
	}
	for k := range more {
		if _, ok := m.Lookup(k); ok == left[k] {
			t.Errorf("%d is present: %v, and has left: %v", k, ok, left[k])
		}
	}
}

// TestWeighPanics checks that a Weigh that panics leaves nothing locked or changed.
func TestWeighPanics(t *testing.T) {
	m := NewLRUWith(10, LRUOptions[int, int]{Weigh: func(k, v int) int { return 1 / v }})
	must(t, m.Update(1, 1, Any))
	for name, f := range map[string]func(){
		"Update": func() { m.Update(1, 0, Any) }, "Compute": func() { m.Compute(1, func(int, bool) (int, Action) { return 0, Set }) },
	} {
		if got := panicOf(f); got != "runtime error: integer divide by zero" {
			t.Errorf("%s panics with %s", name, got)
		}
	}
	if v, ok := m.Lookup(1); v != 1 || !ok {
		t.Errorf("%d, %v", v, ok)
	}
	must(t, m.Update(1, 2, Exist))
}

// TestLRUSmall has goroutines add elements to maps with room for 1 to 3. No call is told that
// the map is full, though all buckets may be locked for a moment.
func TestLRUSmall(t *testing.T) {
	for room := 1; room <= 3; room++ {
		for name, m := range map[string]*Map[int, int]{
			"NewLRU": NewLRU[int, int](room), "NewLRUWith": NewLRUWith(room, LRUOptions[int, int]{Weigh: func(int, int) int { return 1 }}),
		} {
			var wg sync.WaitGroup
			end := during(50 * time.Millisecond)
			for id := range 4 {
				wg.Go(func() {
					for n := 0; n < 500 || time.Now().Before(end); n++ {
						if err := m.Update(10*n+id, n, Any); err != nil {
							t.Errorf("%s, room for %d: %v", name, room, err)
							return
						}
						if l := m.Len(); l > room {
							t.Errorf("%s: Len() = %d, with room for %d", name, l, room)
							return
						}
					}
				})
			}
			wg.Wait()
			if n := len(collect(m)); n != m.Len() || n != room {
				t.Errorf("%s: %d elements, Len() = %d, room for %d", name, n, m.Len(), room)
			}
		}
	}
}

// TestGhosts checks that hashes are remembered for a while, and are forgotten in the end.
func TestGhosts(t *testing.T) {
	rnd := seed.Rand(t)
	var g ghosts
	if g.remove(1) {
		t.Error("there is a ghost in the beginning")
	}
	g.add(1) // There is no room: nothing happens.
	const n = 1000
	g.grow(n)
	hashes := make([]uint64, 3*n)
	for i := range hashes {
		hashes[i] = rnd.Uint64()
		g.add(hashes[i])
	}
	count := func(of []uint64) (found int) {
		for _, h := range of {
			if g.remove(h) {
				found++
			}
		}
		return found
	}
	if old := count(hashes[:n]); old > n/100 {
		t.Errorf("%d of %d old ghosts are left", old, n)
	}
	if late := count(hashes[3*n-n/2:]); late < n/2*9/10 {
		t.Errorf("%d of %d late ghosts are left", late, n/2)
	}
	if again := count(hashes[3*n-n/2:]); again > n/100 {
		t.Errorf("%d ghosts are removed twice", again)
	}
}

// TestLRUWaits adds an element to a map whose only other element is in a bucket that another
// goroutine has locked. Update waits until that is unlocked, and Compute returns ErrFull.
func TestLRUWaits(t *testing.T) {
	m := NewLRU[int, int](1)
	must(t, m.Update(1, 1, Any))
	_, other := lockOf(m, 1)
	locked, release := make(chan bool), make(chan bool)
	var held, added sync.WaitGroup
	held.Go(func() {
		must(t, compute(m, 1, func(v int, _ bool) (int, Action) {
			close(locked)
			<-release
			return v, Keep
		}))
	})
	<-locked
	if err := compute(m, other, func(int, bool) (int, Action) { return 5, Set }); err != ErrFull {
		t.Errorf("Compute: %v", err)
	}
	added.Go(func() { must(t, m.Update(other, 5, Any)) })
	time.Sleep(5 * time.Millisecond)
	close(release)
	held.Wait()
	added.Wait()
	if v, ok := m.Lookup(other); v != 5 || !ok || m.Len() != 1 {
		t.Errorf("%d, %v, %d elements", v, ok, m.Len())
	}
}
