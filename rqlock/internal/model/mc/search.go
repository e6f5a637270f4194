package mc

// A node is a state on the current path of the depth-first search.
type node struct {
	first, n int // its options are search.options[first:first+n]
	at       int // the option that is being explored
	state    uint32
}

// A search is a depth-first search. It returns to a state on its path by running the
// program again from the start.
type search struct {
	*explorer
	path    []node
	taken   []choice  // the steps of the path
	options []choice  // of all nodes of the path
	states  *stateSet // nil if there is no cache
}

// search explores all executions. It returns the schedule of one that failed, if one
// did.
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

// expand inserts the forced steps into a schedule.
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

// execute follows the path to its end, and from there the first option of each new
// state. It returns false if the execution failed.
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
			var visited bool
			if n.state, visited = s.visit(); visited {
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

// forced reports whether the only option is a step of a thread that is in an atomic
// function. Such a state leaves no choice, and is not entered in the cache.
func (m *machine) forced(options []choice) bool { return len(options) == 1 && m.insideAtomic() != nil }

// visit enters the state that the execution is in into the cache, and reports whether
// the cache had it.
func (s *search) visit() (state uint32, visited bool) {
	if s.states == nil {
		return 0, false
	}
	from, by := noState, choice(0)
	for i := len(s.path) - 1; i >= 0 && from == noState; i-- { // skip forced steps
		from, by = s.path[i].state, s.taken[i]
	}
	state, visited = s.states.add(s.m.hash(), from, by)
	s.r.States = int64(s.states.len())
	return state, visited
}

// backtrack advances to the next option of the last node that has one left.
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

// failed returns the schedule of the execution that has failed.
func (s *search) failed() *schedule {
	return &schedule{steps: s.taken, fair: s.m.steps > len(s.taken)}
}
