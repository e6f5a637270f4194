package mc

// A node is a state on the path that the depth-first search is on.
type node struct {
	first, n int // its options, in the explorer's stack of them
	at       int // the one that is being explored
	state    uint32
}

// A search is a depth-first search. It comes back to a state by running the
// program again from the start.
type search struct {
	*explorer
	path    []node
	taken   []choice  // on the path
	options []choice  // of all nodes on the path
	states  *stateSet // nil = no cache
}

// search explores all executions. It returns the one that failed, if one has.
func (x *explorer) search(cache bool) *schedule {
	s := &search{explorer: x}
	if cache {
		s.states = newStateSet()
	}
	for {
		ok := s.execute()
		x.leave()
		if !ok {
			return s.failed()
		}
		if !s.backtrack() {
			break
		}
		if x.enough() {
			return nil
		}
	}
	x.r.Complete = x.r.TooLong == 0
	if cache && x.r.Complete {
		return x.expand(s.states.trap())
	}
	return nil
}

// expand puts the forced steps back into a schedule.
func (x *explorer) expand(s *schedule) *schedule {
	if s == nil {
		return nil
	}
	m := x.m
	whole := &schedule{fair: s.fair}
	take := func(c choice) { whole.steps = append(whole.steps, c); m.step(c) }
	m.begin()
	defer m.abandon()
	for _, c := range s.steps {
		for x.buf = m.options(x.buf[:0]); m.forced(x.buf); x.buf = m.options(x.buf[:0]) {
			take(x.buf[0])
		}
		take(c)
	}
	return whole
}

// execute follows the path to its end and then the first option of each new
// state. It returns false if the execution has failed.
func (s *search) execute() bool {
	m := s.m
	m.begin()
	m.follow(s.taken) // fails only if the program is not deterministic
	for {
		if m.failure != "" {
			return false
		}
		if m.steps >= m.MaxSteps {
			return s.progress() && s.finish()
		}
		first := len(s.options)
		s.options = m.options(s.options)
		n := node{first: first, n: len(s.options) - first, state: noState}
		if !m.forced(s.options[first:]) {
			var seen bool
			if n.state, seen = s.visit(); seen {
				s.r.Pruned++
				s.options = s.options[:first]
				return true
			}
		}
		if n.n == 0 {
			if s.states != nil {
				s.states.end(n.state)
			}
			return s.finish()
		}
		s.path = append(s.path, n)
		s.taken = append(s.taken, s.options[first])
		m.step(s.options[first])
	}
}

// forced reports whether the options are the only step of a thread that is in an
// atomic function: such a state decides nothing, and is not looked up.
func (m *machine) forced(options []choice) bool { return len(options) == 1 && m.insideAtomic() != nil }

// visit looks up the state that the execution is in, and enters it.
func (s *search) visit() (state uint32, seen bool) {
	if s.states == nil {
		return 0, false
	}
	parent, by := noState, choice(0)
	for i := len(s.path) - 1; i >= 0 && parent == noState; i-- { // past forced steps
		parent, by = s.path[i].state, s.taken[i]
	}
	state, seen = s.states.add(s.m.hash(), parent, by)
	s.r.States = int64(s.states.len())
	return state, seen
}

// backtrack goes to the next option of the last node that has one left.
func (s *search) backtrack() bool {
	for len(s.path) > 0 {
		last := len(s.path) - 1
		top := &s.path[last]
		if top.at++; top.at < top.n {
			s.taken[last] = s.options[top.first+top.at]
			return true
		}
		s.options = s.options[:top.first]
		s.path, s.taken = s.path[:last], s.taken[:last]
	}
	return false
}

// failed returns the schedule of the execution that has just failed.
func (s *search) failed() *schedule {
	return &schedule{steps: s.taken, fair: s.m.steps > len(s.taken)}
}
