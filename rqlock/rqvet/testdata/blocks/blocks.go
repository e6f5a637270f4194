// Package blocks does what may block with a lock held, which is reported on request.
package blocks

import (
	"fmt"
	"net"
	"os"
	gosync "sync"
	"time"

	"github.com/rqlock/rqlock/rqlock/sync"
)

type hub struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	out  chan int
	wg   sync.WaitGroup
	conn net.Conn
	cond *gosync.Cond
}

func (h *hub) send(v int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out <- v // want `a send on a channel may block while h.mu is held.*blocks`
}

func (h *hub) receive() int {
	h.rw.RLock()
	defer h.rw.RUnlock()
	return <-h.out // want `a receive from a channel may block while h.rw is held.*blocks`
}

func (h *hub) choose(done chan bool) {
	h.mu.Lock()
	select { // want `a select without default may block.*blocks`
	case <-done:
	case h.out <- 1:
	}
	h.mu.Unlock()
}

func (h *hub) wait() {
	h.mu.Lock()
	h.wg.Wait()                  // want `sync.WaitGroup.Wait may block.*blocks`
	time.Sleep(time.Millisecond) // want `time.Sleep may block.*blocks`
	h.mu.Unlock()
}

func (h *hub) files(name string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, err := h.conn.Write(nil); err != nil { // want `net.Conn.Write may block.*blocks`
		return nil, err
	}
	return os.ReadFile(name) // want `os.ReadFile may block.*blocks`
}

func (h *hub) throughCallee() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pause() // want `pause, which leads to time.Sleep, may block.*blocks`
}

func (h *hub) pause() { time.Sleep(time.Second) }

// What follows is about channels in fields.

type future struct {
	mu   sync.Mutex
	done chan int
	v    int
}

func (f *future) refilled() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = make(chan int, 1)
	f.done <- f.v
	f.done <- f.v // want `a send on a channel may block while f.mu is held.*blocks`
}

func (f *future) relocked() {
	f.mu.Lock()
	f.done = make(chan int, 1)
	f.mu.Unlock()
	f.mu.Lock()
	f.done <- f.v // want `a send on a channel may block while f.mu is held.*blocks`
	f.mu.Unlock()
}

func (f *future) unbuffered() {
	f.mu.Lock()
	f.done = make(chan int)
	f.done <- f.v // want `a send on a channel may block while f.mu is held.*blocks`
	f.mu.Unlock()
}

// What follows is about callees that do as their arguments say.

func (h *hub) shut(remove bool) error {
	if remove {
		return os.Remove("hub")
	}
	return h.conn.Close()
}

func (h *hub) shutFully() {
	h.mu.Lock()
	h.shut(true) // want `shut, which leads to os.Remove, may block.*blocks`
	h.mu.Unlock()
}

func (h *hub) shutAs(told bool) {
	h.mu.Lock()
	h.shut(told) // want `shut, which leads to os.Remove, may block.*blocks`
	h.mu.Unlock()
}

func (h *hub) pass(on bool) { h.shut(on) }

func (h *hub) passFully() {
	h.mu.Lock()
	h.pass(true) // want `pass, which leads to os.Remove, may block.*blocks`
	h.mu.Unlock()
}

func (h *hub) either(wait bool) {
	if wait {
		h.wg.Wait()
		return
	}
	time.Sleep(time.Second)
}

func (h *hub) eitherWay() {
	h.mu.Lock()
	h.either(false) // want `either, which leads to .*, may block.*blocks`
	h.mu.Unlock()
}

// What follows is not reported.

func (f *future) result() <-chan int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		f.done = make(chan int, 1)
		if f.v != 0 {
			f.done <- f.v
		}
	}
	return f.done
}

func (h *hub) shutPartly() {
	h.mu.Lock()
	h.shut(false)
	h.pass(false)
	h.mu.Unlock()
}

func (h *hub) unlockAndSend(v int) {
	h.mu.Unlock()
	h.out <- v
}

func (h *hub) through(v int) {
	h.mu.Lock()
	h.unlockAndSend(v)
}

func (h *hub) quick(v int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case h.out <- v:
	default:
	}
	fmt.Println(v)
	h.rw.Lock()
	h.rw.Unlock()
}

func (h *hub) buffered() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := make(chan error, 1)
	if h.out == nil {
		first <- nil
	} else {
		first <- net.ErrClosed
	}
	go func() { <-first }()
	return nil
}

func (h *hub) full() {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := make(chan error, 1)
	first <- nil
	first <- nil // want `a send on a channel may block.*blocks`
}

func (h *hub) condition() {
	h.mu.Lock()
	h.cond.Wait()
	h.mu.Unlock()
}

func (h *hub) outside(v int) {
	h.mu.Lock()
	n := v
	h.mu.Unlock()
	h.out <- n
}

func (h *hub) ready(done chan bool) {
	h.mu.Lock()
	go func() { done <- true }()
	h.mu.Unlock()
}
