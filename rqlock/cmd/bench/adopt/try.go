package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// command runs a command and returns what it printed.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "RQLOCK=panic")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// top is the directory of the library.
func top() (string, error) { return filepath.Abs("../../..") }

// buildSwap builds rqswap.
func buildSwap(ctx context.Context, dir string) (string, error) {
	root, err := top()
	if err != nil {
		return "", err
	}
	tool := filepath.Join(dir, "rqswap.exe")
	_, err = command(ctx, root, "go", "build", "-o", tool, "./rqlock/cmd/rqswap")
	return tool, err
}

// A result is what became of one module.
type result struct {
	module
	files    string // what rqswap says last
	before   map[string]int
	after    map[string]int
	verdicts []string // deadlocks that were reported
	stalls   int      // locks held long that were reported
	runs     int
}

// steady returns the tests that passed each time before.
func (r *result) steady() (tests []string) {
	for _, name := range slices.Sorted(maps.Keys(r.before)) {
		if r.before[name] == r.runs {
			tests = append(tests, name)
		}
	}
	return tests
}

// lost returns those of them that did not pass each time after.
func (r *result) lost() (tests []string) {
	for _, name := range r.steady() {
		if r.after[name] < r.runs {
			tests = append(tests, name)
		}
	}
	return tests
}

func (r *result) line() string {
	return fmt.Sprintf("%s %s: %s; %d tests passed before, %d of them after; %d deadlocks, %d locks held long",
		r.name, r.version, r.files, len(r.steady()), len(r.steady())-len(r.lost()), len(r.verdicts), r.stalls)
}

// err says what is wrong.
func (r *result) err() error {
	if lost := r.lost(); len(lost) > 0 {
		return fmt.Errorf("%s: %d tests fail after: %s", r.name, len(lost), strings.Join(lost, ", "))
	}
	if len(r.verdicts) > 0 {
		return fmt.Errorf("%s: %s", r.name, strings.Join(r.verdicts, "\n"))
	}
	if len(r.steady()) == 0 {
		return fmt.Errorf("%s: no test has passed before", r.name)
	}
	return nil
}

// fetch makes a copy of the module that requires the locks, and does not use them yet: so what
// runs before and after has the same versions of all else.
func (m module) fetch(ctx context.Context, dir string) error {
	root, err := top()
	if err != nil {
		return err
	}
	out, err := command(ctx, filepath.Dir(dir), "go", "mod", "download", "-json", m.path+"@"+m.version)
	if err != nil {
		return err
	}
	var at struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &at); err != nil {
		return err
	}
	if err := copyTree(dir, at.Dir); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "edit", "-require", "github.com/rqlock/rqlock@v0.0.0", "-replace", "github.com/rqlock/rqlock=" + root},
		{"get", "github.com/rqlock/rqlock@v0.0.0"},
	} {
		if _, err := command(ctx, dir, "go", args...); err != nil {
			return err
		}
	}
	return nil
}

// adopt has the module in dir use the locks, and returns what rqswap says last.
func (m module) adopt(ctx context.Context, dir, tool string) (string, error) {
	swap := m.swap
	if swap == nil {
		swap = m.packages
	}
	out, err := command(ctx, dir, tool, append([]string{"-force"}, swap...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], err
}

// try has a copy of the module adopt the locks.
func (m module) try(ctx context.Context, tmp, tool string, runs int) (*result, error) {
	dir := filepath.Join(tmp, m.name)
	if err := m.fetch(ctx, dir); err != nil {
		return nil, err
	}
	r := &result{module: m, before: map[string]int{}, after: map[string]int{}, runs: runs}
	if err := m.build(ctx, dir); err != nil {
		return nil, err
	}
	for range runs {
		if err := m.test(ctx, dir, r.before, new(result)); err != nil {
			return nil, err
		}
	}
	var err error
	if r.files, err = m.adopt(ctx, dir, tool); err != nil {
		return nil, err
	}
	if err := m.build(ctx, dir); err != nil {
		return nil, err
	}
	for range runs {
		if err := m.test(ctx, dir, r.after, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// copyTree copies a module, and makes it writable.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		short, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, short)
		if d.IsDir() {
			return os.MkdirAll(target, 0o777)
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o666)
		if info, err := d.Info(); err == nil && info.Mode()&0o100 != 0 {
			mode = 0o777
		}
		return os.WriteFile(target, src, mode)
	})
}

// A module has that long to be compiled; nats-server's server takes a minute and a half of
// processor time.
const compiles = 5 * time.Minute

// build builds the module's tests, so that the time which that takes is not that of the tests.
func (m module) build(ctx context.Context, dir string) error {
	_, err := command(ctx, dir, "go", append([]string{"test", "-vet=off", "-run", "^$"}, m.packages...)...)
	return err
}

// test runs the module's tests once, counts those that pass, and notes in r what was reported.
func (m module) test(ctx context.Context, dir string, passed map[string]int, r *result) error {
	ctx, cancel := context.WithTimeout(ctx, m.limit+compiles)
	defer cancel()
	args := []string{"test", "-count=1", "-json", "-vet=off", "-timeout", m.limit.String()}
	if m.short {
		args = append(args, "-short")
	}
	if m.run != "" {
		args = append(args, "-run", m.run)
	}
	if m.skip != "" {
		args = append(args, "-skip", m.skip)
	}
	out, err := command(ctx, dir, "go", append(args, m.packages...)...)
	if ctx.Err() != nil {
		return fmt.Errorf("not done after %v: the machine is too slow, or has other work", m.limit+compiles)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader([]byte(out)))
	lines.Buffer(nil, 64<<20)
	built := false
	for lines.Scan() {
		var event struct{ Action, Package, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		switch {
		case event.Action == "pass" && event.Test != "":
			passed[event.Package+" "+event.Test]++
			built = true
		case event.Action == "fail" && event.Test != "":
			built = true
		case strings.Contains(event.Output, "rqlock/sync: deadlock"):
			r.verdicts = append(r.verdicts, event.Test+": "+strings.TrimSpace(event.Output))
		case strings.Contains(event.Output, "rqlock/sync: held long"):
			r.stalls++
		}
	}
	if !built {
		return fmt.Errorf("no test has run:\n%s", out)
	}
	return lines.Err()
}
