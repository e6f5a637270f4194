// Package lib has what another package calls.
package lib

import "github.com/rqlock/rqlock/rqlock"

type Box struct {
	Mu  rqlock.Mutex
	all map[string]bool
	n   int
}

func (b *Box) count(really bool) error {
	if !really {
		return nil
	}
	if err := b.Mu.Lock(); err != nil {
		return err
	}
	b.n++
	b.Mu.Unlock()
	return nil
}

// Count counts a key that is known. Callers do not know which it is.
func (b *Box) Count(key string) error { return b.count(b.all[key]) }
