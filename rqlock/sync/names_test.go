package sync

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock"
)

// A server has locks at every depth.
type server struct {
	mu     Mutex
	shards [2]struct {
		_  int
		rw RWMutex
	}
}

// TestNames: rqlock.SetNames names the locks of this package. Reports and snapshots have the
// names, and the kinds, as they have those of package rqlock.
func TestNames(t *testing.T) {
	l := quietly(t, briefly)
	s := new(server)
	rqlock.SetNames(s)
	var waits []string
	err, _ := crossing(&s.mu, &whileWaiting{Locker: &s.shards[1].rw, look: func() {
		g := rqlock.Snapshot()
		for i := range g.Waits {
			waits = append(waits, g.Waits[i].Lock.Kind+" "+g.Waits[i].Lock.Name)
		}
	}}).(*rqlock.DeadlockError)
	if err == nil {
		t.Fatal("no deadlock")
	}
	for i, want := range []struct{ name, kind string }{{"server.mu", "Mutex"}, {"server.shards[1].rw", "RWMutex"}} {
		if got := err.Cycle[i].Lock; got.Name != want.name || got.Kind != want.kind {
			t.Errorf("the cycle has %s %v, want %s %s", got.Kind, got, want.kind, want.name)
		}
		if line := fmt.Sprintf("%s %q", want.kind, want.name); !strings.Contains(fmt.Sprintf("%+v", err), line) {
			t.Errorf("the report lacks %s:\n%+v", line, err)
		}
	}
	if n := l.count("server.shards[1].rw"); n == 0 {
		t.Error("what is logged lacks a name")
	}
	if !slices.Equal(waits, []string{"RWMutex server.shards[1].rw"}) {
		t.Errorf("the snapshot has %q", waits)
	}
}

// A whileWaiting calls look when one goroutine waits for its lock, which another one unlocks.
type whileWaiting struct {
	Locker
	look func()
}

func (w *whileWaiting) Unlock() {
	if waiting() == 1 {
		w.look()
	}
	w.Locker.Unlock()
}
