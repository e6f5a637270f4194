package mc

import (
	"fmt"
	"time"
)

// A Strategy is a way to choose the executions that are run.
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

// Exhaustive runs an execution to each state that can be reached.
func Exhaustive() Strategy { return Strategy{kind: exhaustive, cache: true} }

// Stateless runs every execution, without the state cache: for small programs,
// to check Exhaustive against.
func Stateless() Strategy { return Strategy{kind: exhaustive} }

// Walk takes each step at random, until a limit of the world is reached, or
// after 10000 executions if it has none.
func Walk(seed uint64) Strategy { return Strategy{kind: walk, seed: seed} }

// PCT runs the thread of the highest priority, and lowers it at depth-1 random
// steps (Burckhardt and others, 2010). It ends as Walk does.
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

// A Result says what an exploration has found.
type Result struct {
	Program  string
	Memory   Model
	Strategy Strategy

	Executions int64
	Pruned     int64 // of them, ended early in a state already seen
	TooLong    int64 // ... ended only when continued fairly after World.MaxSteps
	OutOfTicks int64 // ... left a thread waiting for the clock
	Hurried    int64 // stores that made threads forget ones too old (RA; see the package's documentation)
	States     int64
	Steps      int64
	MaxDepth   int // of the longest execution, in steps
	Duration   time.Duration
	Complete   bool // all that the world allows has been seen

	Outcomes map[string]int64 // how often Program.Outcome has named each
	Failure  *Failure         // nil = none
}

// A Failure is an execution that went wrong.
type Failure struct {
	Message  string
	Schedule string // Replay takes it
	Trace    string // one line for each step
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
	if r.Hurried > 0 {
		line += fmt.Sprintf(", %d hurried", r.Hurried)
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
	x.r.Hurried = m.hurried
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

// finish judges an execution that has come to its end, and counts it. It
// returns false if it has failed.
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

// leave ends the execution.
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

// progress goes on fairly with an execution that is too long. It reports whether
// it ended at last; if not, it has failed.
func (x *explorer) progress() bool {
	if !x.m.continueFairly(&x.buf) {
		return false
	}
	x.r.TooLong++
	return true
}

// continueFairly lets everything happen in turn until the execution ends, for at
// most World.MaxSteps more. If it does not end then it has failed.
func (m *machine) continueFairly(buf *[]choice) bool {
	turn := choice(0)
	for n := 0; m.failure == ""; n++ {
		*buf = m.options((*buf)[:0])
		if len(*buf) == 0 {
			return true
		}
		if n == m.MaxSteps {
			m.fail("no progress: it goes on for ever, though every thread has its turns")
			break
		}
		turn = m.next(*buf, turn, n)
		m.step(turn)
	}
	return false
}

// next returns the option of the actor whose turn it is, after that of the last
// one. Loads read the newest message; a Choose takes each of its alternatives.
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

// after reports whether the turn of c comes before that of best, when it was
// last's before.
func after(c, last, best choice) bool {
	c, last, best = c.actor(), last.actor(), best.actor()
	if (c > last) != (best > last) {
		return c > last
	}
	return c < best
}
