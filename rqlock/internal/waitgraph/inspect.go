package waitgraph

import "github.com/rqlock/rqlock/rqlock/internal/waiter"

// Waiting returns the wait of the record's goroutine, as a walk finds it. It fails if that
// waits for nothing. A wait is still the same if Waiting returns the same later.
func Waiting(w *waiter.Waiter) (Step, bool) { return stepOf(w) }

// All returns the waits of all goroutines. Each went on when All came to it.
func All() (steps []Step) {
	for i := range waiter.Made() {
		if s, ok := stepOf(waiter.At(i + 1)); ok {
			steps = append(steps, s)
		}
	}
	return steps
}
