package verdict

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
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
	r.contain(what, err, func() { bridge.Report(err) })
	logger := settings.logger.Load()
	if logger == nil {
		print(what, err, nil)
		return
	}
	if _, bubble := clock.Read(); !bubble { // there a timer would go by the bubble's clock
		late := time.AfterFunc(logPatience, func() { print(what+" (the logger has been told, and has not returned)", err, nil) })
		defer late.Stop()
	}
	r.contain(what, err, func() { logger.Error("rqlock/sync: "+what, "error", err) })
}

// logPatience is how long a logger may take. It may wait for a lock of this very deadlock, in
// another goroutine or by Go's own package sync.
const logPatience = time.Second

// contain calls f, which is to tell of err. If a verdict inside f has ended it, or f panics for
// another reason, standard error gets the report. That panic goes on.
func (r *reporting) contain(what string, err error, f func()) {
	defer func() {
		v, nested := recover(), r.nested
		r.nested = nil
		if v != nil || nested != nil { // f may have recovered from the verdict itself
			print(what, err, nested)
		}
		if v != nil && (nested == nil || v != any(nested)) {
			panic(v)
		}
	}()
	f()
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
