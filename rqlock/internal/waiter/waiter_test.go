package waiter

import (
	"testing"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// some is New where there are records enough.
func some(t *testing.T) *Waiter {
	t.Helper()
	w := New(0)
	if w == nil {
		t.Fatal("no record is free")
	}
	return w
}

func checkLeaks(t *testing.T) {
	t.Helper()
	for _, leak := range Leaks() {
		t.Error(leak)
	}
}

// sameBucket returns n ids of goroutines that share a bucket, and do not exist.
func sameBucket(n int) (ids []uint64) {
	home := hash(1<<40) & edgeMask
	for id := uint64(1 << 40); len(ids) < n; id++ {
		if hash(id)&edgeMask == home {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestFullBucket: records that find their bucket of the table full are found all the same,
// while others come and go (G3).
func TestFullBucket(t *testing.T) {
	defer checkLeaks(t)
	const n = 3*bucketSlots + 2
	rnd := seed.Rand(t)
	ids := sameBucket(n)
	records := make([]*Waiter, n)
	begin := func(i int) {
		records[i] = New(ids[i])
		records[i].ID.Store(ids[i])
		records[i].Insert()
	}
	for i := range records {
		begin(i)
	}
	for range 200 {
		i := rnd.IntN(n)
		records[i].Remove()
		records[i].Free()
		if Lookup(ids[i]) != nil {
			t.Fatalf("found the edge of a wait that is over")
		}
		for j := range records {
			if j != i && Lookup(ids[j]) != records[j] {
				t.Fatalf("edge %d of %d was not found", j, n)
			}
		}
		begin(i)
	}
	for _, i := range rnd.Perm(n) {
		records[i].Remove()
		records[i].Free()
	}
}

// TestFreeList: the same record on top is not the same list: whoever read its top
// before must notice (a compare-and-exchange would take a reused record for it).
func TestFreeList(t *testing.T) {
	defer checkLeaks(t)
	var l freeList
	a, b := some(t), some(t)
	l.push(b)
	l.push(a)
	top := l.top.Load()
	if l.pop() != a || l.pop() != b || l.pop() != nil {
		t.Fatal("not the last pushed first")
	}
	l.push(a)
	if l.top.Load() == top {
		t.Error("another list has the same top")
	}
	l.pop()
	a.Free()
	b.Free()
}

// TestSpareRecord: a goroutine gets the record that it had before, and a bucket that has a
// spare one leaves the next to all.
func TestSpareRecord(t *testing.T) {
	defer checkLeaks(t)
	const id = 7 << 30
	w := New(id)
	w.home = hash(id) & edgeMask
	w.Free()
	if again := New(id); again != w {
		t.Errorf("record %d, before %d", again.Index, w.Index)
	}
	w.Free()

	one, two := some(t), some(t)
	one.home, two.home = 1, 1
	spare := edges[1].takeSpare()
	one.Free()
	two.Free()
	if got := edges[1].spare; got != one.Index {
		t.Errorf("the bucket's spare record is %d, want %d", got, one.Index)
	}
	if top := uint32(registry.free.top.Load()); top != two.Index {
		t.Errorf("the list's first record is %d, want %d", top, two.Index)
	}
	if spare != nil {
		spare.Free()
	}
}

// TestLines: a record and a bucket have cache lines of their own, and what the waiter
// ahead writes is in a record's first.
func TestLines(t *testing.T) {
	if r, b := unsafe.Sizeof(record{}), unsafe.Sizeof(bucket{}); r%cacheLine != 0 || b != cacheLine {
		t.Errorf("a record has %d bytes, a bucket %d", r, b)
	}
	var w Waiter
	if end := unsafe.Offsetof(w.Parker) + unsafe.Sizeof(uintptr(0)); end > cacheLine {
		t.Errorf("the queue's fields end at %d", end)
	}
}

// TestWanted: a record that is given back goes to somebody who has none.
func TestWanted(t *testing.T) {
	defer checkLeaks(t)
	defer Withhold(1)()
	last := some(t)
	Want(1)
	defer Want(-1)
	if w := Wanted(false); w != nil {
		t.Fatalf("record %d, though all are in use", w.Index)
	}
	got := make(chan *Waiter)
	go func() {
		w := Wanted(false)
		for w == nil {
			w = Wanted(false)
		}
		got <- w
	}()
	last.Free()
	if w := <-got; w != last {
		t.Errorf("record %d, want %d", w.Index, last.Index)
	}
	last.Free()
}
