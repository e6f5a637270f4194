package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

func rings(*rand.Rand) (cs []comparison) {
	for _, producers := range []int{1, 4, 64} {
		for _, size := range []int{16, 256} {
			each := work(100_000) / producers
			cs = append(cs, comparison{fmt.Sprintf("%d producers, %d bytes", producers, size), []contender{
				{name: "ringbuf", turn: func() int { return throughRing(producers, each, size) }},
				{name: "channel of []byte", turn: func() int { return throughChannel(producers, each, size) }},
				{name: "mutex + slice", turn: func() int { return throughSlice(producers, each, size) }},
			}})
		}
	}
	return cs
}

// produce starts producers, each of which calls put so many times.
func produce(producers, each int, put func()) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			for range each {
				put()
			}
		})
	}
	return &wg
}

// checkRecord reads a record, as a consumer does.
func checkRecord(b []byte) {
	if b[0] != 1 {
		panic("a record is not what a producer has written")
	}
}

func throughRing(producers, each, size int) int {
	r := ringbuf.New(1 << 16)
	wg := produce(producers, each, func() {
		for {
			rec, err := r.Reserve(size)
			if err == nil {
				rec.Bytes()[0] = 1
				rec.Commit()
				return
			}
			runtime.Gosched() // full
		}
	})
	go func() { wg.Wait(); r.Close() }()
	n := 0
	for b, err := range r.All(context.Background()) {
		must(err)
		checkRecord(b)
		n++
	}
	return n
}

func throughChannel(producers, each, size int) int {
	c := make(chan []byte, 1<<16/(size+8))
	wg := produce(producers, each, func() {
		b := make([]byte, size)
		b[0] = 1
		c <- b
	})
	go func() { wg.Wait(); close(c) }()
	n := 0
	for b := range c {
		checkRecord(b)
		n++
	}
	return n
}

func throughSlice(producers, each, size int) int {
	var mu sync.Mutex
	ready := sync.NewCond(&mu)
	var queue [][]byte
	produce(producers, each, func() {
		b := make([]byte, size)
		b[0] = 1
		mu.Lock()
		queue = append(queue, b)
		mu.Unlock()
		ready.Signal()
	})
	var taken [][]byte
	for n := 0; n < producers*each; {
		mu.Lock()
		for len(queue) == 0 {
			ready.Wait()
		}
		queue, taken = taken[:0], queue
		mu.Unlock()
		for _, b := range taken {
			checkRecord(b)
		}
		n += len(taken)
	}
	return producers * each
}
