package park

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func ExampleParker() {
	var p Parker
	p.Init()
	granted := false
	go func() {
		granted = true
		p.Signal()
	}()
	p.Wait()
	fmt.Println(granted)
	// Output: true
}

// TestTokens: tokens do not add up, and a waiter takes the one that was left before it
// came.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Parker
		p.Init()
		p.Signal()
		p.Signal()
		p.Wait()
		woken := false
		go func() { p.Wait(); woken = true }()
		if synctest.Wait(); woken {
			t.Error("two signals woke a waiter twice")
		}
		p.Signal()
		if synctest.Wait(); !woken {
			t.Error("a signal did not wake the waiter")
		}
	})
}

// TestWaitFor: a wait ends with a token, at its time or when done is closed, whichever
// comes first. What has ended one wait does not end the next.
func TestWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Parker
		p.Init()
		never, closed := make(chan struct{}), make(chan struct{})
		close(closed)
		if Closed(nil) || Closed(never) || !Closed(closed) {
			t.Error("Closed is wrong")
		}
		waited := func(d time.Duration, done <-chan struct{}) time.Duration {
			start := time.Now()
			p.WaitFor(d, done)
			return time.Since(start)
		}
		for range 2 {
			if d := waited(time.Minute, nil); d != time.Minute {
				t.Errorf("a wait of a minute lasts %v", d)
			}
			if d := waited(time.Minute, closed); d != 0 {
				t.Errorf("with done closed, a wait lasts %v", d)
			}
			p.Signal()
			if d := waited(time.Minute, never); d != 0 {
				t.Errorf("with a token, a wait lasts %v", d)
			}
			time.AfterFunc(time.Second, func() { p.Signal() })
			if d := waited(time.Minute, never); d != time.Second {
				t.Errorf("with a token after a second, a wait lasts %v", d)
			}
		}
	})
}
