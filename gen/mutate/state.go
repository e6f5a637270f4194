package mutate

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A state has the verdicts of tests that have run. It is a file to which each is added as soon
// as it is known, so that an interrupted run can go on. A verdict belongs to a test program
// with all its mutants: any change of the sources makes another one.
type state struct {
	lock  sync.Mutex
	file  *os.File // nil = nothing is kept
	known map[string]string
}

func defaultState() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "rqlock", "mutants")
}

func openState(name string) (*state, error) {
	s := &state{known: map[string]string{}}
	if name == "" {
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("-state: %w", err)
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("-state: %w", err)
	}
	s.file = file
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, v, ok := strings.Cut(lines.Text(), "\t"); ok {
			s.known[key] = v
		}
	}
	return s, nil
}

// remember returns the verdict that has a key, and finds it out if there is none. If the file
// cannot be written to, the next run finds it out again.
func (s *state) remember(key string, find func() (verdict, string, error)) (verdict, string, error) {
	s.lock.Lock()
	word, by, _ := strings.Cut(s.known[key], "\t")
	s.lock.Unlock()
	if n := slices.Index(verdicts[:], word); n >= 0 {
		return verdict(n), by, nil
	}
	v, by, err := find()
	if err == nil && s.file != nil {
		s.lock.Lock()
		defer s.lock.Unlock()
		fmt.Fprintf(s.file, "%s\t%s\t%s\n", key, verdicts[v], by)
	}
	return v, by, err
}

func (s *state) close() {
	if s.file != nil {
		s.file.Close()
	}
}
