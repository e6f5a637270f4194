package waiter

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock/internal/readers"
)

// A Kind says what a goroutine waits for.
type Kind uint32

const (
	ForMutex   Kind = iota // a lock that has one holder at most
	ForWriting             // to write what a reader-writer lock guards
	ForReading             // to read it
)

// A KindWord has the kind of a wait.
type KindWord struct{ kind atomic.Uint32 }

// Load returns it.
func (w *KindWord) Load() Kind { return Kind(w.kind.Load()) }

// Store changes it.
func (w *KindWord) Store(k Kind) { w.kind.Store(uint32(k)) }

// A Reading is the position of a reader that waits at a lock which is closed to readers. It
// is package gate's, and changes only with the mutex held that guards the lock's readers.
type Reading struct {
	Stage  atomic.Uint32
	After  uint32 // index of the record behind; the last one's is that of the first
	Before uint32 // index of the record before
	Leads  bool   // it is the one that looks for stalls
	Again  bool   // it is an owner that waits for readers, and must look at all slots once more
	Passed bool   // readers were let in past it: the lock was granted to them

	Scan readers.Scan // where that owner is. It alone uses it
}

// Stages of a reader.
const (
	NotListed uint32 = iota
	Listed           // it waits
	Admitted         // it holds the lock, and has not noticed yet
)

// In reports whether the reader holds the lock, and has not noticed yet.
func (r *Reading) In() bool { return r.Stage.Load() == Admitted }
