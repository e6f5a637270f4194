package rqlock

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/asm"
)

// panicOf returns what f panics with.
func panicOf(t testing.TB, f func()) (msg string) {
	t.Helper()
	defer func() {
		r := recover()
		if r == nil {
			t.Fatal("no panic")
		}
		msg = fmt.Sprint(r)
	}()
	f()
	return ""
}

// badUnlock has l unlocked by somebody who must not: that panics, says all of
// the parts, and changes nothing.
func badUnlock(t testing.TB, l *Mutex, parts ...any) {
	t.Helper()
	before := stateOf(l)
	msg := panicOf(t, l.Unlock)
	if after := stateOf(l); after != before {
		t.Errorf("the panic left the lock as %+v, before it was %+v", after, before)
	}
	for _, part := range parts {
		if !strings.Contains(msg, fmt.Sprint(part)) {
			t.Errorf("the panic %q does not say %v", msg, part)
		}
	}
}

func TestUnlockZero(t *testing.T) {
	l := newLock(t)
	badUnlock(t, l, "unlock of unlocked", fmt.Sprintf("%#x", addr(l)))
	must(t, l.Lock())
	l.Unlock()
}

func TestUnlockTwice(t *testing.T) {
	l := newLock(t)
	l.SetName("twice")
	must(t, l.Lock())
	l.Unlock()
	badUnlock(t, l, "unlock of unlocked", `"twice"`)
	must(t, l.Lock())
	l.Unlock()
}

// TestUnlockForeign: a goroutine that is not the owner cannot unlock, whether
// or not somebody waits, and be it one of those.
func TestUnlockForeign(t *testing.T) {
	l := newLock(t)
	l.SetName("foreign")
	actors := newActors(t, 3)
	owner := actors[0]
	foreign := func(me uint64) {
		t.Helper()
		badUnlock(t, l, fmt.Sprintf("goroutine %d unlocks", me), fmt.Sprintf("by goroutine %d", owner.id), `"foreign"`)
	}
	for _, a := range actors {
		owner = a
		a.lock(l)
		foreign(asm.CurrentGoid())
		a.unlock(l)
	}
	a, waiter := actors[0], actors[1]
	owner = a
	a.lock(l)
	waiter.waits(l, l.Lock)
	// The waiter changes the word meanwhile, so only the owner is compared.
	panicOf(t, l.Unlock)
	if got := l.owner(); got != a.id {
		t.Errorf("the owner is %d, want %d", got, a.id)
	}
	a.unlock(l)
	must(t, waiter.result())
	waiter.unlock(l)
}

// TestVetCopies: go vet reports copies of a Mutex, and of an RWMutex (G12, R11).
func TestVetCopies(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	root, err := filepath.Abs("..")
	must(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	must(t, err)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	must(t, err)
	write("go.mod", strings.Replace(string(mod), "module github.com/rqlock/rqlock", "module copies", 1)+
		"\nrequire github.com/rqlock/rqlock v0.0.0\nreplace github.com/rqlock/rqlock => "+root+"\n")
	write("go.sum", string(sum))
	write("copies.go", `package copies

import "github.com/rqlock/rqlock/rqlock"

type box struct{ l rqlock.Mutex }

func byValue(l rqlock.Mutex) {}

func assign(b *box) { c := *b; c.l.Unlock() }

func readerByValue(l rqlock.RWMutex) {}
`)
	cmd := exec.Command("go", "vet", "-copylocks", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "GOOS=", "GOARCH=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("go vet is content with copies")
	}
	for _, want := range []string{"copies.go:7:", "copies.go:9:", "copies.go:11:", "rqlock.Mutex", "rqlock.RWMutex"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("go vet does not report %s: %s", want, out)
		}
	}
}
