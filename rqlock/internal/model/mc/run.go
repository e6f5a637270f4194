package mc

import (
	"fmt"
	"time"
)

// A Strategy chooses the executions that are run.
type Strategy struct {
	kind  strategyKind
	cache bool
	seed  uint64
	depth int
}

type strategyKind uint8

const (
	exhaustive strategyKind = iota
	walk
	pct
)

// Exhaustive visits each state that can be reached.
func Exhaustive() Strategy { return Strategy{kind: exhaustive, cache: true} }

// Stateless runs every execution, without the state cache. Tests of small programs check
// Exhaustive against it.
func Stateless() Strategy { return Strategy{kind: exhaustive} }

// Walk chooses each step at random. It ends when a limit of the world is reached, or
// after 10000 executions if the world has none.
func Walk(seed uint64) Strategy { return Strategy{kind: walk, seed: seed} }

// PCT runs the thread with the highest priority, and lowers that priority at depth-1
// random steps (Burckhardt and others, ASPLOS 2010). It ends as Walk does.
func PCT(seed uint64, depth int) Strategy { return Strategy{kind: pct, seed: seed, depth: depth} }

func (s Strategy) String() string {
	switch {
	case s.kind == walk:
		return fmt.Sprintf("walk(seed %d)", s.seed)
	case s.kind == pct:
		return fmt.Sprintf("pct(seed %d, depth %d)", s.seed, s.depth)
	case s.cache:
		return "exhaustive"
	}
	return "stateless"
}

// A Result is what an exploration has found.
type Result struct {
	Program  string
	Memory   Model
	Strategy Strategy

	Executions int64
	Pruned     int64 // executions that ended early in a state visited before
	TooLong    int64 // executions that ended only when continued fairly after World.MaxSteps
	OutOfTicks int64 // executions that left a thread waiting for the clock
	Truncated  int64 // RA: stores that made threads forget messages that they could read
	States     int64
	Steps      int64
	MaxDepth   int // steps of the longest execution
	Duration   time.Duration
	Complete   bool // everything that the world allows has been explored

	Outcomes map[string]int64 // for each text from Program.Outcome, the number of executions
	Failure  *Failure         // nil if no execution failed
}

// A Failure is an execution that failed.
type Failure struct {
	Message  string
	Schedule string // for Replay
	Trace    string // a line for each step
	Steps    int
}

// String returns one line.
func (r Result) String() string {
	verdict := "ok"
	switch {
	case r.Failure != nil:
		verdict = "FAIL " + r.Failure.Message
	case !r.Complete:
		verdict = "ok so far"
	}
	secs := max(r.Duration.Seconds(), 1e-9)
	line := fmt.Sprintf("%s %v %v: %s; %d executions, %d states, %d steps, depth %d, %.2f s, %.2f M steps/s",
		r.Program, r.Memory, r.Strategy, verdict, r.Executions, r.States, r.Steps, r.MaxDepth, secs, float64(r.Steps)/secs/1e6)
	if r.TooLong > 0 {
		line += fmt.Sprintf(", %d cut", r.TooLong)
	}
	if r.OutOfTicks > 0 {
		line += fmt.Sprintf(", %d out of ticks", r.OutOfTicks)
	}
	if r.Truncated > 0 {
		line += fmt.Sprintf(", %d truncated", r.Truncated)
	}
	return line
}

// Run explores p with the given strategy. It stops at the first failure.
func (w World) Run(p *Program, s Strategy) Result {
	oneAt.Lock()
	defer oneAt.Unlock()
	m := newMachine(w, p)
	defer m.close()
	x := &explorer{m: m, start: time.Now()}
	x.r = Result{Program: p.Name, Memory: w.Memory, Strategy: s, Outcomes: map[string]int64{}}
	var failed *schedule
	if s.kind == exhaustive {
		failed = x.search(s.cache)
	} else {
		failed = x.sample(s)
	}
	x.r.Duration = time.Since(x.start)
	x.r.Truncated = m.truncated
	if failed != nil {
		x.r.Failure = m.explain(*failed)
	}
	return x.r
}

// An explorer is an exploration under way.
type explorer struct {
	m     *machine
	r     Result
	start time.Time
	buf   []choice
}

// finish counts an execution that has come to its end. It returns false if the
// execution failed.
func (x *explorer) finish() bool {
	switch x.m.end() {
	case endedBadly:
		return false
	case outOfTicks:
		x.r.OutOfTicks++
	case endedWell:
		if x.m.prog.Outcome != nil {
			x.r.Outcomes[x.m.prog.Outcome()]++
		}
	}
	return true
}

// leave counts the execution's steps and unwinds its threads.
func (x *explorer) leave() {
	x.r.Executions++
	x.r.Steps += int64(x.m.steps)
	x.r.MaxDepth = max(x.r.MaxDepth, x.m.steps)
	x.m.abandon()
}

// enough reports whether a limit of the world has been reached.
func (x *explorer) enough() bool {
	w := &x.m.World
	if w.Progress != nil && x.r.Executions&1023 == 0 {
		x.r.Duration = time.Since(x.start)
		w.Progress(x.r)
	}
	return w.MaxExecutions > 0 && x.r.Executions >= w.MaxExecutions ||
		w.MaxStates > 0 && x.r.States >= w.MaxStates ||
		w.MaxTime > 0 && x.r.Executions&63 == 0 && time.Since(x.start) > w.MaxTime
}

// progress continues an execution that is too long, with a fair scheduler. It reports
// whether the execution ended. If not, it failed.
func (x *explorer) progress() bool {
	if !x.m.continueFairly(&x.buf) {
		return false
	}
	x.r.TooLong++
	return true
}

// continueFairly takes steps of all actors in turn until the execution ends, but at most
// World.MaxSteps of them. If it has not ended then, it fails. The clock has its turns, too,
// and not only while nothing else can happen: threads that poll, and of which each round has
// the others poll again, would never see it go on.
func (m *machine) continueFairly(buf *[]choice) bool {
	turn, tickAt := choice(0), m.fairTick()
	m.polledAnew()
	for n := 0; m.failure == ""; n++ {
		*buf = m.options((*buf)[:0])
		if len(*buf) == 0 {
			return true
		}
		if n == m.MaxSteps {
			m.fail("no progress: the execution does not end, though the scheduler is fair")
			break
		}
		if n >= tickAt && m.mayTick() && m.chooser() == nil && m.insideAtomic() == nil && m.allPolled() {
			tickAt = n + m.fairTick()
			m.polledAnew()
			m.step(m.lastTick())
			continue
		}
		turn = m.next(*buf, turn, n)
		m.step(turn)
	}
	return false
}

// fairTick is after how many steps of a fair scheduler time passes: it may do so as often as in
// an execution that is idle, in the first half of the steps.
func (m *machine) fairTick() int { return max(1, m.MaxSteps/(2*maxIdleTicks)) }

// allPolled reports whether each thread waits, or has paused since the last polledAnew. While one
// goes round without a Pause, no time passes: so it is found as a lack of progress.
func (m *machine) allPolled() bool {
	for _, t := range m.threads {
		if !t.done && !t.polled && t.alternatives() > 0 {
			return false
		}
	}
	return true
}

func (m *machine) polledAnew() {
	for _, t := range m.threads {
		t.polled = false
	}
}

// next returns the option of the actor whose turn follows that of the last one. Loads
// read the newest message. A Choose returns each of its alternatives in turn.
func (m *machine) next(options []choice, last choice, n int) choice {
	best := options[0]
	for _, c := range options {
		if c.alt() == 0 || c.what() == stepTick {
			if after(c, last, best) {
				best = c
			}
		}
	}
	if t := m.chooser(); t != nil {
		return makeChoice(stepRun, t.id, n/(len(m.threads)+1)%t.op.n)
	}
	return best
}

// after reports whether, after the turn of last, that of c comes before that of best.
func after(c, last, best choice) bool {
	c, last, best = c.actor(), last.actor(), best.actor()
	if (c > last) != (best > last) {
		return c > last
	}
	return c < best
}
