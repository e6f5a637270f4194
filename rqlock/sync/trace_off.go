//go:build !rqlocktrace

package sync

import "github.com/rqlock/rqlock/rqlock/internal/waiter"

// What build tag rqlocktrace records, see trace_on.go, is not recorded here, and costs nothing.

// took notes that the caller has acquired l.
func (l *Mutex) took() {}

func (l *RWMutex) took(waiter.Kind) {}

// tried notes that the caller has acquired l, if ok, without waiting.
func (l *Mutex) tried(ok bool) bool { return ok }

func (l *RWMutex) tried(_ waiter.Kind, ok bool) bool { return ok }

// gives notes that l is about to be released.
func (l *Mutex) gives() {}

func (l *RWMutex) gives(waiter.Kind) {}
