package mc

// sc is a sequentially consistent memory. Each location has one value.
type sc struct{ m *machine }

func (s *sc) reset() {}

func (s *sc) loads(*thread, *location, Order) int          { return 1 }
func (s *sc) stores(*thread, *location, Order, uint64) int { return 1 }

// pauses returns 0 as write wakes the threads whose Pause ends.
func (s *sc) pauses(*thread) int  { return 0 }
func (s *sc) resume(*thread, int) {}

func (s *sc) load(t *thread, l *location, o Order, _ int) uint64 {
	t.watch(l)
	if o.acquires() {
		t.view.before.join(&l.sync)
	}
	return l.v
}

func (s *sc) store(t *thread, l *location, v, mask uint64, o Order, _ int) {
	s.write(t, l, v, mask, o.releases(), &t.view.before)
}

// write stores v. If it is a release, the accesses in before happen before the return of
// a load that acquires it. A store to a part of the word keeps what a store to another
// part has released.
func (s *sc) write(t *thread, l *location, v, mask uint64, releases bool, before *accessSet) {
	if mask == ^uint64(0) {
		l.sync = accessSet{}
	}
	if releases {
		l.sync.join(before)
	}
	s.assign(t, l, l.v&^mask|v&mask)
}

// assign changes the value, and wakes the threads that have read the old one.
func (s *sc) assign(t *thread, l *location, v uint64) {
	if v == l.v && !l.isDead() { // a dead variable's value is not part of the state
		return
	}
	s.m.set(t, l, v)
	for who := l.watch &^ (1 << t.id); who != 0; who &= who - 1 {
		s.m.threads[trailingZeros(who)].wakeUp()
	}
}

func (s *sc) updates(*thread, *location, Order) int { return 1 }

func (s *sc) newest(_ *thread, l *location) uint64 { return l.v }

func (s *sc) update(t *thread, l *location, v uint64, o Order) {
	t.watch(l)
	if o.acquires() {
		t.view.before.join(&l.sync)
	}
	if o.releases() { // otherwise it continues the release sequence
		l.sync.join(&t.view.before)
	}
	s.assign(t, l, v)
}

func (s *sc) failedUpdate(t *thread, l *location) { t.watch(l) }

func (s *sc) readsNewest(*thread, *location) bool { return true }

func (s *sc) plainWrite(_ *thread, l *location) { l.sync = accessSet{} }

func (s *sc) flush(*thread) {}

func (s *sc) forget(lo, hi int, mask *accessSet) {
	for _, l := range s.m.touched {
		for i := lo; i <= hi; i++ {
			l.sync[i] &^= mask[i]
		}
	}
}

// hash adds up what differs from the state before the execution. Locations that have
// been accessed but have not changed do not matter.
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
