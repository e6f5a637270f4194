package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminal: on a terminal the progress is shown, and standard output is what it is
// in a pipe.
func TestTerminal(t *testing.T) {
	terminal, stderr := openTerminal(t)
	cmd := command(t, "-duration", "30s", "-stat-interval", "100ms", "-stalls", "0", "-ends", "0", "-stops", "0", "-long-hold", "0")
	cmd.Env = append(cmd.Env, "TERM=xterm")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.Close()
	text, buf, done := "", make([]byte, 4096), false
	for {
		n, err := terminal.Read(buf)
		if err != nil { // the command has closed its end
			break
		}
		text += string(buf[:n])
		if !done && strings.Contains(text, "rqlock  total ") && strings.Contains(text, "  fail 0") {
			done = true
			cmd.Process.Signal(os.Interrupt)
		}
	}
	if err := cmd.Wait(); err != nil || !done {
		t.Errorf("%v; on the terminal: %q", err, text)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "rqlock-torture:") {
			t.Errorf("standard output: %q", line)
		}
	}
}

// TestDumbTerminal: a terminal that cannot move back gets nothing.
func TestDumbTerminal(t *testing.T) {
	terminal, stderr := openTerminal(t)
	cmd := command(t, "-duration", "30s", "-stat-interval", "300ms", "-stalls", "0", "-ends", "0", "-stops", "0", "-long-hold", "0")
	cmd.Env = append(cmd.Env, "TERM=dumb")
	cmd.Stderr = stderr
	interrupted(t, cmd, 1, "Writes:")
	stderr.Close()
	if text, _ := io.ReadAll(terminal); len(text) > 0 {
		t.Errorf("%q", text)
	}
}

// openTerminal opens a new terminal: what is written to program comes out of user.
func openTerminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { user.Close() })
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	return user, program
}

// TestJob: a job of an interactive shell is not stopped, and says so.
func TestJob(t *testing.T) {
	_, terminal := openTerminal(t)
	cmd := command(t, "-duration", "10ms", "-stalls", "0", "-ends", "0", "-cycles", "0", "-long-hold", "0", "-stops", "1ns")
	cmd.Stdin, cmd.SysProcAttr = terminal, &syscall.SysProcAttr{Setsid: true, Setctty: true}
	out, err := cmd.Output()
	terminal.Close()
	if err != nil || !strings.Contains(string(out), "Not run:  stops: this program is a job of a shell") || regexp.MustCompile(`  stops: [1-9]`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}
