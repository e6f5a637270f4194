package bench

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// These are the benchmarks that rqspinlock was published with, as far as they can run
// outside the kernel: which locks are acquired, for how long and how often.

// A kernelLock is a set of locks of one kind, with the data that they guard. Each method is
// one benchmark. A goroutine repeats it until stop, and returns how often it did.
//
//	locktorture  one lock, held as long as locktorture's write_delay says
//	open1        the descriptor table's lock and a directory entry's
//	open2        the descriptor table's lock
//	lock1        the table's lock, and a lock of the goroutine's own file
//	lock2        the table's lock, and the lock of a file that all goroutines have open
type kernelLock interface {
	locktorture(*writer, *atomic.Bool) int
	open1(*writer, *atomic.Bool) int
	open2(*writer, *atomic.Bool) int
	lock1(*writer, *atomic.Bool) int
	lock2(*writer, *atomic.Bool) int
}

var kernelBenches = []struct {
	name string
	run  func(kernelLock, *writer, *atomic.Bool) int
}{
	{"locktorture", kernelLock.locktorture},
	{"open1", kernelLock.open1},
	{"open2", kernelLock.open2},
	{"lock1", kernelLock.lock1},
	{"lock2", kernelLock.lock2},
}

// kernelThreads are the numbers of threads of the published tables, up to 64.
var kernelThreads = []int{1, 2, 4, 8, 16, 32, 64}

func kernelCell(bench string, threads int) string {
	return fmt.Sprintf("bench=%s/threads=%d", bench, threads)
}

func kernelCells() (cells []string) {
	for _, b := range kernelBenches {
		for _, n := range kernelThreads {
			cells = append(cells, kernelCell(b.name, n))
		}
	}
	return cells
}

// kernelLocks returns the session's contenders that have the kernel's benchmarks.
func (s *session) kernelLocks() []contender {
	return slices.DeleteFunc(slices.Clone(s.locks), func(c contender) bool { return kernelLocks[c.name] == nil })
}

// kernel measures how many operations the goroutines do in a fixed time.
func (s *session) kernel() (rs Results) {
	defer setProcs(runtime.NumCPU())()
	d := 10 * s.time
	for _, b := range kernelBenches {
		for _, n := range kernelThreads {
			rs = append(rs, s.paired("kernel", kernelCell(b.name, n), s.runs, s.kernelLocks(), func(c contender) outcome {
				k := kernelLocks[c.name]()
				return inTime(n, d, func(w *writer) int { return b.run(k, w, &stop) })
			})...)
		}
	}
	return rs
}

// inTime lets n goroutines run f for d, and counts their operations.
func inTime(n int, d time.Duration, f func(*writer) int) outcome {
	writers := make([]*writer, n)
	for i := range writers {
		writers[i] = newWriter(i, n, d)
	}
	var ops atomic.Int64
	defer time.AfterFunc(d, stopper()).Stop()
	took := crowd(n, func(i int) { ops.Add(int64(f(writers[i]))) })
	return outcome{int(ops.Load()), []value{{opsPerS, float64(ops.Load()) / took.Seconds()}}}
}

// A writer is the state of a goroutine.
type writer struct {
	_      line
	id     int
	open   bool // whether its file is open
	record record
	rand   *rand.Rand
	pauses [3]pause
	_      line
}

// A pause happens once in so many operations, on average.
type pause struct {
	every int
	spins int
}

// newWriter returns the writer of goroutine id of n. A run of locktorture takes 30 s, with
// some sections of 100 ms. A shorter run here has proportionally shorter ones more often.
func newWriter(id, n int, run time.Duration) *writer {
	long := max(run/300, time.Microsecond)
	perMilli := float64(long) / float64(time.Millisecond)
	return &writer{
		id:   id,
		rand: rand.New(rand.NewPCG(uint64(id), uint64(n))),
		pauses: [...]pause{
			{max(1, int(float64(n*2000)*perMilli)), spins(long)},
			{n * 200 * 2, spins(2 * time.Microsecond)},
			{n * 20_000, 0}, // yields
		},
	}
}

// delay is locktorture's write_delay, which it calls in the section.
func (w *writer) delay() {
	for _, p := range w.pauses {
		if w.rand.IntN(p.every) != 0 {
			continue
		}
		if p.spins == 0 {
			runtime.Gosched()
		}
		work(p.spins)
	}
}

// An fdTable is a bitmap of open descriptors. alloc takes the lowest free one, as open must.
type fdTable struct{ open [4]uint64 }

func (t *fdTable) alloc() int {
	for i, w := range t.open {
		if w != ^uint64(0) {
			fd := i*64 + bits.TrailingZeros64(^w)
			t.open[i] |= 1 << (fd % 64)
			return fd
		}
	}
	panic("too many open files")
}

func (t *fdTable) free(fd int) { t.open[fd/64] &^= 1 << (fd % 64) }

func (t *fdTable) has(fd int) bool { return t.open[fd/64]>>(fd%64)&1 != 0 }

// fileLocks is the list of locks on a file.
type fileLocks struct{ first *record }

// A record is a lock on a range of a file.
type record struct {
	next, prev *record
}

func (l *fileLocks) insert(r *record) {
	r.prev, r.next = nil, l.first
	if l.first != nil {
		l.first.prev = r
	}
	l.first = r
}

func (l *fileLocks) remove(r *record) {
	if r.prev == nil {
		l.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
}
