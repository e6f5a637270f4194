package lpmtrie

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

var errChanged = errors.New("changed my mind")

// TestTransact compares transactions with a model: some take effect, and some end with an
// error, a panic or the end of the goroutine. Before and after them, and meanwhile, the trie
// is what it was.
func TestTransact(t *testing.T) {
	rnd := seed.Rand(t)
	const limit = 150
	key := func(family string, n int) string {
		var b strings.Builder
		for b.Len() < n {
			fmt.Fprintf(&b, "%08b", rnd.IntN(3)*rnd.IntN(90))
		}
		return family + b.String()[:n]
	}
	for s, keys := range map[subject]func() string{
		mapSubject{New[int](40, limit)}: func() string { return key("", rnd.IntN(41)) },
		tableSubject{NewTable[int](limit)}: func() string {
			return key([]string{"4", "6"}[rnd.IntN(2)], rnd.IntN(33))
		},
	} {
		want := &model{map[string]int{}, limit}
		for round := range shorter(60, 15) {
			after := &model{maps.Clone(want.of), limit}
			end := rnd.IntN(6)
			body := func(x txSubject) error {
				for i := range rnd.IntN(120) {
					after.playTx(t, x, rnd, keys(), i)
				}
				want.check(t, s)
				after.checkSeq(t, "All of a transaction", x.all(), after.keys())
				switch end {
				case 0:
					return errChanged
				case 1:
					panic(errChanged)
				case 2:
					runtime.Goexit()
				}
				return nil
			}
			var err error
			done := make(chan any)
			go func() {
				defer func() { done <- recover() }()
				err = s.transact(body)
			}()
			<-done
			if end > 2 {
				want = after
			}
			if end == 0 && err != errChanged || end > 2 && err != nil {
				t.Fatal(err)
			}
			want.check(t, s)
			for range 5 { // Single changes go on with what the transaction has made.
				want.play(t, s, rnd.IntN(7), keys(), keys(), round)
			}
			want.check(t, s)
		}
	}
}

// playTx does an operation in a transaction and in the model.
func (m *model) playTx(t *testing.T, x txSubject, rnd *rand.Rand, k string, v int) {
	t.Helper()
	switch op := rnd.IntN(40); {
	case op == 0:
		if err := x.Clear(); err != nil {
			t.Fatal(err)
		}
		clear(m.of)
	case op < 3: // The loop's body changes what it iterates over.
		of := &model{maps.Clone(m.of), m.limit}
		of.checkSeq(t, "All of a transaction", func(yield func(string, int) bool) {
			for k, v := range x.all() {
				if !yield(k, v) {
					return
				}
				m.playTx(t, x, rnd, k, v)
			}
		}, of.keys())
	case op < 15:
		v, err := x.remove(k)
		if want, wantErr := m.remove(k); v != want || err != wantErr {
			t.Fatalf("LookupAndDelete(%q) = %d, %v, want %d, %v", k, v, err, want, wantErr)
		}
	default:
		f := Flag(op % 3)
		if err, want := x.update(k, v, f), m.update(k, v, f); err != want {
			t.Fatalf("Update(%q) with flag %d: %v, want %v", k, f, err, want)
		}
	}
	want, present := m.of[k]
	if v, ok := x.get(k); v != want || ok != present || x.Len() != len(m.of) || present && !x.covers(k) {
		t.Fatalf("Get(%q) = %d, %v, want %d, %v; Len() = %d, want %d; covered: %v", k, v, ok, want, present, x.Len(), len(m.of), x.covers(k))
	}
}

// TestTransactAtOnce has transactions exchange prefixes of both families. Whoever reads sees
// all or nothing of each.
func TestTransactAtOnce(t *testing.T) {
	table := NewTable[int](100)
	var of []netip.Prefix
	for _, s := range []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "2001:db8::/32", "2001:db8::1/128"} {
		of = append(of, netip.MustParsePrefix(s))
	}
	set := func(v int) error {
		return table.Transact(func(tx *TableTx[int]) error {
			for _, p := range of {
				if err := tx.Update(p, v, Any); err != nil {
					return err
				}
				if v%8 == 0 {
					runtime.Gosched()
				}
			}
			return nil
		})
	}
	if err := set(0); err != nil {
		t.Fatal(err)
	}
	end := during(150 * time.Millisecond)
	var wg sync.WaitGroup
	wg.Go(func() {
		for v := 1; time.Now().Before(end); v++ {
			if err := set(v); err != nil {
				t.Error(err)
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			for last := 0; time.Now().Before(end); {
				first, n := -1, 0
				for _, v := range table.All() {
					if first < 0 {
						first = v
					}
					if n++; v != first {
						t.Errorf("All yields values of transactions %d and %d", first, v)
						return
					}
				}
				if n != len(of) || first < last {
					t.Errorf("All yields %d values of transaction %d, after %d", n, first, last)
				}
				last = first
				for _, p := range []int{5, 0, 4, 3, 2, 1} { // Who has seen one of its changes sees all.
					v, ok := table.Get(of[p])
					if !ok || v < last {
						t.Errorf("Get(%v) = %d, %v, after %d", of[p], v, ok, last)
					}
					last = v
				}
			}
		})
	}
	wg.Wait()
}

// TestTransactFails: a transaction that cannot lock does not call its function; one that has
// ended cannot be used; a full one changes nothing.
func TestTransactFails(t *testing.T) {
	table, m := NewTable[int](2), New[int](8, 2)
	p, k := netip.MustParsePrefix("10.0.0.0/8"), Key{[]byte{1}, 8}
	var ended *TableTx[int]
	var endedMap *MapTx[int]
	err := table.Transact(func(tx *TableTx[int]) error {
		ended = tx
		for _, err := range []error{table.Transact(func(*TableTx[int]) error { t.Error("called"); return nil }), table.Clear(), table.Update(p, 1, Any)} {
			if !errors.Is(err, rqlock.ErrDeadlock) {
				t.Errorf("in a transaction: %v", err)
			}
		}
		if err := tx.Update(netip.Prefix{}, 1, Any); !errors.Is(err, ErrKey) {
			t.Error(err)
		}
		return tx.Update(p, 1, Any)
	})
	err = errors.Join(err, m.Transact(func(tx *MapTx[int]) error {
		endedMap = tx
		if err := tx.Delete(Key{nil, 3}); !errors.Is(err, ErrKey) {
			t.Error(err)
		}
		return tx.Update(k, 1, Any)
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{ended.Update(p, 2, Any), ended.Delete(p), ended.Clear(), endedMap.Update(k, 2, Any), endedMap.Delete(k), endedMap.Clear()} {
		if err != ErrEnded {
			t.Errorf("after the end: %v", err)
		}
	}
	if _, ok := ended.Get(p); ok {
		t.Error("Get in a transaction that has ended")
	}
	many := func(yield func(netip.Prefix, int) bool) {
		for i := range 3 {
			if !yield(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i)}), 8), 7) {
				return
			}
		}
	}
	if err := table.UpdateAll(many, NoExist); err != ErrFull || table.Len() != 1 {
		t.Errorf("UpdateAll of too many: %v; then %d prefixes", err, table.Len())
	}
	if err := m.UpdateAll(func(yield func(Key, int) bool) { _ = yield(Key{[]byte{2}, 8}, 2) && yield(Key{nil, 9}, 2) }, Any); !errors.Is(err, ErrKey) || m.Len() != 1 {
		t.Errorf("UpdateAll with a bad key: %v; then %d prefixes", err, m.Len())
	}
	if v, _ := table.Get(p); v != 1 {
		t.Errorf("the value is %d", v)
	}
}

// TestClear clears tries that readers and iterations use.
func TestClear(t *testing.T) {
	for s, k := range map[subject]string{mapSubject{New[int](40, 50)}: "0101", tableSubject{NewTable[int](50)}: "40101"} {
		want := &model{map[string]int{}, 50}
		for i := range 20 {
			want.play(t, s, 0, k+strings.Repeat("1", i), k, i)
		}
		n := 0
		for range s.all() {
			if err := s.clear(); err != nil {
				t.Fatal(err)
			}
			n++
		}
		clear(want.of)
		want.check(t, s)
		if n != 20 {
			t.Errorf("All yields %d prefixes, which were there when it began, want 20", n)
		}
		want.play(t, s, 1, k, k, 1)
		want.check(t, s)
	}
}

// TestRepeat: a reader whose trie changes again and again notices, and gets a snapshot in the
// end, which does not change.
func TestRepeat(t *testing.T) {
	table := NewTable[int](2000)
	at := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i)}), 24)
	}
	i := 0
	add := func() {
		if err := table.Update(at(i), i, NoExist); err != nil {
			t.Fatal(err)
		}
		i++
	}
	count := func(r *roots[int]) (n int) {
		r[v4].each(func(item[int]) bool { n++; return true })
		return n
	}
	for range 400 {
		add()
	}
	for try := range tries + 1 {
		r, version := table.trie.begin(try)
		before := count(r)
		for range 300 {
			add()
		}
		if n := count(r); (n == before) != (try == tries) || version == table.trie.version.Load() {
			t.Errorf("try %d: %d prefixes before changes, and %d after them", try, before, n)
		}
	}
}

// deepMap returns a map with a node for each octet of a long key, and the key.
func deepMap(t *testing.T) (*Map[int], Key) {
	const depth = 500
	m := New[int](8*depth, 2*depth)
	long := Key{make([]byte, depth), 8 * depth}
	err := m.Update(long, 1, Any)
	for i := range depth - 1 {
		err = errors.Join(err, m.Update(Key{append(make([]byte, i), 1), 8*i + 8}, i, Any))
	}
	if err != nil {
		t.Fatal(err)
	}
	return m, long
}

// TestNotices has the version change all the time. Each method that reads without a lock
// notices, and ends with a snapshot: here after the first time, which happens at the latest when
// the system takes the processor away from it.
func TestNotices(t *testing.T) {
	defer func(n int) { tries = n }(tries)
	tries = 1
	m, k := deepMap(t)
	stop := make(chan bool)
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				for range 1000 {
					m.trie.version.Add(1)
				}
			}
		}
	}()
	for name, f := range map[string]func(){
		"Lookup": func() { m.Lookup(k) }, "Get": func() { m.Get(k) }, "NextKey": func() { m.NextKey(k) },
		"OverlapsPrefix": func() { m.OverlapsPrefix(k) }, "Supernets": func() { m.Supernets(k)(func(Key, int) bool { return true }) },
	} {
		before := m.trie.gen.Load()
		for end := time.Now().Add(patience); m.trie.gen.Load() == before; f() {
			if time.Now().After(end) {
				t.Fatalf("%s does not notice that the trie changes", name)
			}
		}
	}
}

// TestMatchMoment has one of two prefixes present all the time: the shorter one in the root, and
// the longer one a long way down.
func TestMatchMoment(t *testing.T) {
	m, long := deepMap(t)
	short := Key{long.Bits, 3}
	end := during(300 * time.Millisecond)
	var wg sync.WaitGroup
	for name, found := range map[string]func() bool{
		"Lookup":         func() bool { _, ok := m.Lookup(long); return ok },
		"OverlapsPrefix": func() bool { return m.OverlapsPrefix(long) },
		"Supernets": func() (found bool) {
			for range m.Supernets(long) {
				found = true
			}
			return found
		},
	} {
		wg.Go(func() {
			for time.Now().Before(end) {
				if !found() {
					t.Errorf("%s misses both prefixes", name)
					return
				}
			}
		})
	}
	for i := 0; time.Now().Before(end); i++ {
		if err := errors.Join(m.Update(short, i, Any), m.Delete(long), m.Update(long, i, Any), m.Delete(short)); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

// TestCost measures what changes allocate in a table of 100,000 prefixes: a single one little
// more than the node that it changes, and many at once little more than the table.
func TestCost(t *testing.T) {
	rnd := seed.Rand(t)
	n := shorter(100_000, 20_000)
	for _, v6 := range []bool{false, true} {
		of := benchPrefixes(rnd, v6, n+n/10)
		table := NewTable[int](len(of))
		bytes := func(ops int, f func()) float64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f()
			runtime.ReadMemStats(&after)
			return float64(after.TotalAlloc-before.TotalAlloc) / float64(ops)
		}
		build := bytes(n, func() {
			err := table.UpdateAll(func(yield func(netip.Prefix, int) bool) {
				for i, p := range of[:n] {
					if !yield(p, i) {
						return
					}
				}
			}, Any)
			if err != nil {
				t.Fatal(err)
			}
		})
		insert := func() {
			for i, p := range of[n:] {
				if err := table.Update(p, i, Any); err != nil {
					t.Fatal(err)
				}
			}
		}
		first, again := bytes(n/10, insert), bytes(n/10, insert)
		t.Logf("v6 %v: %.0f bytes a prefix at once; %.0f for a new one, %.0f for a new value", v6, build, first, again)
		if build > 400 || first > 1200 || again > 800 {
			t.Errorf("v6 %v: at once %.0f bytes a prefix, want at most 400; a new one %.0f, want at most 1200; a new value %.0f, want at most 800", v6, build, first, again)
		}
	}
}

// TestNotMade uses tables and maps that no constructor has made. All methods panic with one
// message.
func TestNotMade(t *testing.T) {
	var table Table[int]
	var m Map[int]
	p, k := netip.MustParsePrefix("10.0.0.0/8"), Key{[]byte{1}, 8}
	tables := []func(){
		func() { table.Len() }, func() { table.Lookup(p.Addr()) }, func() { table.LookupPrefix(p) }, func() { table.Get(p) },
		func() { table.Update(p, 1, Any) }, func() { table.Delete(p) }, func() { table.Compute(p, nil) }, func() { table.NextKey(p) },
		func() { table.Clear() }, func() { table.OverlapsPrefix(p) }, func() { table.Transact(nil) },
		func() { table.All()(nil) }, func() { table.Subnets(p)(nil) }, func() { table.Supernets(p)(nil) },
	}
	bits := []func(){
		func() { m.Len() }, func() { m.Lookup(k) }, func() { m.LookupLPM(k) }, func() { m.Get(k) }, func() { m.Update(k, 1, Any) },
		func() { m.Delete(k) }, func() { m.Compute(k, nil) }, func() { m.NextKey(k) }, func() { m.Clear() }, func() { m.OverlapsPrefix(k) },
		func() { m.Transact(nil) }, func() { m.All()(nil) }, func() { m.Subnets(k)(nil) }, func() { m.Supernets(k)(nil) },
	}
	for want, calls := range map[string][]func(){
		"rqlock/lpmtrie: Table was not made by NewTable: call NewTable": tables,
		"rqlock/lpmtrie: Map was not made by New: call New":             bits,
	} {
		for i, f := range calls {
			func() {
				defer func() {
					if r := fmt.Sprint(recover()); r != want {
						t.Errorf("call %d panics with %s, want %s", i, r, want)
					}
				}()
				f()
			}()
		}
	}
}
