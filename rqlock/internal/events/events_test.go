package events

import (
	"sync"
	"testing"
)

// TestCount: what many goroutines count adds up, each event by itself.
func TestCount(t *testing.T) {
	before := Read()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for e := range Number {
				for range e + 1 {
					Count(e)
				}
			}
		})
	}
	wg.Wait()
	for e, n := range Read() {
		if got, want := n-before[e], uint64(100*(e+1)); got != want {
			t.Errorf("event %d was counted %d times, want %d", e, got, want)
		}
	}
}
