package mc

const noState = ^uint32(0)

// A stateSet holds the states that have been seen, and the steps between them.
type stateSet struct {
	index  []uint32 // open addressing: state+1, 0 = free; a power of two
	hashes []uint64 // of each state
	parent []uint32 // from where it was reached first
	by     []choice // and how
	ends   []uint32 // states in which executions end
	edges  []edge   // all other steps
}

type edge struct{ from, to uint32 }

func newStateSet() *stateSet { return &stateSet{index: make([]uint32, 1<<10)} }

func (s *stateSet) len() int { return len(s.hashes) }

// add enters the state with hash h, which a step has led to from parent. It
// returns its number and whether it was there before.
func (s *stateSet) add(h uint64, parent uint32, by choice) (state uint32, seen bool) {
	i := s.find(h)
	if s.index[i] != 0 {
		state = s.index[i] - 1
		s.edges = append(s.edges, edge{parent, state})
		return state, true
	}
	state = uint32(len(s.hashes))
	s.index[i] = state + 1
	s.hashes = append(s.hashes, h)
	s.parent = append(s.parent, parent)
	s.by = append(s.by, by)
	if 2*len(s.hashes) > len(s.index) {
		s.grow()
	}
	return state, false
}

// find returns where the hash is in the index, or belongs.
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

// end notes that executions end in a state.
func (s *stateSet) end(state uint32) { s.ends = append(s.ends, state) }

// trap returns the schedule to a state from which no execution ends, if there is
// one: going on fairly will show it.
func (s *stateSet) trap() *schedule {
	ends := s.canEnd()
	for state := range ends {
		if !ends[state] {
			return s.scheduleTo(uint32(state))
		}
	}
	return nil
}

// canEnd says for each state whether some execution ends from there.
func (s *stateSet) canEnd() []bool {
	first := make([]uint32, s.len()+1) // in from: where the predecessors of each state begin
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
	for to, from := range s.parent {
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
	for ; s.parent[state] != noState; state = s.parent[state] {
		f.steps = append(f.steps, s.by[state])
	}
	for i, j := 0, len(f.steps)-1; i < j; i, j = i+1, j-1 {
		f.steps[i], f.steps[j] = f.steps[j], f.steps[i]
	}
	return f
}
