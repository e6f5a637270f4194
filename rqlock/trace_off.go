//go:build !rqlocktrace

package rqlock

import (
	"runtime"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// What build tag rqlocktrace records, see trace_on.go, is not recorded here, and costs nothing.

// took notes that the caller has acquired l, if err is nil.
func (l *Mutex) took(err error) error { return err }

func (l *RWMutex) took(_ waiter.Kind, err error) error { return err }

// tried notes that the caller has acquired l, if ok, without waiting.
func (l *Mutex) tried(ok bool) bool { return ok }

func (l *RWMutex) tried(_ waiter.Kind, ok bool) bool { return ok }

// gives notes that the caller releases l.
func (l *Mutex) gives() {}

func (l *RWMutex) gives() {}

// takenAt returns where a goroutine has taken l that it holds.
func takenAt(uint64, *asm.Owned) []runtime.Frame { return nil }

// tracing says whether it is recorded.
const tracing = false
