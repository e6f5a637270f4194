package goid

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// TestState: it says what a goroutine does, and of one that has ended that it has.
func TestState(t *testing.T) {
	ids, blocked := make(chan uint64), make(chan bool)
	go func() {
		ids <- asm.CurrentGoid()
		<-blocked
		blocked <- true
	}()
	id := <-ids
	await := func(want string) {
		t.Helper()
		for start := time.Now(); ; time.Sleep(time.Millisecond) {
			Fresh()
			state, stack := State(id)
			if state == want {
				if named := len(stack) > 0 && strings.Contains(fmt.Sprint(stack), "TestState"); named != (want != Ended) {
					t.Errorf("its stack is %v", stack)
				}
				return
			}
			if time.Since(start) > 30*time.Second {
				t.Fatalf("goroutine %d is %q, want %q", id, state, want)
			}
		}
	}
	// A look keeps others away for some milliseconds only, which a busy machine may need.
	for start, got := time.Now(), "?"; got != ""; {
		if time.Since(start) > 30*time.Second {
			t.Errorf("looked again at once, and found %q", got)
			break
		}
		await("chan receive")
		got, _ = State(id)
	}
	blocked <- true
	<-blocked
	await(Ended)
	Fresh()
	if got, _ := State(asm.CurrentGoid()); got != "running" {
		t.Errorf("the caller is %q", got)
	}
}

// TestStatesIn: goroutines are found by their whole ids.
func TestStatesIn(t *testing.T) {
	const dump = "goroutine 12 [running]:\nf\n\ngoroutine 1 [chan receive, 2 minutes]:\ng\n\ngoroutine 123 [select]:\nh\n"
	got := statesIn([]byte(dump), []uint64{12, 1, 123, 2, 23})
	want := map[uint64]goroutine{12: {"running", "f"}, 1: {"chan receive, 2 minutes", "g"}, 123: {"select", "h\n"}}
	if !maps.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// TestFramesOf reads what the runtime prints.
func TestFramesOf(t *testing.T) {
	const calls = "main.(*T).run(0x14, {0x1, 0x2})\n\t/src/a b/t.go:12 +0x1d\nmain.main()\n\tC:/src/t.go:7 +0x55\ncreated by main.f in goroutine 1\n\t/src/t.go:9 +0x10\n"
	want := "[main.(*T).run /src/a b/t.go 12] [main.main C:/src/t.go 7] [created by main.f in goroutine 1 /src/t.go 9] "
	got := ""
	for _, f := range framesOf(calls) {
		got += fmt.Sprint([]any{f.Function, f.File, f.Line}, " ")
	}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, odd := range []string{"", "x", "x\n", "()\n\t\n", "a(\n\t:\nb"} {
		framesOf(odd) // must not panic
	}
}
