package park

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// In a bubble of testing/synctest nobody may use a channel or a timer of another bubble: the
// process dies of it. A channel from outside may be used, but a wait for it is not durable:
// while it lasts, the bubble's clock stands. So there are two ways to wait in a bubble.
//
// A wait without a limit is as that for a sync.Mutex, and waits for one: it can be unlocked
// from anywhere, and is not durable.
//
// A wait with a limit is durable, so that the limit passes on the bubble's clock. It waits
// for a channel that is made for it, to which only who is in the same bubble can send. Nobody
// may depend on such a waiter: it may not be woken, and while others of its bubble run, or
// wait without a limit, it does not wake by itself. So it stands in no queue, and looks again
// and again.

// bubbles is how many waits there are in bubbles.
var bubbles atomic.Int64

// Bubbles reports whether there are waits in bubbles. Those are counted that began before
// one who is told of them by whoever waits.
func Bubbles() bool { return bubbles.Load() != 0 }

// inside is what one wait in a bubble waits for.
type inside struct {
	gate sync.Mutex // locked but for a token; of a wait without a limit
	left atomic.Bool

	c      chan struct{} // of a wait with a limit; nil = none
	bubble uint64        // whose it is; 0 = unknown
	begun  time.Time
}

func newInside(lim *Limit) *inside {
	i := new(inside)
	if lim != nil && (lim.done != nil || !lim.deadline.IsZero()) {
		i.c, i.bubble, i.begun = make(chan struct{}, 1), bubbleID(), time.Now()
		return i
	}
	i.gate.Lock()
	return i
}

// again returns how long to wait before the next look. A look costs a microsecond, and so
// a wait of a day takes some 30 ms, and is too long by a thousandth at most.
func (i *inside) again() time.Duration { return max(time.Since(i.begun)/1024, time.Microsecond) }

// signal is Parker.Signal.
func (i *inside) signal() bool {
	if i.c == nil {
		if i.left.Swap(true) {
			return false
		}
		i.gate.Unlock()
		return true
	}
	if i.bubble == 0 || bubbleID() != i.bubble {
		return false // it looks by itself
	}
	select {
	case i.c <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait is Parker.WaitFor.
func (i *inside) wait(d time.Duration, done <-chan struct{}) {
	if i.c == nil {
		i.gate.Lock()
		i.left.Store(false)
		return
	}
	timer := time.NewTimer(min(d, i.again()))
	defer timer.Stop()
	select {
	case <-i.c:
	case <-timer.C:
	case <-done:
	}
}

// yield lets others run.
func yield() { runtime.Gosched() }

// bubbleID returns the number of the bubble that the caller runs in, or 0. The runtime tells
// it nowhere but in a traceback: "goroutine 7 [running, synctest bubble 3]:".
func bubbleID() uint64 {
	var buf [96]byte
	line, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("]"))
	_, number, found := bytes.Cut(line, []byte("synctest bubble "))
	if !found {
		return 0
	}
	if end := bytes.IndexByte(number, ','); end >= 0 {
		number = number[:end]
	}
	id, _ := strconv.ParseUint(string(number), 10, 64)
	return id
}
