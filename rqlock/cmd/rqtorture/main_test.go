package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain is the command itself if the test program is asked to be it.
func TestMain(m *testing.M) {
	if os.Getenv("RQTORTURE") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(cmd.Environ(), "RQTORTURE=1", "GORACE=halt_on_error=0")
	return cmd
}

// result runs the command and returns what it prints, and its exit code.
func result(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestText: plain lines in locktorture's form, nothing else in a pipe.
func TestText(t *testing.T) {
	out, errs, code := result(t, "-duration", "300ms", "-stat-interval", "100ms", "-seed", "7", "-stalls", "0", "-stall-timeout", "5s")
	if code != 0 || errs != "" {
		t.Errorf("exit code %d, stderr %q\n%s", code, errs, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range map[int]string{
		0:              `^rqlock-torture:--- Start of test: duration=300ms writers=.* seed=7 `,
		1:              `^rqlock-torture: Writes:  Total: \d+  Max/Min: \d+/\d+ (\?\?\?)?  Fail: 0$`,
		len(lines) - 1: `^rqlock-torture:--- End of test: SUCCESS: duration=300ms writers=.* seed=7 `,
	} {
		if !regexp.MustCompile(want).MatchString(lines[i]) {
			t.Errorf("line %d is %q, want %s", i, lines[i], want)
		}
	}
	if n := strings.Count(out, "Writes:"); n < 3 {
		t.Errorf("statistics %d times\n%s", n, out)
	}
}

// TestBusted: a lock that excludes nobody fails.
func TestBusted(t *testing.T) {
	out, _, code := result(t, "-lock=busted", "-duration=1s")
	if code != 1 || !strings.Contains(out, "End of test: FAILURE") || !strings.Contains(out, "!!! a section was not alone (") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestJSON: each line is an object, the last one the end.
func TestJSON(t *testing.T) {
	out, _, code := result(t, "-json", "-duration", "300ms", "-stat-interval", "100ms", "-stall-timeout", "5s", "-stalls", "0")
	var last struct {
		What   string
		Ok     bool
		Race   bool
		Params map[string]any
		Total  int64
		Waits  []int64
		Sizes  map[string]struct{ Made, Reported int64 } `json:"cycle_sizes"`
	}
	whats := ""
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		if err := dec.Decode(&last); err != nil {
			t.Fatal(err)
		}
		if whats += last.What + " "; last.Params["seed"] == nil {
			t.Errorf("%s: no seed", last.What)
		}
	}
	if !strings.HasPrefix(whats, "start stats ") {
		t.Errorf("objects: %s", whats)
	}
	if code != 0 || last.What != "end" || !last.Ok || last.Params["stall-timeout"] != "5s" || last.Total == 0 || len(last.Waits) == 0 || len(last.Sizes) == 0 {
		t.Errorf("exit code %d: %+v", code, last)
	}
}

// TestInterrupt: the statistics come all the same.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no way to send an interrupt there")
	}
	cmd := command(t, "-duration", "0", "-stalls", "0")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, func() { cmd.Process.Signal(os.Interrupt) })
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "End of test: SUCCESS") || !strings.Contains(out.String(), "Writes:") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestLost: a result that cannot be written is no success.
func TestLost(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	cmd := command(t, "-duration", "50ms", "-stalls", "0")
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &errs
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.HasPrefix(errs.String(), "rqtorture: the result is lost: ") {
		t.Errorf("exit code %d, %q", code, errs.String())
	}
}

// TestUsage: one line, and 2.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-lock", "spin"}, {"-no-such"}, {"-writers", "x"}, {"more"}, {"-duration", "-1s"}, {"-lock", "mutex", "-cycles", "1s"}, {"-lock"}, {"-lock="}, {"-writers", "9223372036854775807"}, {"help"}} {
		out, errs, code := result(t, args...)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "rqtorture: ") {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
	out, errs, code := result(t, "-help")
	if code != 0 || errs != "" || !strings.Contains(out, "-stall-timeout") {
		t.Errorf("-help: exit code %d, stderr %q\n%s", code, errs, out)
	}
}
