package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A variant is what the programs are built with.
type variant struct {
	name string
	swap func(src string) string
}

const (
	withGo = iota
	withGoDeadlock
	withRqlock
)

var variants = []variant{
	withGo: {"sync", func(src string) string { return src }},
	withGoDeadlock: {"go-deadlock", func(src string) string {
		if !strings.Contains(src, imported) {
			return src
		}
		src = strings.Replace(src, imported, imported+"\n\tdeadlock \"github.com/sasha-s/go-deadlock\"\n", 1)
		return locks.ReplaceAllString(src, "deadlock.$1") + "\nvar _ sync.Once\n"
	}},
	withRqlock: {"rqlock/sync", func(src string) string {
		return strings.Replace(src, imported, "\n\t\"github.com/rqlock/rqlock/rqlock/sync\"\n", 1)
	}},
}

// imported is the import as the programs have it.
const imported = "\n\t\"sync\"\n"

var locks = regexp.MustCompile(`\bsync\.((RW)?Mutex)\b`)

// build builds the programs with a variant into a directory. The sources as they are for it are
// nowhere but in an overlay.
func build(ctx context.Context, dir string, v variant) (string, error) {
	sources, err := filepath.Abs("found/programs")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(sources); err != nil { // a test runs in the package's directory
		if sources, err = filepath.Abs("programs"); err != nil {
			return "", err
		}
	}
	files, err := filepath.Glob(filepath.Join(sources, "*.go"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("no programs in %s: run it in the bench module", sources)
	}
	own := filepath.Join(dir, strings.ReplaceAll(v.name, "/", "-"))
	if err := os.Mkdir(own, 0o777); err != nil {
		return "", err
	}
	overlay := map[string]string{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		overlay[file] = filepath.Join(own, filepath.Base(file))
		if err := os.WriteFile(overlay[file], []byte(v.swap(string(src))), 0o666); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return "", err
	}
	over, bin := filepath.Join(own, "overlay.json"), filepath.Join(own, "programs.exe")
	if err := os.WriteFile(over, list, 0o666); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "-overlay", over, ".")
	cmd.Dir = sources
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs with %s: %w\n%s", v.name, err, out)
	}
	return bin, nil
}

// A result is what became of one program with one variant.
type result struct {
	out  string
	said time.Duration // when it said something first; 0 = never
	code int           // -1 = it hung
}

// A row has the results of a program, by variant.
type row struct {
	name, kind, what string
	results          []result
}

// runAll builds the programs with each variant, and runs those that are wanted at once.
func runAll(ctx context.Context, dir string, with []variant, wanted func(name string) bool, limit time.Duration) ([]row, error) {
	bins := make([]string, len(with))
	for i, v := range with {
		var err error
		if bins[i], err = build(ctx, dir, v); err != nil {
			return nil, err
		}
	}
	list, err := exec.CommandContext(ctx, bins[0]).Output()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n") {
		if f := strings.Split(line, "\t"); wanted(f[0]) {
			rows = append(rows, row{f[0], f[1], f[2], make([]result, len(with))})
		}
	}
	var wg sync.WaitGroup
	failed := make(chan error, len(rows)*len(with))
	for i := range rows {
		for j := range with {
			wg.Go(func() {
				r, err := run(ctx, bins[j], rows[i].name, limit)
				if rows[i].results[j] = r; err != nil {
					failed <- err
				}
			})
		}
	}
	wg.Wait()
	close(failed)
	return rows, <-failed
}

// A listener keeps what it is told, and when it was told first.
type listener struct {
	mu    sync.Mutex
	text  bytes.Buffer
	start time.Time
	said  time.Duration
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == 0 {
		l.said = time.Since(l.start)
	}
	return l.text.Write(p)
}

func run(ctx context.Context, bin, name string, limit time.Duration) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, name)
	cmd.Env = append(os.Environ(), "RQLOCK=")
	l := &listener{start: time.Now()}
	cmd.Stdout, cmd.Stderr = l, l
	err := cmd.Run()
	r := result{out: l.text.String(), said: l.said}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		r.code = -1
	case errors.As(err, &exit):
		r.code = exit.ExitCode()
	default:
		return r, err
	}
	return r, nil
}
