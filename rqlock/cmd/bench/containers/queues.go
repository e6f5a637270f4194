package main

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/rqlock/rqlock/rqlock/queuestack"
)

// queues compares queues in which nobody waits, and then those in which a producer and a
// consumer wait for one another.
func queues(*rand.Rand) []comparison {
	const capacity = 64
	calls := work(300_000)
	q, s, c := queuestack.NewQueue[int](capacity), queuestack.NewStack[int](capacity), make(chan int, capacity)
	each := func(name string, pushPop func()) contender {
		return contender{name: name, turn: func() int {
			return parallel(func(int) int {
				for range calls {
					pushPop()
				}
				return calls
			})
		}}
	}
	handOver := func(name string, push, pop func()) contender {
		return contender{name: name, turn: func() int {
			var wg sync.WaitGroup
			wg.Go(func() {
				for range calls {
					push()
				}
			})
			for range calls {
				pop()
			}
			wg.Wait()
			return calls
		}}
	}
	ctx := context.Background()
	pop := func(_ int, err error) { must(err) }
	return []comparison{
		{"Push + Pop, GOMAXPROCS goroutines", []contender{
			each("queue", func() { must(q.Push(1)); pop(q.Pop()) }),
			each("stack", func() { must(s.Push(1)); pop(s.Pop()) }),
			each("channel", func() { c <- 1; <-c }),
		}},
		{"PushContext to PopContext, 2 goroutines", []contender{
			handOver("queue", func() { must(q.PushContext(ctx, 1)) }, func() { pop(q.PopContext(ctx)) }),
			handOver("stack", func() { must(s.PushContext(ctx, 1)) }, func() { pop(s.PopContext(ctx)) }),
			handOver("channel", func() { c <- 1 }, func() { <-c }),
		}},
	}
}
