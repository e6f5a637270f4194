package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestMain is the command itself if the test program is asked to be it.
func TestMain(m *testing.M) {
	if os.Getenv("RQTORTURE") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// canStart returns nil if this program can start itself, which an emulator may not allow.
var canStart = sync.OnceValue(func() error { return exec.Command(os.Args[0], "-test.list=^$").Run() })

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if err := canStart(); err != nil {
		t.Skipf("cannot start this program again: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(cmd.Environ(), "RQTORTURE=1", "GORACE=halt_on_error=0 atexit_sleep_ms=0")
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

// interrupted starts the command, interrupts it after the line that is wanted for the
// n-th time, and returns all lines. So it takes as long as it must on a slow machine.
func interrupted(t *testing.T, cmd *exec.Cmd, n int, want string) (lines []string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Go cannot send an interrupt on windows")
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		if lines = append(lines, s.Text()); strings.Contains(s.Text(), want) {
			if n--; n == 0 {
				cmd.Process.Signal(os.Interrupt)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(lines, "\n"))
	}
	return lines
}

// TestText: the output has locktorture's form. An interrupt ends the run, with its
// statistics. In a pipe nothing else is printed.
func TestText(t *testing.T) {
	n := seed.Of(t)
	cmd := command(t, "-duration", "30s", "-stat-interval", "10ms", "-seed", fmt.Sprint(n), "-stalls", "0", "-ends", "0", "-stops", "0", "-long-hold", "0")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	lines := interrupted(t, cmd, 2, "Writes:")
	all := strings.Join(lines, "\n")
	if errs.Len() > 0 {
		t.Errorf("stderr: %q", errs.String())
	}
	if strings.Count(all, "Writes:") < 3 {
		t.Fatalf("too few statistics\n%s", all)
	}
	for i, want := range map[int]string{
		0:              fmt.Sprintf(`^rqlock-torture:--- Start of test: duration=30s writers=.* seed=%d `, n),
		1:              `^rqlock-torture: Writes:  Total: \d+  Max/Min: \d+/\d+ (\?\?\?)?  Fail: 0$`,
		len(lines) - 1: fmt.Sprintf(`^rqlock-torture:--- End of test: SUCCESS: duration=30s writers=.* seed=%d `, n),
	} {
		if !regexp.MustCompile(want).MatchString(lines[i]) {
			t.Errorf("line %d is %q, want %s", i, lines[i], want)
		}
	}
	for _, want := range []string{"self-deadlocks:", "ends:", "deadline:", "try-lock:", "closed:", "unqueued:", "rescued:"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s\n%s", want, all)
		}
	}
}

// TestJSON: each line is an object, the last one the end.
func TestJSON(t *testing.T) {
	out, _, code := result(t, "-json", "-duration", "200ms", "-stat-interval", "10ms", "-stalls", "0", "-ends", "0", "-stops", "0", "-cycles", "1ms", "-long-hold", "0")
	var last struct {
		What   string
		Lock   string
		Ok     bool
		Race   bool
		Params map[string]any
		Total  int64
		Waits  []int64
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
	if !regexp.MustCompile(`^start (stats )*end $`).MatchString(whats) {
		t.Errorf("objects: %s", whats)
	}
	if code != 0 || last.Lock != "rqlock" || !last.Ok || last.Race != raceEnabled || last.Params["stall-timeout"] != "1s" || last.Total == 0 || len(last.Waits) == 0 || !strings.Contains(out, `"cycle_sizes":{`) {
		t.Errorf("exit code %d: %+v\n%s", code, last, out)
	}
}

// TestBusted: a lock that excludes nobody fails, and -fail-fast ends the run then.
func TestBusted(t *testing.T) {
	out, _, code := result(t, "-lock=busted", "-fail-fast", "-duration=0")
	if code != 1 || !strings.Contains(out, "End of test: FAILURE") || !strings.Contains(out, "!!! two sections overlapped (") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestReaders: a lock with readers is read and written, as often as asked for.
func TestReaders(t *testing.T) {
	cmd := command(t, "-lock", "rqlock-rw", "-reads", "90", "-duration", "30s", "-stat-interval", "10ms", "-seed", fmt.Sprint(seed.Of(t)),
		"-stalls", "0", "-ends", "0", "-stops", "0", "-long-hold", "0")
	all := strings.Join(interrupted(t, cmd, 3, "Reads:"), "\n")
	for _, want := range []string{
		`^rqlock-rw-torture:--- Start of test: .* reads=90 `, `\nrqlock-rw-torture: Reads:   Total: \d+  Max/Min: \d+/\d+\n`,
		`\nrqlock-rw-torture: Readers, let in/made:  recursions: \d+/\d+  crossings: \d+/\d+  downgrades: \d+\n`,
		`\nrqlock-rw-torture:--- End of test: SUCCESS: `,
	} {
		if !regexp.MustCompile(want).MatchString(all) {
			t.Errorf("no %s\n%s", want, all)
		}
	}
}

// TestHTTP: the page shows who waits for the lock that is tortured.
func TestHTTP(t *testing.T) {
	cmd := command(t, "-http", "127.0.0.1:0", "-duration", "1m", "-seed", fmt.Sprint(seed.Of(t)))
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(errs)
	if !lines.Scan() {
		t.Fatal("it does not say where")
	}
	url, ok := strings.CutPrefix(lines.Text(), "rqtorture: ")
	if !ok || !strings.HasSuffix(url, "/debug/rqlock/") {
		t.Fatalf("it says %q", lines.Text())
	}
	page := ""
	for start := time.Now(); time.Since(start) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if page = string(text); strings.Contains(page, "torture.(*") && strings.Contains(page, "rqlock: deadlock: ") {
			return
		}
	}
	t.Errorf("the page does not show what happens:\n%s", page)
}

// TestLost: a result that cannot be written is no success.
func TestLost(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	cmd := command(t, "-duration", "10ms", "-stalls", "0", "-ends", "0", "-stops", "0", "-cycles", "0", "-long-hold", "0")
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &errs
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.HasPrefix(errs.String(), "rqtorture: the result is lost: ") {
		t.Errorf("exit code %d, %q", code, errs.String())
	}
}

// TestUsage: a flag that is wrong gives one line, and exit code 2.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"-lock", "spin"}, {"-no-such"}, {"-writers", "x"}, {"more"}, {"-duration", "-1s"}, {"-lock", "mutex", "-cycles", "1s"},
		{"-lock"}, {"-lock="}, {"-http", "256.0.0.1:1"}, {"-writers", "9223372036854775807"}, {"help"},
	} {
		out, errs, code := result(t, args...)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "rqtorture: ") {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}

// TestHelp: the help names every lock, and every flag with what it is for.
func TestHelp(t *testing.T) {
	out, errs, code := result(t, "-writers", "3", "-help")
	if code != 0 || errs != "" {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
	for _, want := range []string{"usage: rqtorture [flags]\n", "\n  busted ", "\n  rqlock-rw ", "\n  -reads int\n    \t", "\n  -crossings duration\n    \t", "\n  -stall-timeout duration\n    \t", "\n  -ends duration\n    \t", "\n  -storms duration\n    \t",
		"\n  -chains duration\n    \t", "\n  -stops duration\n    \t", "\n  -lock name\n", "\n  -http address\n    \t", "\n  -fail-fast\n    \t"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if len(strings.TrimSpace(line)) > 130 {
			t.Errorf("long: %s", line)
		}
		if strings.TrimSpace(line) == "" && line != "\n" {
			t.Errorf("a flag without help\n%s", out)
		}
	}
}
