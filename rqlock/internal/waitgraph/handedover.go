package waitgraph

import (
	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// HandedOver reports whether goroutines that do not hold l have unlocked it. Then nobody knows
// who will do so next, and l is part of no cycle. Only a lock of package rqlock/sync can be.
func HandedOver(l *asm.Owned, kind waiter.Kind) bool {
	if kind == waiter.ForMutex {
		return attributes.Of(l).HandedOver
	}
	return gate.Of(l).HandedOver()
}
