package verdict

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
)

func addr(l *asm.Owned) uintptr { return uintptr(unsafe.Pointer(l)) }

// A reporting is a report under way, of one goroutine. What is called for it may use locks of
// package rqlock/sync, which its goroutine may hold: then it panics there, whatever the policy,
// and the report goes to standard error.
type reporting struct {
	nested error // the verdict inside the report
}

var reports struct {
	mu sync.Mutex
	of map[uint64]*reporting
}

// reportOf returns the report that a goroutine makes, or nil.
func reportOf(goroutine uint64) *reporting {
	reports.mu.Lock()
	defer reports.mu.Unlock()
	return reports.of[goroutine]
}

// report tells OnViolation's function and the logger of an error, or standard error if there is
// no logger.
func report(what string, err error) {
	me := asm.CurrentGoid()
	r := new(reporting)
	reports.mu.Lock()
	if reports.of == nil {
		reports.of = map[uint64]*reporting{}
	}
	reports.of[me] = r
	reports.mu.Unlock()
	defer func() {
		reports.mu.Lock()
		delete(reports.of, me)
		reports.mu.Unlock()
	}()
	if nested := r.contain(func() { bridge.Report(err) }); nested != nil {
		print(what, err, nested)
	}
	logger := settings.logger.Load()
	if logger == nil {
		print(what, err, nil)
		return
	}
	if nested := r.contain(func() { logger.Error("rqlock/sync: "+what, "error", err) }); nested != nil {
		print(what, err, nested)
	}
}

// contain calls f. If a verdict inside f has ended it, contain returns that.
func (r *reporting) contain(f func()) (nested error) {
	defer func() {
		switch v := recover(); {
		case v == nil:
		case r.nested != nil && v == any(r.nested):
			nested = r.nested
		default:
			panic(v)
		}
		r.nested = nil
	}()
	f()
	return nil
}

// print writes a report to standard error.
func print(what string, err, nested error) {
	text := fmt.Sprintf("rqlock/sync: %s: %s\n", what, whole(err))
	if nested != nil {
		text += fmt.Sprintf("rqlock/sync: and to report that would have been a deadlock: %s\n", whole(nested))
	}
	os.Stderr.WriteString(text)
}

// whole is an error with its stacks, without the kind that it begins with.
func whole(err error) string {
	text := fmt.Sprintf("%+v", err)
	for _, kind := range []string{"rqlock: deadlock: ", "rqlock: timeout: "} {
		text = strings.TrimPrefix(text, kind)
	}
	return text
}
