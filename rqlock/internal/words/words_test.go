package words

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

type mixed struct {
	a byte
	s string
	_ func()
	b uint16
	l []int
	i any
	e error
	p *int
	_ [3]struct {
		x bool
		m map[string]int
	}
	c byte
}

type odd [13]byte

// pointersOf returns the layout as text: a p for each word that is a pointer, a dot for each
// other one.
func pointersOf[T any]() string {
	l := LayoutOf[T]()
	var b strings.Builder
	for i := range l.words {
		if l.pointers != nil && l.pointers[i] {
			b.WriteByte('p')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// TestLayout compares layouts with those that the runtime has.
func TestLayout(t *testing.T) {
	if wordSize != 8 {
		t.Skip("the table is for words of 64 bits")
	}
	for got, want := range map[string]string{
		"int " + pointersOf[int]():                    "int .",
		"bool " + pointersOf[bool]():                  "bool .",
		"nothing " + pointersOf[struct{}]():           "nothing ",
		"odd " + pointersOf[odd]():                    "odd ..",
		"string " + pointersOf[string]():              "string p.",
		"slice " + pointersOf[[]int]():                "slice p..",
		"any " + pointersOf[any]():                    "any .p",
		"pointers " + pointersOf[[2]unsafe.Pointer](): "pointers pp",
		"mixed " + pointersOf[mixed]():                "mixed .p.p.p...p.pp.p.p.p.",
		"complex " + pointersOf[complex128]():         "complex ..",
		"chan " + pointersOf[struct{ c chan int }]():  "chan p",
		"time " + pointersOf[time.Time]():             "time ..p",
		"word and byte " + pointersOf[struct {
			a int
			b byte
		}](): "word and byte ..",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestOne checks that a word is stored as a number only if it is no pointer. The garbage
// collector must know of pointers.
func TestOne(t *testing.T) {
	for name, got := range map[string][2]bool{
		"int": {LayoutOf[int]().one, true}, "bool": {LayoutOf[bool]().one, true},
		"*int": {LayoutOf[*int]().one, false}, "map": {LayoutOf[map[int]int]().one, false},
		"struct of a chan": {LayoutOf[struct{ c chan int }]().one, false}, "string": {LayoutOf[string]().one, false},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %v, want %v", name, got[0], got[1])
		}
	}
}

// TestStr checks that two words are loaded like a string only if the first is a pointer and
// the second is none.
func TestStr(t *testing.T) {
	for name, got := range map[string][2]bool{
		"string": {LayoutOf[string]().str, true}, "pointer, int": {LayoutOf[struct {
			p *int
			i int
		}]().str, true},
		"interface": {LayoutOf[any]().str, false}, "two words": {LayoutOf[[2]uintptr]().str, false}, "two pointers": {LayoutOf[[2]*int]().str, false},
		"slice": {LayoutOf[[]int]().str, false}, "one pointer": {LayoutOf[*int]().str, false},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %v, want %v", name, got[0], got[1])
		}
	}
}

func atomicOf[T any]() bool {
	l := LayoutOf[T]()
	return l.Atomic()
}

// TestAtomic checks that only a value of one word at most is atomic.
func TestAtomic(t *testing.T) {
	for name, got := range map[string][2]bool{
		"int": {atomicOf[int](), true}, "two bytes": {atomicOf[[2]byte](), true}, "*int": {atomicOf[*int](), true}, "nothing": {atomicOf[struct{}](), true},
		"string": {atomicOf[string](), false}, "interface": {atomicOf[any](), false}, "complex": {atomicOf[complex128](), false},
		"9 bytes": {atomicOf[[9]byte](), false},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %v, want %v", name, got[0], got[1])
		}
	}
}

func roundTrip[T any](t *testing.T, v T) {
	t.Helper()
	l := LayoutOf[T]()
	var c struct {
		before uintptr
		Cell[T]
		after uintptr
	}
	loaded := func(want T) {
		t.Helper()
		for name, got := range map[string]T{"Load": c.Load(&l), "load": c.load(&l)} {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s returns %v, want %v", name, got, want)
			}
		}
	}
	loaded(*new(T))
	c.store(&l, v)
	loaded(v)
	c.Store(&l, *new(T))
	loaded(*new(T))
	c.Store(&l, v)
	loaded(v)
	if l.Atomic() {
		c.StoreWord(&l, *new(T))
		loaded(*new(T))
		c.StoreWord(&l, v)
		loaded(v)
	}
	if c.before != 0 || c.after != 0 {
		t.Errorf("a store of %v has written outside of the cell", v)
	}
	c.Store(&l, *new(T))
	loaded(*new(T))
}

// TestRoundTrip checks that a stored value is loaded, for types of all kinds, also word by word
// where Load copies.
func TestRoundTrip(t *testing.T) {
	roundTrip(t, 7)
	roundTrip(t, true)
	roundTrip(t, int8(-1))
	roundTrip(t, struct{}{})
	roundTrip(t, odd{1, 2, 3, 12: 13})
	roundTrip(t, "text")
	roundTrip(t, []string{"a", "b"})
	roundTrip[any](t, 3.5)
	roundTrip[error](t, fmt.Errorf("oh"))
	roundTrip(t, new(int))
	roundTrip(t, complex(1, 2))
	roundTrip(t, mixed{a: 1, s: "s", b: 2, l: []int{3}, i: 4, e: fmt.Errorf("5"), p: new(int), c: 6})
	roundTrip(t, time.Unix(1, 2))
	roundTrip(t, struct {
		a uint64
		b byte
	}{1, 2})
}

// TestShared loads a value while another goroutine stores. Each word that is loaded was
// stored, the garbage collector keeps what it points to, and there is no data race.
func TestShared(t *testing.T) {
	type value struct {
		n    int
		s    string
		more *int
		any  any
	}
	l := LayoutOf[value]()
	c := new(Cell[value])
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v := c.Load(&l) // The words may be of several values.
				if v.n < 0 {
					t.Errorf("loaded %d", v.n)
					return
				}
				if v.more != nil && *v.more < 0 {
					t.Errorf("loaded a pointer to %d", *v.more)
					return
				}
			}
		})
	}
	d := 100 * time.Millisecond
	if testing.Short() {
		d /= 10
	}
	end := time.Now().Add(d)
	for i := 0; time.Now().Before(end); i++ {
		n := i
		c.Store(&l, value{n, strings.Repeat("x", i%9), &n, n})
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	close(stop)
	wg.Wait()
}

// TestAllocs checks that neither Load nor Store allocates.
func TestAllocs(t *testing.T) {
	l := LayoutOf[mixed]()
	c := new(Cell[mixed])
	v := mixed{s: "s"}
	if n := testing.AllocsPerRun(100, func() { c.Store(&l, v); v = c.Load(&l) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLoad(b *testing.B) {
	l := LayoutOf[int]()
	c := new(Cell[int])
	for b.Loop() {
		c.Load(&l)
	}
}
