package tricky

import "rqvet.test/tricky/lib"

// What is called acquires the lock under a condition that it cannot name for its callers.
func countHeld(b *lib.Box) error {
	if err := b.Mu.Lock(); err != nil {
		return err
	}
	defer b.Mu.Unlock()
	return b.Count("new")
}
