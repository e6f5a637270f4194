package mc

import (
	"math/bits"
	"math/rand/v2"
)

// sample runs random executions until a limit of the world is reached. It returns the
// schedule of the one that failed, if one did.
func (x *explorer) sample(s Strategy) *schedule {
	if w := &x.m.World; w.MaxExecutions == 0 && w.MaxTime == 0 { // MaxStates is no limit here
		w.MaxExecutions = 10000
	}
	longest := 50
	var taken []choice
	for n := uint64(0); !x.enough(); n++ {
		rnd := rand.New(rand.NewPCG(s.seed, n)) // so that no execution depends on those before
		pick := func(options []choice) choice { return options[rnd.IntN(len(options))] }
		if s.kind == pct {
			pick = newPriorities(rnd, s.depth, longest).pick
		}
		ok, fair := x.take(pick, &taken)
		x.leave()
		longest = max(longest, x.m.steps)
		if !ok {
			return &schedule{steps: taken, fair: fair}
		}
	}
	return nil
}

// take runs one execution, of which pick chooses each step.
func (x *explorer) take(pick func([]choice) choice, taken *[]choice) (ok, fair bool) {
	*taken = (*taken)[:0]
	m := x.m
	m.begin()
	for m.failure == "" {
		if m.steps >= m.MaxSteps {
			return x.progress() && x.finish(), true
		}
		x.buf = m.options(x.buf[:0])
		if len(x.buf) == 0 {
			return x.finish(), false
		}
		c := pick(x.buf)
		*taken = append(*taken, c)
		m.step(c)
	}
	return false, false
}

// priorities schedules the actor with the highest priority. At some steps, chosen
// beforehand, it lowers the priority of that actor below all others.
type priorities struct {
	rnd    *rand.Rand
	of     map[choice]int
	change map[int]int // for some steps, the priority to which the actor's is lowered
	step   int
}

func newPriorities(rnd *rand.Rand, depth, steps int) *priorities {
	p := &priorities{rnd: rnd, of: map[choice]int{}, change: map[int]int{}}
	for low := 1; low < depth; low++ {
		p.change[rnd.IntN(steps)] = low
	}
	return p
}

func (p *priorities) pick(options []choice) choice {
	best := p.highest(options)
	if low, ok := p.change[p.step]; ok {
		p.of[best] = low
		best = p.highest(options)
	}
	p.step++
	n := 0
	for _, c := range options {
		if c.actor() == best {
			options[n] = c
			n++
		}
	}
	return options[p.rnd.IntN(n)]
}

func (p *priorities) highest(options []choice) choice {
	best := options[0].actor()
	for _, c := range options {
		if p.priority(c.actor()) > p.priority(best) {
			best = c.actor()
		}
	}
	return best
}

// priority returns the priority of an actor. At first it is random and higher than all
// lowered ones.
func (p *priorities) priority(actor choice) int {
	if _, ok := p.of[actor]; !ok {
		p.of[actor] = 1<<16 + p.rnd.IntN(1<<(bits.UintSize-18))
	}
	return p.of[actor]
}
