package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// program is the environment variable by which a test runs this binary again, as a program.
const program = "RQLOCK_SYNC_PROGRAM"

// programs are what a process can end with, or hang in.
var programs = map[string]func(){}

func TestMain(m *testing.M) {
	if name := os.Getenv(program); name != "" {
		f := programs[name]
		if f == nil {
			fmt.Fprintln(os.Stderr, "there is no program", name)
			os.Exit(3)
		}
		f()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// canStart returns nil if this program can start itself, which an emulator may not allow.
var canStart = OnceValue(func() error { return exec.Command(os.Args[0], "-test.list=^$").Run() })

// startsItself skips a test that runs programs where none can be run.
func startsItself(t *testing.T) {
	t.Helper()
	if err := canStart(); err != nil {
		t.Skipf("cannot start this program again: %v", err)
	}
}

// A result is what became of a program.
type result struct {
	out  string
	code int // -1 = it was still there after the time it had
	took time.Duration
}

// run runs a program with these settings of the environment, for so long at most.
func run(t *testing.T, name string, limit time.Duration, env ...string) result {
	t.Helper()
	startsItself(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), "RQLOCK=", program+"="+name), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	r := result{out.String(), 0, time.Since(start)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		r.code = -1
	case errors.As(err, &exit):
		r.code = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return r
}

// wants fails unless the program ended in this way and said all of this.
func (r result) wants(t *testing.T, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("it ended with %d, want %d:\n%s", r.code, code, r.out)
	}
	for _, text := range says {
		if !strings.Contains(r.out, text) {
			t.Errorf("it does not say %q:\n%s", text, r.out)
		}
	}
}

// lacks fails if the program said one of these.
func (r result) lacks(t *testing.T, never ...string) {
	t.Helper()
	for _, text := range never {
		if strings.Contains(r.out, text) {
			t.Errorf("it says %q:\n%s", text, r.out)
		}
	}
}

const (
	soon      = 20 * time.Second // what ends by itself has
	hangs     = 3 * time.Second  // what hangs has
	fatalOne  = "fatal error: sync: unlock of unlocked mutex"
	fatalTwo  = "fatal error: sync: Unlock of unlocked RWMutex"
	fatalRead = "fatal error: sync: RUnlock of unlocked RWMutex"
)
