package ringbuf

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// A rival takes records from many goroutines to one.
type rival struct {
	put  func(p []byte) bool // false: full
	get  func() (n int)      // length of the next record, or -1 at the end
	stop func()
}

// rivals has a ring and its alternatives, with room for about as many records.
var rivals = []struct {
	name string
	make func(size, record int) rival
}{
	{"ringbuf", func(size, record int) rival {
		r := New(size)
		rd, _ := r.Reader()
		return rival{
			put: func(p []byte) bool { _, err := r.Write(p); return err == nil },
			get: func() int {
				b, err := rd.Next(context.Background())
				if err != nil {
					return -1
				}
				return len(b)
			},
			stop: func() { r.Close() },
		}
	}},
	{"channel", func(size, record int) rival {
		c := make(chan []byte, size/(record+8))
		return rival{
			put: func(p []byte) bool {
				select {
				case c <- append([]byte(nil), p...):
					return true
				default:
					return false
				}
			},
			get: func() int {
				if b, ok := <-c; ok {
					return len(b)
				}
				return -1
			},
			stop: func() { close(c) },
		}
	}},
	{"mutex", func(size, record int) rival {
		q := &queue{limit: size / (record + 8)}
		q.some.L = &q.mu
		return rival{put: q.put, get: q.get, stop: q.stop}
	}},
}

// A queue is a slice, a sync.Mutex and a sync.Cond.
type queue struct {
	mu    sync.Mutex
	some  sync.Cond
	of    [][]byte
	limit int
	ended bool
}

func (q *queue) put(p []byte) bool {
	p = append([]byte(nil), p...)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.of) == q.limit {
		return false
	}
	q.of = append(q.of, p)
	q.some.Signal()
	return true
}

func (q *queue) get() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.of) == 0 {
		if q.ended {
			return -1
		}
		q.some.Wait()
	}
	p := q.of[0]
	q.of = q.of[1:]
	return len(p)
}

func (q *queue) stop() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.some.Signal()
}

// BenchmarkAlone writes and reads a record in one goroutine.
func BenchmarkAlone(b *testing.B) {
	for _, record := range []int{16, 256} {
		for _, r := range rivals {
			b.Run(fmt.Sprintf("record=%d/of=%s", record, r.name), func(b *testing.B) {
				q := r.make(1<<16, record)
				p := make([]byte, record)
				b.ReportAllocs()
				for b.Loop() {
					q.put(p)
					q.get()
				}
			})
		}
	}
}

// BenchmarkProducers has producers write as fast as the consumer reads. If the ring is full,
// they yield and try again.
func BenchmarkProducers(b *testing.B) {
	for _, record := range []int{16, 256} {
		for _, producers := range []int{1, 4, 64} {
			for _, r := range rivals {
				b.Run(fmt.Sprintf("record=%d/producers=%d/of=%s", record, producers, r.name), func(b *testing.B) {
					benchProducers(b, r.make(1<<16, record), producers, record)
				})
			}
		}
	}
}

func benchProducers(b *testing.B, q rival, producers, record int) {
	b.ReportAllocs()
	var wg sync.WaitGroup
	for id := range producers {
		wg.Go(func() {
			p := make([]byte, record)
			for i := id; i < b.N; i += producers {
				for !q.put(p) {
					runtime.Gosched()
				}
			}
		})
	}
	go func() { wg.Wait(); q.stop() }()
	read := 0
	for q.get() >= 0 {
		read++
	}
	if read != b.N {
		b.Errorf("%d of %d records were read", read, b.N)
	}
}
