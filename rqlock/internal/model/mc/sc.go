package mc

// sc is sequential consistency: one value for each location.
type sc struct{ m *machine }

func (s *sc) reset() {}

func (s *sc) loads(*thread, *location, Order) int          { return 1 }
func (s *sc) stores(*thread, *location, Order, uint64) int { return 1 }

// pauses reports that there is nothing new: write says when there is.
func (s *sc) pauses(*thread) int  { return 0 }
func (s *sc) resume(*thread, int) {}

func (s *sc) load(t *thread, l *location, o Order, _ int) uint64 {
	t.watch(l)
	if o.acquires() {
		t.view.know.join(&l.sync)
	}
	return l.v
}

func (s *sc) store(t *thread, l *location, v, mask uint64, o Order, _ int) {
	s.write(t, l, v, mask, o.releases(), &t.view.know)
}

// write stores v. A release lets acquire loads learn what its thread knew; a
// store to a part of the word leaves what the other part's has released.
func (s *sc) write(t *thread, l *location, v, mask uint64, releases bool, known *know) {
	if mask == ^uint64(0) {
		l.sync = know{}
	}
	if releases {
		l.sync.join(known)
	}
	s.assign(t, l, l.v&^mask|v&mask)
}

// assign changes the value, and lets all see it that have polled the old one.
func (s *sc) assign(t *thread, l *location, v uint64) {
	if v == l.v && !l.isDead() { // what a dead variable had makes no difference
		return
	}
	s.m.set(t, l, v)
	for who := l.watch &^ (1 << t.id); who != 0; who &= who - 1 {
		s.m.threads[trailingZeros(who)].fire()
	}
}

func (s *sc) updates(*thread, *location, Order) int { return 1 }

func (s *sc) newest(_ *thread, l *location) uint64 { return l.v }

func (s *sc) update(t *thread, l *location, v uint64, o Order) {
	t.watch(l)
	if o.acquires() {
		t.view.know.join(&l.sync)
	}
	if o.releases() { // else it goes on with the release sequence
		l.sync.join(&t.view.know)
	}
	s.assign(t, l, v)
}

func (s *sc) failed(t *thread, l *location) { t.watch(l) }

func (s *sc) plain(*thread, *location) bool { return true }

func (s *sc) overwritten(_ *thread, l *location) { l.sync = know{} }

func (s *sc) flush(*thread) {}

func (s *sc) forget(lo, hi int, mask *know) {
	for _, l := range s.m.touched {
		for i := lo; i <= hi; i++ {
			l.sync[i] &^= mask[i]
		}
	}
}

// hash adds up what differs from the state before the execution, so that it does
// not matter which locations have been touched.
func (s *sc) hash() uint64 {
	var h uint64
	for _, l := range s.m.touched {
		if l.isDead() {
			continue
		}
		if v := s.m.canonical(l, l.v); v != l.init && l.atomic {
			h += mix(uint64(l.id), v)
		}
		if k := l.sync.hash(); k != 0 {
			h += mix(uint64(l.id)+maxLocations, k)
		}
	}
	return h
}
