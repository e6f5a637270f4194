package qspin_test

import (
	"fmt"
	"sync"

	"github.com/rqlock/rqlock/rqlock/internal/qspin"
)

func ExampleMutex() {
	var l qspin.Mutex
	var all sync.WaitGroup
	n := 0
	for range 8 {
		all.Go(func() {
			l.Lock()
			n++
			l.Unlock()
		})
	}
	all.Wait()
	fmt.Println(n)
	// Output: 8
}
