package rqlock

import (
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/rqlock/rqlock/rqlock/internal/report"
)

// What package log/slog makes of errors: attributes of their own for what one searches for.

// LogValue has the attributes "error", a line, and "cycle", with each wait by its position.
func (e *DeadlockError) LogValue() slog.Value {
	attrs := make([]slog.Attr, len(e.Cycle))
	for i := range e.Cycle {
		attrs[i] = slog.Attr{Key: strconv.Itoa(i), Value: e.Cycle[i].LogValue()}
	}
	return slog.GroupValue(slog.String("error", e.Error()), slog.Attr{Key: "cycle", Value: slog.GroupValue(attrs...)})
}

// LogValue has the attributes "error", a line, "stall", "waiters" and "wait".
func (e *TimeoutError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", e.Error()), slog.Bool("stall", e.Stall), slog.Int("waiters", e.Waiters),
		slog.Attr{Key: "wait", Value: e.Wait.LogValue()})
}

// LogValue has the attributes "goroutine", "lock", "read", "for", "stack", "labels" and
// "holders", with each holder by its position.
func (w *Wait) LogValue() slog.Value {
	labels := make([]slog.Attr, 0, len(w.Labels))
	for _, key := range slices.Sorted(maps.Keys(w.Labels)) {
		labels = append(labels, slog.String(key, w.Labels[key]))
	}
	holders := make([]slog.Attr, len(w.Holders))
	for i := range w.Holders {
		h := &w.Holders[i]
		holders[i] = slog.Group(strconv.Itoa(i), slog.Uint64("goroutine", h.Goroutine), slog.Bool("read", h.Read),
			slog.Duration("for", h.For), slog.String("state", h.State), slog.String("stack", stackLine(h.Stack)))
	}
	return slog.GroupValue(slog.Uint64("goroutine", w.Goroutine),
		slog.Group("lock", slog.String("addr", fmt.Sprintf("%#x", w.Lock.Addr)), slog.String("name", w.Lock.Name), slog.String("kind", w.Lock.Kind)),
		slog.Bool("read", w.Read), slog.Duration("for", w.For), slog.String("stack", stackLine(w.Stack)),
		slog.Attr{Key: "labels", Value: slog.GroupValue(labels...)}, slog.Attr{Key: "holders", Value: slog.GroupValue(holders...)})
}

// stackLine is a stack in a line, innermost call first.
func stackLine(stack []runtime.Frame) string {
	var b strings.Builder
	for i, f := range stack {
		if i > 0 {
			b.WriteString(" < ")
		}
		b.WriteString(f.Function)
		if f.Function != report.Cut {
			fmt.Fprintf(&b, " %s:%d", f.File, f.Line)
		}
	}
	return b.String()
}
