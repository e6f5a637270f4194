package mc

const noState = ^uint32(0)

// A stateSet is the graph of the states that have been visited.
type stateSet struct {
	index  []uint32 // hash table with open addressing: state+1, or 0; a power of two long
	hashes []uint64 // of each state
	first  []uint32 // for each state, the one from which it was reached first, ...
	by     []choice // ... and the step
	ends   []uint32 // states in which executions end
	edges  []edge   // all other steps
}

type edge struct{ from, to uint32 }

func newStateSet() *stateSet { return &stateSet{index: make([]uint32, 1<<10)} }

func (s *stateSet) len() int { return len(s.hashes) }

// add enters the state with hash h, to which the step by has led from another state. It
// returns the state's number, and whether it has been visited before.
func (s *stateSet) add(h uint64, from uint32, by choice) (state uint32, visited bool) {
	i := s.find(h)
	if s.index[i] != 0 {
		state = s.index[i] - 1
		s.edges = append(s.edges, edge{from, state})
		return state, true
	}
	state = uint32(len(s.hashes))
	s.index[i] = state + 1
	s.hashes = append(s.hashes, h)
	s.first = append(s.first, from)
	s.by = append(s.by, by)
	if 2*len(s.hashes) > len(s.index) {
		s.grow()
	}
	return state, false
}

// find returns the position in the index that has the hash or, if none has, is for it.
func (s *stateSet) find(h uint64) uint64 {
	mask := uint64(len(s.index) - 1)
	i := h & mask
	for s.index[i] != 0 && s.hashes[s.index[i]-1] != h {
		i = (i + 1) & mask
	}
	return i
}

func (s *stateSet) grow() {
	s.index = make([]uint32, 2*len(s.index))
	for n, h := range s.hashes {
		s.index[s.find(h)] = uint32(n) + 1
	}
}

// end records that executions end in a state.
func (s *stateSet) end(state uint32) { s.ends = append(s.ends, state) }

// trap returns a fair schedule to a state from which no execution ends, if there is one.
func (s *stateSet) trap() *schedule {
	ends := s.canEnd()
	for state := range ends {
		if !ends[state] {
			return s.scheduleTo(uint32(state))
		}
	}
	return nil
}

// canEnd reports for each state whether some execution ends from there.
func (s *stateSet) canEnd() []bool {
	first := make([]uint32, s.len()+1) // where the predecessors of each state begin in from
	s.eachEdge(func(_, to uint32) { first[to+1]++ })
	for i := 1; i < len(first); i++ {
		first[i] += first[i-1]
	}
	from := make([]uint32, first[s.len()])
	next := append([]uint32(nil), first...)
	s.eachEdge(func(f, to uint32) { from[next[to]] = f; next[to]++ })

	can := make([]bool, s.len())
	todo := append([]uint32(nil), s.ends...)
	for len(todo) > 0 {
		state := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !can[state] {
			can[state] = true
			todo = append(todo, from[first[state]:first[state+1]]...)
		}
	}
	return can
}

func (s *stateSet) eachEdge(f func(from, to uint32)) {
	for to, from := range s.first {
		if from != noState {
			f(from, uint32(to))
		}
	}
	for _, e := range s.edges {
		f(e.from, e.to)
	}
}

func (s *stateSet) scheduleTo(state uint32) *schedule {
	f := &schedule{fair: true}
	for ; s.first[state] != noState; state = s.first[state] {
		f.steps = append(f.steps, s.by[state])
	}
	for i, j := 0, len(f.steps)-1; i < j; i, j = i+1, j-1 {
		f.steps[i], f.steps[j] = f.steps[j], f.steps[i]
	}
	return f
}
