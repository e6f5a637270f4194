package mc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A choice is one step of a schedule: its kind (2 bits), the thread that does it (5
// bits), and which of its alternatives it takes (8 bits).
type choice uint16

const (
	stepRun   = iota // a thread performs its pending operation
	stepFlush        // the oldest entry of a thread's store buffer reaches memory
	stepTick         // time passes
)

const maxAlternatives = 256

func makeChoice(what, who, alt int) choice { return choice(what<<13 | who<<8 | alt) }

func (c choice) what() int { return int(c >> 13) }
func (c choice) who() int  { return int(c >> 8 & 31) }
func (c choice) alt() int  { return int(c & 255) }

// actor is the choice without its alternative.
func (c choice) actor() choice { return c &^ 255 }

// String returns the form that schedules are printed in: 1.2 is alternative 2 of thread
// 1's operation, f1 is a flush of its buffer, t0 is the first kind of tick.
func (c choice) String() string {
	switch {
	case c.what() == stepFlush:
		return fmt.Sprintf("f%d", c.who())
	case c.what() == stepTick:
		return fmt.Sprintf("t%d", c.alt())
	case c.alt() == 0:
		return strconv.Itoa(c.who())
	}
	return fmt.Sprintf("%d.%d", c.who(), c.alt())
}

// A schedule determines one execution. If it is fair, all threads take turns after its
// steps.
type schedule struct {
	steps []choice
	fair  bool
}

// String returns the steps, with repetitions as in 1*5, and a ~ at the end if the
// schedule is fair.
func (s schedule) String() string {
	var words []string
	for i := 0; i < len(s.steps); {
		n := 1
		for i+n < len(s.steps) && s.steps[i+n] == s.steps[i] {
			n++
		}
		word := s.steps[i].String()
		if n > 1 {
			word += "*" + strconv.Itoa(n)
		}
		words = append(words, word)
		i += n
	}
	if s.fair {
		words = append(words, "~")
	}
	return strings.Join(words, " ")
}

func parseSchedule(text string) (s schedule, err error) {
	for _, word := range strings.Fields(text) {
		if word == "~" {
			s.fair = true
			continue
		}
		c, n, err := parseStep(word)
		if err != nil || s.fair {
			return schedule{}, fmt.Errorf("schedule: %q is no step", word)
		}
		for range n {
			s.steps = append(s.steps, c)
		}
	}
	return s, nil
}

func parseStep(word string) (c choice, n int, err error) {
	n = 1
	if one, times, ok := strings.Cut(word, "*"); ok {
		if n, err = strconv.Atoi(times); err != nil || n < 1 || n > 1<<20 {
			return 0, 0, strconv.ErrRange
		}
		word = one
	}
	what, who, alt := stepRun, "0", "0"
	switch {
	case strings.HasPrefix(word, "f"):
		what, who = stepFlush, word[1:]
	case strings.HasPrefix(word, "t"):
		what, alt = stepTick, word[1:]
	default:
		var ok bool
		if who, alt, ok = strings.Cut(word, "."); !ok {
			alt = "0"
		}
	}
	w, err1 := strconv.ParseUint(who, 10, 5)
	a, err2 := strconv.ParseUint(alt, 10, 8)
	if err1 != nil || err2 != nil {
		return 0, 0, strconv.ErrSyntax
	}
	return makeChoice(what, int(w), int(a)), n, nil
}

// options appends to buf the steps that are possible next. Those of the thread that ran
// last come first, so that the search begins with executions of few switches.
func (m *machine) options(buf []choice) []choice {
	if t := m.chooser(); t != nil {
		return appendRun(buf, t)
	}
	first := len(buf)
	if t := m.insideAtomic(); t != nil {
		return appendRun(buf, t)
	}
	if m.last >= 0 {
		buf = appendRun(buf, m.threads[m.last])
	}
	for _, t := range m.threads {
		if t.id != m.last {
			buf = appendRun(buf, t)
		}
	}
	for _, t := range m.threads {
		if len(t.buf) > 0 {
			buf = append(buf, makeChoice(stepFlush, t.id, 0))
		}
	}
	switch {
	case len(m.Ticks) == 0 || !m.clockAwaited():
	case m.TicksDrain && m.buffered():
	case m.ticks < m.MaxTicks:
		for i := range m.Ticks {
			buf = append(buf, makeChoice(stepTick, 0, i))
		}
	case len(buf) == first && m.mayTick():
		buf = append(buf, m.lastTick())
	}
	return buf
}

// mayTick reports whether time may pass beyond MaxTicks, see TickWhenIdle.
func (m *machine) mayTick() bool {
	return m.TickWhenIdle && len(m.Ticks) > 0 && m.idleTicks < maxIdleTicks && !(m.TicksDrain && m.buffered())
}

func (m *machine) lastTick() choice { return makeChoice(stepTick, 0, len(m.Ticks)-1) }

// buffered reports whether a thread has stores in its buffer.
func (m *machine) buffered() bool {
	return slices.ContainsFunc(m.threads, func(t *thread) bool { return len(t.buf) > 0 })
}

// maxIdleTicks bounds the ticks beyond MaxTicks. A thread that still waits for the clock
// after so many waits for ever.
const maxIdleTicks = 32

// insideAtomic returns the thread that is in one of World.Atomic's functions, if it has
// made a step in it and does not wait.
func (m *machine) insideAtomic() *thread {
	if len(m.atomic) > 0 {
		for _, t := range m.threads {
			if t.inside && !t.done && t.op.kind != opBlock && t.op.kind != opPause {
				return t
			}
		}
	}
	return nil
}

// atomicFunctions reports for each id that Enter gets whether names has the function.
func atomicFunctions(names []string) []bool {
	if len(names) == 0 {
		return nil
	}
	atomic := make([]bool, len(sites)+1)
	for i := range sites {
		atomic[i] = slices.Contains(names, sites[i].Func)
	}
	return atomic
}

// chooser returns a thread that is about to Choose. Other threads do not observe when it
// does, so it goes first. Other orders would lead to the same states.
func (m *machine) chooser() *thread {
	for _, t := range m.threads {
		if !t.done && t.op.kind == opChoose {
			return t
		}
	}
	return nil
}

func appendRun(buf []choice, t *thread) []choice {
	if t.done || t.mustWait() {
		return buf
	}
	for alt := range t.alternatives() {
		buf = append(buf, makeChoice(stepRun, t.id, alt))
	}
	return buf
}

// mustWait reports whether t must not begin before the thread that it is the same as.
func (t *thread) mustWait() bool {
	same := t.m.prog.SameAs
	return t.m.Symmetric && same != nil && same[t.id] >= 0 && !t.m.threads[same[t.id]].begun
}

// follow performs the steps until one fails.
func (m *machine) follow(steps []choice) {
	for m.remaining = steps; len(m.remaining) > 0 && m.failure == ""; {
		m.step(m.nextRemaining())
	}
}

func (m *machine) nextRemaining() choice {
	c := m.remaining[0]
	m.remaining = m.remaining[1:]
	return c
}

// goesOn reports whether the next step of the schedule that is followed is t's, and if
// so begins it. This saves the switch to the machine and back.
func (m *machine) goesOn(t *thread) bool {
	if len(m.remaining) == 0 || m.remaining[0].actor() != makeChoice(stepRun, t.id, 0) {
		return false
	}
	t.alt = m.nextRemaining().alt()
	m.steps++
	return true
}

// step performs c, which must be one of the options.
func (m *machine) step(c choice) {
	m.steps++
	switch c.what() {
	case stepRun:
		t := m.threads[c.who()]
		if t.done {
			m.fail("the program is not deterministic: T%d has ended too early", t.id)
			return
		}
		t.alt = c.alt()
		t.begun = true
		m.last = t.id
		t.resume()
	case stepFlush:
		m.mem.flush(m.threads[c.who()])
	case stepTick:
		m.tick(m.Ticks[c.alt()])
	}
}

// An ending says how an execution ended.
type ending uint8

const (
	endedWell  ending = iota
	endedBadly        // with m.failure
	outOfTicks        // a thread waits for a time that must not come any more
)

// end checks an execution in which no step is possible any more.
func (m *machine) end() ending {
	if m.failure != "" {
		return endedBadly
	}
	if waiting := m.waiting(); waiting != "" {
		if !m.TickWhenIdle && m.MaxTicks > 0 && m.ticks == m.MaxTicks && m.clockAwaited() {
			return outOfTicks
		}
		m.fail("stuck: %s", waiting)
		return endedBadly
	}
	if m.prog.Final != nil {
		m.prog.Final()
	}
	if m.failure != "" {
		return endedBadly
	}
	return endedWell
}

// waiting lists the threads that have not ended, and what each waits for.
func (m *machine) waiting() string {
	var who []string
	for _, t := range m.threads {
		if !t.done {
			what := t.op.prim
			if what == "" {
				what = "a change"
			}
			who = append(who, fmt.Sprintf("T%d waits for %s%s", t.id, what, t.position))
		}
	}
	return strings.Join(who, ", ")
}
