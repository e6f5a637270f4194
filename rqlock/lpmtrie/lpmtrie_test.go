package lpmtrie

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

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

// during returns the end of a test that runs for d, and for a tenth of it with -short.
func during(d time.Duration) time.Time {
	if testing.Short() {
		d /= 10
	}
	return time.Now().Add(d)
}

// shorter returns n, and with -short the smaller number m.
func shorter(n, m int) int {
	if testing.Short() {
		return m
	}
	return n
}

// play does an operation on a trie and on the model: Update with a flag (0 to 2), deletion
// (3), or Compute with an action (4 to 6). Then it compares them for two keys.
func (m *model) play(t *testing.T, got subject, op int, k, other string, v int) {
	t.Helper()
	var err, wantErr error
	switch op {
	case 0, 1, 2:
		err, wantErr = got.update(k, v, Flag(op)), m.update(k, v, Flag(op))
	case 3:
		var x, want int
		x, err = got.remove(k)
		if want, wantErr = m.remove(k); x != want {
			t.Fatalf("LookupAndDelete(%q) = %d, want %d", k, x, want)
		}
	default:
		old, present := m.of[k]
		action := Action(op - 4)
		err = got.compute(k, func(o int, p bool) (int, Action) {
			if o != old || p != present {
				t.Fatalf("Compute(%q) calls f with %d, %v, want %d, %v", k, o, p, old, present)
			}
			return v, action
		})
		wantErr = m.compute(k, v, action)
	}
	if err != wantErr {
		t.Fatalf("operation %d on %q: %v, want %v", op, k, err, wantErr)
	}
	m.checkKey(t, got, k)
	m.checkKey(t, got, other)
}

// fuzzKey returns keys that have much in common: their octets are 0 or x, according to the
// bits of pattern.
func fuzzKey(n int, x, pattern byte) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%08b", x*(pattern>>(i%8)&1))
	}
	return b.String()[:n]
}

var fuzzSeeds = [][]byte{
	{0, 32, 0xff, 1, 0, 24, 0xff, 1, 3, 32, 0xff, 1},
	{0, 0, 0, 0, 0, 8, 0x81, 1, 0, 9, 0x81, 1, 0, 16, 0x81, 3, 1, 16, 0x81, 3, 3, 9, 0x81, 1, 6, 0, 0, 0},
	{0, 31, 1, 0xf7, 0, 31, 1, 0xff, 5, 30, 1, 0xf6, 2, 31, 3, 0xf7, 3, 31, 1, 0xf7, 4, 3, 3, 3},
	{0, 100, 7, 0xaa, 0, 100, 7, 0xab, 0, 120, 7, 0xaa, 0, 60, 7, 0xaa, 3, 100, 7, 0xab, 3, 120, 7, 0xaa},
}

// FuzzMap compares a map with a model. Four bytes are an operation, and a key's length,
// octet and pattern.
func FuzzMap(f *testing.F) {
	for i, s := range fuzzSeeds {
		f.Add(uint16(12+50*i), s)
	}
	f.Fuzz(func(t *testing.T, bits uint16, ops []byte) {
		n := int(bits)%300 + 1
		const limit = 12
		got, want := mapSubject{New[int](n, limit)}, &model{map[string]int{}, limit}
		last := ""
		for i := 0; i+4 <= len(ops) && i < 400; i += 4 {
			k := fuzzKey(int(ops[i+1])*(n+1)/256, ops[i+2], ops[i+3])
			want.play(t, got, int(ops[i]%7), k, last, i)
			last = k
		}
		want.check(t, got)
	})
}

// FuzzTable compares a table with a model, as FuzzMap does.
func FuzzTable(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		const limit = 12
		got, want := tableSubject{NewTable[int](limit)}, &model{map[string]int{}, limit}
		last := "4"
		for i := 0; i+4 <= len(ops) && i < 400; i += 4 {
			k := "4" + fuzzKey(int(ops[i+1])%33, ops[i+2], ops[i+3])
			if ops[i] >= 128 {
				k = "6" + fuzzKey(int(ops[i+1])%129, ops[i+2], ops[i+3])
			}
			want.play(t, got, int(ops[i]%7), k, last, i)
			last = k
		}
		want.check(t, got)
	})
}

// TestRandom compares maps and tables with a model in many random operations. Their keys
// have many lengths, and few different octets or many.
func TestRandom(t *testing.T) {
	rnd := seed.Rand(t)
	steps := shorter(800, 200)
	key := func(n, wild int) string {
		var b strings.Builder
		for b.Len() < n {
			o := byte(rnd.IntN(2)) * 0xfe
			if rnd.IntN(100) < wild {
				o = byte(rnd.Uint32())
			}
			fmt.Fprintf(&b, "%08b", o)
		}
		return b.String()[:n]
	}
	run := func(got subject, limit int, key func() string) {
		want := &model{map[string]int{}, limit}
		step := func(i int) {
			op := []int{0, 0, 0, 1, 2, 3, 4, 5, 6}[rnd.IntN(9)]
			if i > steps*2/3 {
				op = 3 // The last third only deletes.
			}
			k := key()
			if keys := want.keys(); op == 3 && len(keys) > 0 {
				k = keys[rnd.IntN(len(keys))]
			}
			want.play(t, got, op, k, key(), i)
		}
		for i := 0; i < steps; i++ {
			step(i)
			if i%50 != 0 {
				continue
			}
			want.check(t, got)
			keys, of, n := want.keys(), maps.Clone(want.of), 0
			for k, v := range got.all() { // It must not see what its body changes.
				if k != keys[n] || v != of[k] {
					t.Fatalf("All, during changes, yields %q with %d, want %q with %d", k, v, keys[n], of[keys[n]])
				}
				if n++; n < 15 {
					i++
					step(i)
				}
			}
			if n != len(keys) {
				t.Fatalf("All, during changes, yields %d prefixes, want %d", n, len(keys))
			}
		}
	}
	for _, bits := range []int{1, 7, 8, 9, 12, 16, 32, 65, 300} {
		for _, wild := range []int{5, 60} {
			const limit = 100
			run(mapSubject{New[int](bits, limit)}, limit, func() string {
				return key(rnd.IntN(bits+1), wild)
			})
		}
	}
	for _, wild := range []int{5, 60} {
		const limit = 200
		run(tableSubject{NewTable[int](limit)}, limit, func() string {
			if rnd.IntN(2) == 0 {
				return "4" + key(rnd.IntN(33), wild)
			}
			return "6" + key(rnd.IntN(129), wild)
		})
	}
}

// TestExhaustive compares a map with a model for every set of the 15 prefixes of up to three
// bits, after some bits that all have in common. Each step adds or removes one prefix (a
// Gray code). With -short it has those of up to two bits.
func TestExhaustive(t *testing.T) {
	bits := shorter(3, 2)
	prefixes := 2<<bits - 1
	for _, common := range []int{0, 6, 15} {
		var keys []string
		for n := range bits + 1 {
			for i := range 1 << n {
				keys = append(keys, strings.Repeat("1", common)+fmt.Sprintf("%0*b", bits, i)[bits-n:])
			}
		}
		got, want := mapSubject{New[int](common+bits, prefixes)}, &model{map[string]int{}, prefixes}
		for step := 1; step < 1<<prefixes; step++ {
			gray := step ^ step>>1
			changed := gray ^ (step - 1) ^ (step-1)>>1
			i := slices.IndexFunc(keys, func(string) bool { changed >>= 1; return changed == 0 })
			if gray>>i&1 != 0 {
				want.play(t, got, 1, keys[i], keys[0], step)
			} else {
				want.play(t, got, 3, keys[i], keys[0], 0)
			}
			for _, k := range keys[prefixes/2:] {
				match, v, ok := got.lookup(k)
				if wantMatch, wantV, has := want.lookup(k); match != wantMatch || v != wantV || ok != has {
					t.Fatalf("lookup of %q in %q: %q, want %q", k, want.keys(), match, wantMatch)
				}
			}
			if step%shorter(512, 32) == 0 {
				want.check(t, got)
			}
		}
	}
}

// TestOctet adds all 511 prefixes of an octet, updates them, and deletes them, each time in
// a random order.
func TestOctet(t *testing.T) {
	rnd := seed.Rand(t)
	var keys []string
	for n := range 9 {
		for i := range 1 << n {
			keys = append(keys, fmt.Sprintf("%09b", i)[9-n:])
		}
	}
	got, want := mapSubject{New[int](8, 511)}, &model{map[string]int{}, 511}
	for _, op := range []int{1, 2, 3} {
		rnd.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for i, k := range keys {
			want.play(t, got, op, k, keys[0], i)
			if i%shorter(73, 300) == 0 {
				want.check(t, got)
			}
		}
		want.check(t, got)
	}
}

// TestDiffer looks up keys that differ from a long prefix in one bit, for each of its bits.
// The prefix is below a node whose path has several lengths.
func TestDiffer(t *testing.T) {
	for n := 1; n < 150; n += shorter(3, 11) {
		long := strings.Repeat("01100001", 20)[:n]
		for _, more := range []string{"0", "1", "0000000000000", "1010101010101010101010101010101010101010101010101010101010101010101010101"} {
			got, want := mapSubject{New[int](300, 3)}, &model{map[string]int{}, 3}
			for i, k := range []string{"0", long + "0" + more, long + "1" + more} {
				want.play(t, got, 0, k, k, i)
			}
			want.check(t, got)
			k := long + "0" + more
			for i := range k {
				want.checkKey(t, got, k[:i]+string('0'+'1'-k[i])+k[i+1:])
				want.checkKey(t, got, k[:i]+string('0'+'1'-k[i])+k[i+1:]+"10101010101")
			}
		}
	}
}

// TestDeep has prefixes of one key of the greatest length: a trie of the greatest depth.
func TestDeep(t *testing.T) {
	const n = MaxBits / 8
	m := New[int](MaxBits, 3*n)
	bits := make([]byte, n)
	for i := range bits {
		bits[i] = byte(i * 7)
	}
	var lens []int
	for n := 0; n <= MaxBits; n += 509 {
		lens = append(lens, n)
	}
	lens = append(lens, MaxBits-1, MaxBits)
	for _, l := range lens {
		if err := m.Update(Key{bits, l}, l, NoExist); err != nil {
			t.Fatal(err)
		}
	}
	checkNode(t, m.trie.roots.Load()[0], true)
	other := slices.Clone(bits)
	other[n/2] ^= 1
	same := 8*(n/2) + 7 // how many bits other has in common with bits
	want := 0
	for _, l := range lens {
		if l <= same {
			want = l
		}
		if match, v, ok := m.LookupLPM(Key{bits, min(l+1, MaxBits)}); !ok || v < l || match.Len != v {
			t.Errorf("LookupLPM of %d bits: %d, %v", l+1, v, ok)
		}
	}
	if v, ok := m.Lookup(Key{other, MaxBits}); !ok || v != want {
		t.Errorf("Lookup of the other key: %d, %v, want %d", v, ok, want)
	}
	i := len(lens)
	for k, v := range m.All() {
		if i--; v != lens[i] || k.Len != v {
			t.Fatalf("All yields %d, want %d", v, lens[i])
		}
	}
	for _, l := range lens {
		if v, err := m.LookupAndDelete(Key{bits, l}); err != nil || v != l {
			t.Fatal(l, v, err)
		}
	}
	if root := m.trie.roots.Load()[0]; m.Len() != 0 || root.entries() != 0 {
		t.Errorf("%d prefixes are left: %+v", m.Len(), *root)
	}
}

// TestContains checks that Lookup agrees with netip.Prefix.Contains, for addresses and
// prefixes of all kinds.
func TestContains(t *testing.T) {
	prefixes := []string{"0.0.0.0/0", "10.1.2.3/8", "10.1.0.0/16", "10.1.2.3/32", "::/0", "::ffff:10.1.2.3/96",
		"::ffff:10.1.0.0/112", "fe80::1/10", "fe80::1/128", "2001:db8::/32"}
	for skip := range prefixes {
		table := NewTable[netip.Prefix](len(prefixes))
		for i, s := range prefixes {
			if p := netip.MustParsePrefix(s); i != skip {
				if err := table.Update(p, p.Masked(), NoExist); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, s := range []string{"10.1.2.3", "10.1.2.4", "10.2.2.4", "11.0.0.0", "::ffff:10.1.2.3", "::ffff:10.2.2.3", "::ffff:11.0.0.0",
			"fe80::1", "fe80::1%eth0", "::ffff:10.1.2.3%eth0", "2001:db8::1", "::", "0.0.0.0", ""} {
			ip, _ := netip.ParseAddr(s)
			var want netip.Prefix
			for i, s := range prefixes {
				if p := netip.MustParsePrefix(s).Masked(); i != skip && p.Contains(ip) && p.Bits() >= want.Bits() {
					want = p
				}
			}
			if got, ok := table.Lookup(ip); got != want || ok != want.IsValid() {
				t.Errorf("without %s: Lookup(%q) = %v, %v, want %v", prefixes[skip], s, got, ok, want)
			}
		}
	}
}

// TestBadKeys checks that a bad key is never present, and that methods which would change it
// return an error that says why, and change nothing.
func TestBadKeys(t *testing.T) {
	table, m := NewTable[int](4), New[int](12, 4)
	m.Update(Key{[]byte{1}, 8}, 1, Any)
	table.Update(netip.MustParsePrefix("1.0.0.0/8"), 1, Any)
	f := func(int, bool) (int, Action) { t.Error("Compute calls f"); return 0, Set }
	for _, p := range []netip.Prefix{{}, netip.PrefixFrom(netip.MustParseAddr("1.0.0.0"), 33), netip.PrefixFrom(netip.MustParseAddr("::"), -1)} {
		for _, err := range []error{table.Update(p, 2, Any), table.Delete(p), table.Compute(p, f)} {
			if !errors.Is(err, ErrKey) || err.Error() != "lpmtrie: bad key: the netip.Prefix is not valid" {
				t.Errorf("%v: %v", p, err)
			}
		}
		_, got := table.Get(p)
		_, covered := table.LookupPrefix(p)
		if next, ok := table.NextKey(p); got || covered || !ok || next.Bits() != 8 {
			t.Errorf("%v: Get %v, LookupPrefix %v, NextKey %v, %v", p, got, covered, next, ok)
		}
	}
	for _, k := range []Key{{nil, -1}, {[]byte{1, 2}, 13}, {[]byte{1}, 9}, {nil, 1}} {
		want := fmt.Sprintf("lpmtrie: bad key: Len is %d: must be from 0 to 12, the map's bits, and at most %d, those of Bits", k.Len, 8*len(k.Bits))
		for _, err := range []error{m.Update(k, 2, Any), m.Delete(k), m.Compute(k, f)} {
			if !errors.Is(err, ErrKey) || err.Error() != want {
				t.Errorf("%v: %v", k, err)
			}
		}
		_, got := m.Get(k)
		_, covered := m.Lookup(k)
		_, _, lpm := m.LookupLPM(k)
		if next, ok := m.NextKey(k); got || covered || lpm || !ok || next.Len != 8 {
			t.Errorf("%v: Get %v, Lookup %v, LookupLPM %v, NextKey %v, %v", k, got, covered, lpm, next, ok)
		}
	}
	if v, _ := m.Get(Key{[]byte{1, 2}, 8}); v != 1 || m.Len() != 1 || table.Len() != 1 {
		t.Errorf("the value is %d; there are %d and %d prefixes", v, m.Len(), table.Len())
	}
}

// TestNew checks that constructors panic if an argument is out of range.
func TestNew(t *testing.T) {
	for want, f := range map[string]func(){
		"rqlock/lpmtrie: capacity 0 cannot be made: NewTable wants 1 or more prefixes": func() { NewTable[int](0) },
		"rqlock/lpmtrie: capacity -1 cannot be made: New wants 1 or more prefixes":     func() { New[int](8, -1) },
		"rqlock/lpmtrie: keys of 0 bits cannot be made: New wants 1 to 65536":          func() { New[int](0, 1) },
		"rqlock/lpmtrie: keys of 65537 bits cannot be made: New wants 1 to 65536":      func() { New[int](MaxBits+1, 1) },
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); r != want {
					t.Errorf("panics with %s, want %s", r, want)
				}
			}()
			f()
		}()
	}
}

// writes returns the methods that take the lock.
func writes(t *testing.T, s subject) map[string]func(k string) error {
	return map[string]func(k string) error{
		"Update":          func(k string) error { return s.update(k, 2, Any) },
		"LookupAndDelete": func(k string) error { _, err := s.remove(k); return err },
		"Clear":           func(string) error { return s.clear() },
		"Transact": func(string) error {
			return s.transact(func(txSubject) error { t.Error("Transact calls f"); return nil })
		},
		"Delete": func(k string) error {
			if s, ok := s.(tableSubject); ok {
				return s.Delete(prefixOf(k))
			}
			return s.(mapSubject).Delete(keyOf(k))
		},
		"Compute": func(k string) error {
			return s.compute(k, func(int, bool) (int, Action) { t.Error("Compute calls f"); return 2, Set })
		},
	}
}

// TestLockFails has the lock fail in each method, for prefixes that are present and for
// others: first because this goroutine holds the lock, then because another one does not
// release it. The error says why, the trie is unchanged, and readers see all of it.
func TestLockFails(t *testing.T) {
	defer rqlock.SetStallTimeout(patience)
	table, m := tableSubject{NewTable[int](8)}, mapSubject{New[int](32, 8)}
	for s, lock := range map[subject]*rqlock.Mutex{table: &table.trie.lock, m: &m.trie.lock} {
		want := &model{map[string]int{}, 8}
		name := func(k string) string {
			if s == subject(table) {
				return "4" + k
			}
			return k
		}
		for _, k := range []string{"", "0", "01", "00001111000", "000011110000111100001"} {
			want.play(t, s, 1, name(k), name(k), len(k))
		}
		before := s.roots()
		unchanged := func(op string) {
			t.Helper()
			if !slices.Equal(before, s.roots()) {
				t.Errorf("%s failed, but the trie has changed", op)
			}
			want.check(t, s)
		}
		if err := lock.Lock(); err != nil {
			t.Fatal(err)
		}
		rqlock.SetStallTimeout(time.Millisecond)
		var stalled sync.WaitGroup
		for op, f := range writes(t, s) {
			for _, k := range []string{"01", "00001111000", "1", "000011110000111100000"} {
				if err := f(name(k)); !errors.Is(err, rqlock.ErrDeadlock) {
					t.Errorf("%s by the goroutine that holds the lock: %v", op, err)
				}
				unchanged(op)
				stalled.Go(func() {
					if err := f(name(k)); !errors.Is(err, rqlock.ErrTimeout) {
						t.Errorf("%s while another goroutine holds the lock: %v", op, err)
					}
				})
			}
		}
		stalled.Wait()
		unchanged("some method")
		rqlock.SetStallTimeout(patience)
		lock.Unlock()
		want.play(t, s, 0, name("1"), name("11"), 7)
		want.check(t, s)
	}
}

// use calls all methods from a callback. Those that take the lock must fail. The others must
// return what the trie has, in which k is present.
func use(t *testing.T, s subject, k string, v int) {
	for op, f := range writes(t, s) {
		if err := f(k); !errors.Is(err, rqlock.ErrDeadlock) {
			t.Errorf("%s in the callback: %v", op, err)
		}
	}
	n, found := 0, false
	for x, w := range s.all() {
		n++
		found = found || x == k && w == v
	}
	got, ok := s.get(k)
	match, w, has := s.lookup(k)
	_, last := s.next(k)
	if n != s.Len() || !found || !ok || got != v || !has || match != k || w != v || last != (n > 1) {
		t.Errorf("in the callback: All yields %d prefixes, among them %q: %v; Len() = %d; Get: %d, %v; lookup: %q, %d, %v; NextKey: %v", n, k, found, s.Len(), got, ok, match, w, has, last)
	}
}

// TestReenter uses a trie from a callback of Compute.
func TestReenter(t *testing.T) {
	for k, s := range map[string]subject{"001": mapSubject{New[int](32, 2)}, "4001": tableSubject{NewTable[int](2)}} {
		if err := errors.Join(s.update(k, 1, Any), s.update(k[:1], 10, Any)); err != nil {
			t.Fatal(err)
		}
		for _, action := range []Action{Keep, Set, Remove} {
			if err := s.compute(k, func(old int, _ bool) (int, Action) {
				use(t, s, k, old)
				return old + 1, action
			}); err != nil {
				t.Error(err)
			}
			v, ok := s.get(k)
			if want := min(int(action), 1) + 1; ok == (action == Remove) || ok && v != want {
				t.Errorf("action %d: %d, %v", action, v, ok)
			}
		}
	}
}

// TestCross has two goroutines compute in two tables in opposite orders. One inner call
// fails, the other one succeeds.
func TestCross(t *testing.T) {
	p := netip.MustParsePrefix("10.0.0.0/8")
	tables := [2]*Table[int]{NewTable[int](1), NewTable[int](1)}
	var locked, done sync.WaitGroup
	locked.Add(2)
	var errs [2]error
	for i := range 2 {
		done.Go(func() {
			if err := tables[i].Compute(p, func(int, bool) (int, Action) {
				locked.Done()
				locked.Wait()
				errs[i] = tables[1-i].Update(p, 5, Any)
				return 0, Keep
			}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || tables[0].Len()+tables[1].Len() != 1 {
		t.Errorf("%v, %v; %d and %d prefixes", errs[0], errs[1], tables[0].Len(), tables[1].Len())
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, rqlock.ErrDeadlock) {
			t.Error(err)
		}
	}
}

// TestPanic checks that a callback that panics, or ends its goroutine, leaves the trie
// unchanged and unlocked.
func TestPanic(t *testing.T) {
	m := New[int](8, 2)
	k := Key{[]byte{1}, 8}
	m.Update(k, 1, Any)
	for name, f := range map[string]func(int, bool) (int, Action){
		"panic":  func(int, bool) (int, Action) { panic("oh") },
		"Goexit": func(int, bool) (int, Action) { runtime.Goexit(); return 2, Set },
	} {
		done := make(chan bool)
		go func() {
			defer close(done)
			defer func() { recover() }()
			m.Compute(k, f)
		}()
		<-done
		if v, ok := m.Get(k); !ok || v != 1 {
			t.Errorf("after %s: %d, %v", name, v, ok)
		}
		if err := m.Update(k, 1, Exist); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// TestKeyChanges checks that the caller may change the bytes of a key afterwards, and that a
// callback may.
func TestKeyChanges(t *testing.T) {
	m := New[int](64, 4)
	bits := []byte{1, 2, 3, 4}
	m.Update(Key{bits, 32}, 1, Any)
	whole := []byte{0xff, 0xff, 0xff}
	m.Update(Key{whole, 20}, 3, Any)
	if m.Delete(Key{whole, 20}); whole[2] != 0xff {
		t.Errorf("Delete has changed the caller's bits to %x", whole)
	}
	bits[0] = 9
	err := m.Compute(Key{bits, 31}, func(int, bool) (int, Action) {
		bits[0], bits[3] = 1, 5
		return 2, Set
	})
	if v, ok := m.Get(Key{[]byte{9, 2, 3, 4}, 31}); err != nil || !ok || v != 2 {
		t.Errorf("Compute: %v; Get: %d, %v", err, v, ok)
	}
	if v, ok := m.Get(Key{[]byte{1, 2, 3, 4}, 32}); !ok || v != 1 || m.Len() != 2 {
		t.Errorf("Get: %d, %v, of %d prefixes", v, ok, m.Len())
	}
	for k := range m.All() {
		k.Bits[0] = 77
	}
	if k, _ := m.NextKey(Key{Len: -1}); k.Bits[0] != 1 {
		t.Errorf("the first key is %v", k)
	}
	checkNode(t, m.trie.roots.Load()[0], true)
}

// TestMoment has one of two prefixes present at every moment: each is added before the other
// one is deleted. Every lookup finds one, and All yields one or both.
func TestMoment(t *testing.T) {
	table := NewTable[int](100)
	ip := netip.MustParseAddr("10.1.2.3")
	both := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/7"), netip.MustParsePrefix("10.1.2.0/23")}
	for i := range 50 { // so that a lookup passes several nodes
		table.Update(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i), 200}), 30), i, Any)
	}
	table.Update(both[0], 0, Any)
	stop := make(chan bool)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for range 100 {
					if _, ok := table.Lookup(ip); !ok {
						t.Error("a lookup finds no prefix")
						return
					}
				}
				n := 0
				for p := range table.All() {
					if p.Contains(ip) {
						n++
					}
				}
				if n == 0 || n > 2 {
					t.Errorf("All yields %d of the two prefixes", n)
				}
			}
		})
	}
	end := during(150 * time.Millisecond)
	for i := 1; time.Now().Before(end); i++ {
		if err := errors.Join(table.Update(both[i%2], i, NoExist), table.Delete(both[(i+1)%2])); err != nil {
			t.Error(err)
		}
		if i%10 == 0 {
			runtime.Gosched()
		}
	}
	close(stop)
	wg.Wait()
}

// TestTorture has goroutines change a table, each its own prefixes, with callbacks that use
// it, while others read. A value belongs to its prefix, a writer sees what it has written,
// and in the end exactly those prefixes are present that should be.
func TestTorture(t *testing.T) {
	number := seed.Of(t)
	const writers, limit = 4, 10_000
	table := NewTable[netip.Prefix](limit)
	random := func(rnd *rand.Rand) netip.Prefix {
		if rnd.IntN(2) == 0 {
			a := [4]byte{10, byte(rnd.IntN(3)), byte(rnd.IntN(3)) << 6, byte(rnd.IntN(4)) << 5}
			return netip.PrefixFrom(netip.AddrFrom4(a), rnd.IntN(33)).Masked()
		}
		a := [16]byte{0x20, 1, byte(rnd.IntN(3)), 0, byte(rnd.IntN(3)) << 6, 15: byte(rnd.IntN(4))}
		return netip.PrefixFrom(netip.AddrFrom16(a), rnd.IntN(129)).Masked()
	}
	owner := func(p netip.Prefix) int {
		a := p.Addr().As16()
		return (int(a[2]) + int(a[4])>>6 + int(a[14])>>6 + int(a[15]) + p.Bits()) % writers
	}
	has := make([]map[netip.Prefix]bool, writers)
	end := during(200 * time.Millisecond)
	var wg sync.WaitGroup
	for id := range writers {
		has[id] = map[netip.Prefix]bool{}
		wg.Go(func() {
			mine, rnd := has[id], seed.New(number, id)
			use := func(p netip.Prefix, present bool) {
				refuse := func(netip.Prefix, bool) (netip.Prefix, Action) { t.Error("an inner Compute calls f"); return p, Remove }
				for _, err := range []error{table.Update(p, p, Any), table.Delete(p), table.Compute(p, refuse)} {
					if !errors.Is(err, rqlock.ErrDeadlock) {
						t.Errorf("in the callback: %v", err)
					}
				}
				n := 0
				for range table.All() {
					n++
				}
				if v, ok := table.Get(p); ok != present || ok && v != p || n != table.Len() {
					t.Errorf("in the callback: Get(%v) = %v, %v; All yields %d, Len() = %d", p, v, ok, n, table.Len())
				}
				if next, ok := table.NextKey(p); !ok && n > 1 && (!present || next == p) {
					t.Errorf("in the callback: NextKey(%v) = %v, %v", p, next, ok)
				}
			}
			for time.Now().Before(end) {
				p := random(rnd)
				if owner(p) != id {
					continue
				}
				var err, want error
				switch rnd.IntN(5) {
				case 0:
					if err = table.Delete(p); !mine[p] {
						want = ErrNotExist
					}
					delete(mine, p)
				case 1:
					action := Action(rnd.IntN(3))
					err = table.Compute(p, func(old netip.Prefix, present bool) (netip.Prefix, Action) {
						if present != mine[p] || present && old != p {
							t.Errorf("Compute(%v) calls f with %v, %v", p, old, present)
						}
						if rnd.IntN(8) == 0 {
							use(p, present)
						}
						return p, action
					})
					if action == Set {
						mine[p] = true
					} else if action == Remove {
						delete(mine, p)
					}
				case 2:
					if err = table.Update(p, p, NoExist); mine[p] {
						want = ErrExist
					}
					mine[p] = true
				default:
					err = table.Update(p, p, Any)
					mine[p] = true
				}
				if v, ok := table.Get(p); err != want || ok != mine[p] || ok && v != p {
					t.Errorf("%v: %v, want %v; then %v, %v, want %v", p, err, want, v, ok, mine[p])
					return
				}
			}
		})
	}
	for id := range 2 {
		wg.Go(func() {
			rnd := seed.New(number, writers+id)
			for time.Now().Before(end) {
				p := random(rnd)
				if v, ok := table.Lookup(p.Addr()); ok && !v.Contains(p.Addr()) {
					t.Errorf("Lookup(%v) = %v", p.Addr(), v)
				}
				if match, v, ok := table.LookupPrefixLPM(p); ok && (v != match || v.Bits() > p.Bits() || !v.Contains(p.Addr())) {
					t.Errorf("LookupPrefixLPM(%v) = %v, %v", p, match, v)
				}
				if rnd.IntN(50) == 0 {
					for p, v := range table.All() {
						if p != v {
							t.Errorf("All yields %v for %v", v, p)
						}
					}
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for _, mine := range has {
		n += len(mine)
		for p := range mine {
			if v, ok := table.Get(p); !ok || v != p {
				t.Errorf("in the end Get(%v) = %v, %v", p, v, ok)
			}
		}
	}
	in := 0
	for range table.All() {
		in++
	}
	if in != n || table.Len() != n {
		t.Errorf("in the end All yields %d prefixes, Len() = %d, want %d", in, table.Len(), n)
	}
}

// TestSameKey has goroutines change the same two prefixes, and counts the changes.
func TestSameKey(t *testing.T) {
	each := shorter(5000, 500)
	table := NewTable[int](2)
	count, added := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.1.0/24")
	var wg sync.WaitGroup
	var present atomic.Int64
	for range 4 {
		wg.Go(func() {
			for i := range each {
				err := table.Compute(count, func(n int, _ bool) (int, Action) { return n + 1, Set })
				if i%2 == 0 {
					if table.Update(added, i, NoExist) == nil {
						present.Add(1)
					}
				} else if table.Delete(added) == nil {
					present.Add(-1)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	n, _ := table.Get(count)
	_, ok := table.Get(added)
	if left := int(present.Load()); n != 4*each || left != 0 && left != 1 || ok != (left == 1) || table.Len() != 1+left {
		t.Errorf("the count is %d, want %d; added and not deleted: %d, present: %v; Len() = %d", n, 4*each, left, ok, table.Len())
	}
}

// TestReleases checks that the garbage collector frees what was deleted or replaced.
func TestReleases(t *testing.T) {
	type big = [1 << 16]byte
	table := NewTable[*big](16)
	var gone sync.WaitGroup
	set := func(p string) {
		v := new(big)
		gone.Add(1)
		runtime.AddCleanup(v, func(int) { gone.Done() }, 0)
		if err := table.Update(netip.MustParsePrefix(p), v, Any); err != nil {
			t.Fatal(err)
		}
	}
	prefixes := []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.1/32", "10.1.0.0/20", "2001:db8::/32", "2001:db8::1/128"}
	for _, p := range prefixes {
		set(p)
	}
	set(prefixes[2]) // replaces
	for _, p := range prefixes {
		table.Delete(netip.MustParsePrefix(p))
	}
	defer runtime.KeepAlive(table)
	done := make(chan bool)
	go func() { gone.Wait(); close(done) }()
	for range 100 {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the table keeps values that it does not hold any more")
}

// TestAllocs checks that the methods that only read do not allocate.
func TestAllocs(t *testing.T) {
	table, m := NewTable[string](4), New[string](300, 4)
	p := netip.MustParsePrefix("2001:db8::/32")
	ip := p.Addr().Next()
	k := Key{make([]byte, 40), 300}
	for _, err := range []error{table.Update(p, "v6", Any), table.Update(netip.MustParsePrefix("::/0"), "all", Any), m.Update(k, "bits", Any)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range map[string]func(){
		"Lookup":          func() { table.Lookup(ip) },
		"LookupPrefix":    func() { table.LookupPrefix(p) },
		"LookupPrefixLPM": func() { table.LookupPrefixLPM(p) },
		"Get":             func() { table.Get(p) },
		"NextKey":         func() { table.NextKey(p) },
		"OverlapsPrefix":  func() { table.OverlapsPrefix(p) },
		"Map.Lookup":      func() { m.Lookup(k) },
		"Map.LookupLPM":   func() { m.LookupLPM(k) },
		"Map.Get":         func() { m.Get(k) },
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestLines checks that the fields of a node are in the cache lines that lookups need.
func TestLines(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the layout is for 64-bit machines")
	}
	var n node[int]
	for name, at := range map[string][2]uintptr{
		"the slots' length": {unsafe.Offsetof(n.slots) + 8, 56}, "values": {unsafe.Offsetof(n.values), 104},
		"own": {unsafe.Offsetof(n.own), 128}, "the end": {unsafe.Sizeof(n), 256},
	} {
		if at[0] != at[1] {
			t.Errorf("%s is at offset %d, want %d", name, at[0], at[1])
		}
	}
}
