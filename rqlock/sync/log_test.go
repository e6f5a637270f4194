package sync

import (
	"bytes"
	"log/slog"
	"strings"
	gosync "sync"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/clock"
)

// A log keeps what was logged.
type log struct {
	mu   gosync.Mutex
	text bytes.Buffer
}

func newLog() *log { return new(log) }

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// count returns how often a text was logged.
func (l *log) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// stopwatch returns what returns the real time since then, also in a bubble.
func stopwatch() func() time.Duration {
	start := clock.Now()
	return func() time.Duration { return time.Duration(clock.Now() - start) }
}
