//go:build go1.26

package tricky

import (
	"errors"

	"github.com/rqlock/rqlock/rqlock"
)

func asType(b *box) error {
	err := b.mu.Lock()
	if dead, ok := errors.AsType[*rqlock.DeadlockError](err); ok {
		return dead
	}
	if err != nil {
		return err
	}
	b.mu.Unlock()
	return nil
}
