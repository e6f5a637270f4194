package mc

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// logf appends a line to the trace.
func (m *machine) logf(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

// trace appends a line for a step of t.
func (t *thread) trace(what, format string, args ...any) {
	t.m.logf("T%d  %s%s  %s", t.id, what, t.position, fmt.Sprintf(format, args...))
}

// traceAccess appends a line for an access, with the alternative that was chosen.
func (t *thread) traceAccess(l *location, old, v uint64) {
	m, change := t.m, t.m.format(l, v)
	note := ""
	switch {
	case t.op.kind == opLoad && t.alt > 0:
		note = fmt.Sprintf(", %d older than the newest", t.alt)
	case t.op.kind == opLoad && m.Memory == TSO && t.buffered(l):
		note = ", from its store buffer"
	case t.op.kind == opStore && m.Memory == TSO && t.buffered(l):
		change = "buffers " + m.formatMasked(l, v, t.op.mask)
	case t.op.kind == opStore:
		change = m.format(l, old) + " -> " + change
		if t.alt > 0 {
			change = m.format(l, v)
			note = fmt.Sprintf(", goes before %s", m.format(l, l.v))
		}
	}
	t.trace(t.access(), "%s %s%s", m.nameOf(l), change, note)
}

func (t *thread) traceUpdate(l *location, old, v uint64, wrote bool) {
	m := t.m
	if !wrote {
		t.trace(t.access(), "%s %s, not stored", m.nameOf(l), m.format(l, old))
		return
	}
	t.trace(t.access(), "%s %s -> %s", m.nameOf(l), m.format(l, old), m.format(l, v))
}

func (m *machine) traceFlush(t *thread, l *location, old uint64) {
	m.logf("T%d  flushes  %s %s -> %s", t.id, m.nameOf(l), m.format(l, old), m.format(l, l.v))
}

// access returns the primitive's name and order.
func (t *thread) access() string { return fmt.Sprintf("%s(%v)", t.op.prim, t.op.order) }

// buffered reports whether t's store buffer has an entry for l.
func (t *thread) buffered(l *location) bool {
	for i := range t.buf {
		if t.buf[i].loc == l {
			return true
		}
	}
	return false
}

func (m *machine) format(l *location, v uint64) string {
	if l.bits == bitsPtr {
		return m.ptrs.String(v)
	}
	if m.FormatWord != nil {
		if text := m.FormatWord(m.nameOf(l), v); text != "" {
			return text
		}
	}
	if v > 1<<16 {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}

func (m *machine) formatMasked(l *location, v, mask uint64) string {
	if mask == ^uint64(0) {
		return m.format(l, v)
	}
	return fmt.Sprintf("%#x in %#x", v&mask, mask)
}

// position is sitePosition or, if the program has no sites, the position that the stack
// of the current thread has.
func (m *machine) position(s Site) string {
	if s == 0 && m.tracing && m.self != nil {
		return callerPosition()
	}
	return m.sitePosition(s)
}

// sitePosition returns file, line and function of a site, after a blank.
func (m *machine) sitePosition(s Site) string {
	if s >= 1 && int(s) <= len(sites) {
		info := &sites[s-1]
		return fmt.Sprintf(" %s:%d %s", filepath.Base(info.File), info.Line, info.Func)
	}
	if s != 0 {
		return fmt.Sprintf(" site %d", s)
	}
	return ""
}

// callerPosition returns the position of the program's code in the stack of the current
// thread.
func callerPosition() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if !ownFrame(f) {
			name := f.Function[strings.LastIndex(f.Function, "/")+1:]
			_, name, _ = strings.Cut(name, ".")
			return fmt.Sprintf(" %s:%d %s", filepath.Base(f.File), f.Line, name)
		}
		if !more {
			return ""
		}
	}
}

// ownFrame reports whether f is of the explorer. The programs in its tests are not.
func ownFrame(f runtime.Frame) bool {
	return strings.Contains(f.Function, "/model/mc.") && !strings.HasSuffix(f.File, "_test.go")
}
