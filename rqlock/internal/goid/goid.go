// Package goid finds out what a goroutine does that is known by its id.
package goid

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/rqlock/rqlock/rqlock/internal/clock"
)

// What another goroutine does is in a dump of all goroutines only, for which the runtime
// stops the program: 18 ms for 1,000 goroutines. So the next dump is not made before a
// hundred times as long has passed: dumps take a hundredth of the time at most.
var dumps struct {
	mu   sync.Mutex
	next int64 // no dump before, on the clock
	buf  []byte
}

const (
	Ended     = "ended"     // the state of a goroutine that is not there any more
	Coroutine = "coroutine" // of an iterator that waits for the next call of next or stop, see iter.Pull
)

// State returns what a goroutine does, as a traceback says it: "running", "chan
// receive, 2 minutes", or [Ended], and where. It returns "" if that was not looked up,
// because the last look was too recent.
func State(id uint64) (state string, stack []runtime.Frame) {
	States([]uint64{id}, func(_ int, s string, frames []runtime.Frame) { state, stack = s, frames })
	return state, stack
}

// States is State of several goroutines at once. It calls f for each, with its index.
func States(ids []uint64, f func(i int, state string, stack []runtime.Frame)) {
	dumps.mu.Lock()
	defer dumps.mu.Unlock()
	start := clock.Now()
	if start < dumps.next || len(ids) == 0 {
		return
	}
	if dumps.buf == nil {
		dumps.buf = make([]byte, 1<<16)
	}
	n := runtime.Stack(dumps.buf, true)
	for n == len(dumps.buf) && n < 64<<20 {
		dumps.buf = make([]byte, 4*n)
		n = runtime.Stack(dumps.buf, true)
	}
	found := statesIn(dumps.buf[:n], ids)
	for i, id := range ids {
		g, ok := found[id]
		if !ok && n < len(dumps.buf) { // the whole dump
			g.state = Ended
		}
		f(i, g.state, framesOf(g.calls))
	}
	end := clock.Now()
	dumps.next = end + 100*(end-start)
	if len(dumps.buf) > 1<<20 {
		dumps.buf = nil
	}
}

// Fresh lets the next State look, however recent the last look was. It is for tests.
func Fresh() {
	dumps.mu.Lock()
	dumps.next = 0
	dumps.mu.Unlock()
}

// A goroutine is one of a dump.
type goroutine struct{ state, calls string }

// statesIn finds goroutines in a dump.
func statesIn(dump []byte, ids []uint64) map[uint64]goroutine {
	found := make(map[uint64]goroutine, len(ids))
	for _, id := range ids {
		found[id] = goroutine{}
	}
	for left := len(found); left > 0 && len(dump) > 0; {
		var text []byte
		text, dump, _ = bytes.Cut(dump, []byte("\n\n"))
		head, calls, _ := bytes.Cut(text, []byte("]:\n"))
		number, state, ok := bytes.Cut(bytes.TrimPrefix(head, []byte("goroutine ")), []byte(" ["))
		id, err := strconv.ParseUint(string(number), 10, 64)
		if g, wanted := found[id]; ok && err == nil && wanted && g.state == "" {
			found[id] = goroutine{string(state), string(calls)}
			left--
		}
	}
	for id, g := range found {
		if g.state == "" {
			delete(found, id)
		}
	}
	return found
}

// framesOf reads the calls of a traceback: a line for the function, with its arguments, and
// one for its position.
func framesOf(calls string) (stack []runtime.Frame) {
	lines := strings.Split(strings.TrimSuffix(calls, "\n"), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		function, position := lines[i], strings.TrimPrefix(lines[i+1], "\t")
		if open := strings.LastIndexByte(function, '('); open > 0 && strings.HasSuffix(function, ")") {
			function = function[:open]
		}
		position, _, _ = strings.Cut(position, " +0x")
		f := runtime.Frame{Function: function, File: position}
		if colon := strings.LastIndexByte(position, ':'); colon > 0 {
			if line, err := strconv.Atoi(position[colon+1:]); err == nil {
				f.File, f.Line = position[:colon], line
			}
		}
		stack = append(stack, f)
	}
	return stack
}
