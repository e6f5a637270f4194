package main

import (
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/rqlock/rqlock/rqlock/freelist"
)

func lists(*rand.Rand) []comparison {
	calls := work(300_000)
	n := 4 * runtime.GOMAXPROCS(0)
	all := func(name string, popPush func()) contender {
		return contender{name: name, turn: func() int {
			return parallel(func(int) int {
				for range calls {
					popPush()
				}
				return calls
			})
		}}
	}
	nodes := make([]freelist.Node[int], n)
	list := freelist.New[int](0)
	list.Fill(nodes)
	pool := sync.Pool{New: func() any { return new(freelist.Node[int]) }}
	channel := make(chan *freelist.Node[int], n)
	for range n {
		channel <- new(freelist.Node[int])
	}
	return []comparison{{"Pop + Push", []contender{
		all("freelist", func() {
			if n := list.Pop(); n != nil {
				list.Push(n)
			}
		}),
		all("sync.Pool", func() { pool.Put(pool.Get()) }),
		all("channel", func() { channel <- <-channel }),
	}}}
}
