// Package pinned has what must not happen while a lock is held with LockPinned.
package pinned

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

type core struct {
	l, m rqlock.Mutex
	n    int
}

func blocks(c *core, ch chan int, wg *sync.WaitGroup, mu *sync.Mutex, conn net.Conn, f *os.File) error {
	if err := c.l.LockPinned(); err != nil {
		return err
	}
	ch <- 1           // want `a send on a channel may block while c.l is held with LockPinned \(line 21\).*blockpinned`
	<-ch              // want `a receive from a channel.*blockpinned`
	time.Sleep(1)     // want `time.Sleep.*blockpinned`
	wg.Wait()         // want `sync.WaitGroup.Wait.*blockpinned`
	mu.Lock()         // want `sync.Mutex.Lock.*blockpinned`
	conn.Read(nil)    // want `net.Conn.Read.*blockpinned`
	f.Write(nil)      // want `os.File.Write.*blockpinned`
	fmt.Println("ha") // want `fmt.Println.*blockpinned`
	select {          // want `a select without default.*blockpinned`
	case <-ch:
	case ch <- 2:
	}
	for range ch { // want `a receive from a channel.*blockpinned`
	}
	c.l.UnlockPinned()
	return nil
}

func sleepy() { time.Sleep(time.Second) }

func deeper() { sleepy() }

func throughHelper(c *core) error {
	if err := c.l.LockPinned(); err != nil {
		return err
	}
	defer c.l.UnlockPinned()
	deeper() // want `deeper, which leads to time.Sleep.*blockpinned`
	return nil
}

func anotherLock(c *core) error {
	if err := c.l.LockPinned(); err != nil {
		return err
	}
	defer c.l.UnlockPinned()
	if err := c.m.Lock(); err != nil { // want `c.m.Lock may block.*blockpinned`
		return err
	}
	c.m.Unlock()
	return nil
}

func panics(c *core) error {
	if err := c.l.LockPinned(); err != nil {
		return err
	}
	defer c.l.UnlockPinned()
	if c.n < 0 {
		panic("negative") // want `a panic may block.*blockpinned`
	}
	return nil
}

func right(c *core, ch chan int, text *strings.Builder) error {
	time.Sleep(1)
	if err := c.l.LockPinned(); err != nil {
		ch <- 1
		return err
	}
	c.n++
	fmt.Fprintf(text, "%d", c.n)
	select {
	case ch <- c.n:
	default:
	}
	if c.m.TryLock() {
		c.m.Unlock()
	}
	c.l.UnlockPinned()
	<-ch
	return nil
}
