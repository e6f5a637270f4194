//go:build unix

package rqlock

import (
	"errors"
	"syscall"
	"testing"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/attributes"
)

// TestForeignMemory: a lock may be in memory that is not Go's, with a name and in a
// report (R11).
func TestForeignMemory(t *testing.T) {
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	before := attributes.Number()
	l := (*Mutex)(unsafe.Pointer(&page[64])) //rqvet:ignore badlock it is what the test is about
	l.SetName("mapped")
	must(t, l.Lock())
	var e *DeadlockError
	if err := l.Lock(); !errors.As(err, &e) || e.Cycle[0].Lock.Name != "mapped" {
		t.Errorf("got %v", err)
	}
	l.Unlock()
	l.SetName("")
	if n := attributes.Number(); n != before {
		t.Errorf("%d locks have attributes, %d had some before", n, before)
	}
	rw := (*RWMutex)(unsafe.Pointer(&page[128])) //rqvet:ignore badlock it is what the test is about
	rw.SetName("mapped, too")
	must(t, rw.RLock())
	if err := rw.Lock(); !errors.As(err, &e) || e.Cycle[0].Lock.Name != "mapped, too" {
		t.Errorf("got %v", err)
	}
	rw.RUnlock()
	must(t, rw.Lock())
	rw.Unlock()
	rw.SetName("")
	must(t, syscall.Munmap(page))
}
