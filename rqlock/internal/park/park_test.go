package park

import (
	"bytes"
	"context"
	"fmt"
	"runtime/trace"
	"sync"
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
		if n := p.Tokens(); n != 1 {
			t.Errorf("after two signals, %d tokens", n)
		}
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
		if isClosed(nil) || isClosed(never) || !isClosed(closed) {
			t.Error("isClosed is wrong")
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

// TestLimit: a limit says why it is reached, and a wait does not outlast it.
func TestLimit(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	dated, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	past, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	for _, c := range []struct {
		name    string
		lim     Limit
		reached Reason
		bounded bool
	}{
		{"no context", Until(context.Background()), None, false},
		{"cancelled", Until(cancelled), Cancelled, false},
		{"dated", Until(dated), None, true},
		{"past", Until(past), Cancelled, true},
		{"an hour", Within(time.Hour), None, true},
		{"no time", Within(0), Passed, true},
		{"less than no time", Within(-1 << 63), Passed, true},
	} {
		if got := c.lim.Reached(); got != c.reached {
			t.Errorf("%s: reached %v, want %v", c.name, got, c.reached)
		}
		if got := c.lim.Bounded(); got != c.bounded {
			t.Errorf("%s: bounded %v, want %v", c.name, got, c.bounded)
		}
	}
	if none := (*Limit)(nil); none.Reached() != None || none.Bounded() {
		t.Error("a limit that is none bounds a wait")
	}
	for _, lim := range []Limit{Until(cancelled), Within(time.Millisecond), Within(-1)} {
		var p Parker
		p.Init()
		var wg sync.WaitGroup
		wg.Go(func() {
			p.Sleep(time.Hour, &lim)
			p.Park(&lim)
		})
		wg.Wait() // or the test does not end
	}
}

// TestBlind: a wait is blind if its limit is, and the next one is not.
func TestBlind(t *testing.T) {
	var p Parker
	for _, lim := range []*Limit{nil, Blindly(), Patient()} {
		p.Begin(false, lim)
		if p.Blind() != lim.Blind() {
			t.Errorf("a wait with the limit %+v is blind: %v", lim, p.Blind())
		}
		p.End()
	}
}

// TestBubbles: waits in bubbles are counted while they last.
func TestBubbles(t *testing.T) {
	var p Parker
	before := Bubbles()
	p.Begin(true, nil)
	during := Bubbles()
	p.End()
	if before || !during || Bubbles() {
		t.Errorf("waits in bubbles before, during and after one: %v, %v, %v", before, during, Bubbles())
	}
}

// TestPause: a pause lasts as long as it is to last by real time, in a bubble, too.
func TestPause(t *testing.T) {
	const d = 2 * time.Millisecond
	for _, bubble := range []bool{false, true} {
		var p Parker
		p.Begin(bubble, nil)
		start := time.Now()
		p.Pause(d)
		if took := time.Since(start); took < d {
			t.Errorf("in a bubble: %v: a pause of %v lasts %v", bubble, d, took)
		}
		p.End()
	}
}

// TestRegions: a trace has a region for each way to wait.
func TestRegions(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("a trace is on already")
	}
	var p Parker
	p.Init()
	for name, wait := range map[string]func(){"Wait": p.Wait, "WaitFor": func() { p.WaitFor(time.Hour, nil) }} {
		var b bytes.Buffer
		if err := trace.Start(&b); err != nil {
			t.Fatal(err)
		}
		p.Signal()
		wait()
		trace.Stop()
		if !bytes.Contains(b.Bytes(), []byte("rqlock: parked")) {
			t.Errorf("%s: no region in %d bytes", name, b.Len())
		}
	}
}

// TestBubbleID: the runtime still says which bubble a goroutine is in.
func TestBubbleID(t *testing.T) {
	ids := map[uint64]bool{}
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			id := bubbleID()
			if id == 0 || ids[id] {
				t.Errorf("bubble %d", id)
			}
			ids[id] = true
			var wg sync.WaitGroup
			wg.Go(func() {
				if other := bubbleID(); other != id {
					t.Errorf("bubble %d has a goroutine of bubble %d", id, other)
				}
			})
			wg.Wait()
		})
	}
	if id := bubbleID(); id != 0 {
		t.Errorf("bubble %d outside of all", id)
	}
}

// TestWaitsLong: a wait lasts until there is a token, whatever bounds it.
func TestWaitsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hour := Within(time.Hour)
		endless := Until(context.Background())
		for _, lim := range []*Limit{nil, &hour, &endless} {
			var p Parker
			p.Init()
			for _, wait := range []func(){func() { p.Park(lim) }, func() { p.Sleep(time.Minute, lim) }} {
				start := time.Now()
				time.AfterFunc(time.Second, func() { p.Signal() })
				if wait(); time.Since(start) != time.Second {
					t.Errorf("a wait for a token after a second lasts %v", time.Since(start))
				}
			}
		}
	})
}
