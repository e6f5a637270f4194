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

// LogValue has the attributes "error", a line, "cycle", with each wait by its position, and
// "unreported".
func (e *DeadlockError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", e.Error()), byPosition("cycle", e.Cycle, (*Wait).LogValue), slog.Uint64("unreported", e.Unreported))
}

// LogValue has the attributes "error", a line, "stall", "waiters", "wait" and "unreported".
func (e *TimeoutError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", e.Error()), slog.Bool("stall", e.Stall), slog.Int("waiters", e.Waiters),
		slog.Attr{Key: "wait", Value: e.Wait.LogValue()}, slog.Uint64("unreported", e.Unreported))
}

// LogValue has the attributes "error", a line, "locks" and "orders", with each by its position,
// and "unreported".
func (e *OrderError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", e.Error()), byPosition("locks", e.Locks[:], (*LockInfo).LogValue),
		byPosition("orders", e.Orders[:], (*Order).LogValue), slog.Uint64("unreported", e.Unreported))
}

// LogValue has the attributes "goroutine", "first" and "then".
func (o *Order) LogValue() slog.Value {
	return slog.GroupValue(slog.Uint64("goroutine", o.Goroutine), slog.String("first", stackLine(o.First)), slog.String("then", stackLine(o.Then)))
}

// LogValue has the attributes "addr", "name" and "kind".
func (i *LockInfo) LogValue() slog.Value {
	return slog.GroupValue(slog.String("addr", fmt.Sprintf("%#x", i.Addr)), slog.String("name", i.Name), slog.String("kind", i.Kind))
}

// LogValue has the attributes "goroutine", "lock", "read", "for", "stack", "labels" and
// "holders", with each holder by its position, and "more" and "behind" if they are not 0.
func (w *Wait) LogValue() slog.Value {
	labels := make([]slog.Attr, 0, len(w.Labels))
	for _, key := range slices.Sorted(maps.Keys(w.Labels)) {
		labels = append(labels, slog.String(key, w.Labels[key]))
	}
	attrs := []slog.Attr{
		slog.Uint64("goroutine", w.Goroutine), {Key: "lock", Value: w.Lock.LogValue()}, slog.Bool("read", w.Read), slog.Duration("for", w.For),
		slog.String("stack", stackLine(w.Stack)), {Key: "labels", Value: slog.GroupValue(labels...)}, byPosition("holders", w.Holders, (*Holder).LogValue),
	}
	if w.more > 0 {
		attrs = append(attrs, slog.Int("more", w.more))
	}
	if w.behind != 0 {
		attrs = append(attrs, slog.Uint64("behind", w.behind))
	}
	return slog.GroupValue(attrs...)
}

// LogValue has the attributes "goroutine", "read", "for", "state" and "stack", and with build tag
// rqlocktrace "taken".
func (h *Holder) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Uint64("goroutine", h.Goroutine), slog.Bool("read", h.Read), slog.Duration("for", h.For), slog.String("state", h.State),
		slog.String("stack", stackLine(h.Stack)),
	}
	if h.Taken != nil {
		attrs = append(attrs, slog.String("taken", stackLine(h.Taken)))
	}
	return slog.GroupValue(attrs...)
}

// byPosition is a group that has what is in a list, each by its position.
func byPosition[T any](key string, list []T, value func(*T) slog.Value) slog.Attr {
	attrs := make([]slog.Attr, len(list))
	for i := range list {
		attrs[i] = slog.Attr{Key: strconv.Itoa(i), Value: value(&list[i])}
	}
	return slog.Attr{Key: key, Value: slog.GroupValue(attrs...)}
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
