package mc

// tso is total store order: SC with a first-in first-out store buffer for each thread.
// Flushes are steps of their own.
type tso struct{ sc }

// An entry is a store in a buffer.
type entry struct {
	loc      *location
	v, mask  uint64
	releases bool
	before   accessSet // if it is a release: the accesses that happen before it
}

// load reads the thread's own buffer first.
func (s *tso) load(t *thread, l *location, o Order, alt int) uint64 {
	v := s.sc.load(t, l, o, alt)
	for i := range t.buf {
		if e := &t.buf[i]; e.loc == l {
			v = v&^e.mask | e.v
		}
	}
	return v
}

func (s *tso) store(t *thread, l *location, v, mask uint64, o Order, _ int) {
	e := entry{loc: l, v: v, mask: mask, releases: o.releases()}
	if e.releases {
		e.before = t.view.before
	}
	t.buf = append(t.buf, e)
	if o == SeqCst {
		s.drain(t)
	}
}

// newest flushes the buffer before a read-modify-write.
func (s *tso) newest(t *thread, l *location) uint64 {
	if t.op.kind == opUpdate {
		s.drain(t)
	}
	return l.v
}

// readsNewest flushes the buffer if it has a store to l, so that a plain read of *p
// reads the thread's own store.
func (s *tso) readsNewest(t *thread, l *location) bool {
	for i := range t.buf {
		if t.buf[i].loc == l {
			s.drain(t)
			break
		}
	}
	return true
}

func (s *tso) drain(t *thread) {
	for len(t.buf) > 0 {
		s.flush(t)
	}
}

func (s *tso) flush(t *thread) {
	e := t.buf[0]
	t.buf = t.buf[:copy(t.buf, t.buf[1:])]
	for _, other := range s.m.threads {
		if n := &other.draining[t.id]; *n > 0 {
			*n--
		}
	}
	old := e.loc.v
	s.write(t, e.loc, e.v, e.mask, e.releases, &e.before)
	if s.m.tracing {
		s.m.traceFlush(t, e.loc, old)
	}
}

func (s *tso) forget(lo, hi int, mask *accessSet) {
	s.sc.forget(lo, hi, mask)
	for _, t := range s.m.threads {
		for n := range t.buf {
			for i := lo; i <= hi; i++ {
				t.buf[n].before[i] &^= mask[i]
			}
		}
	}
}

func (s *tso) hash() uint64 {
	h := s.sc.hash()
	for _, t := range s.m.threads {
		for i := range t.buf {
			e := &t.buf[i]
			h = mix(h, uint64(t.id)<<32|uint64(e.loc.id))
			h = mix(mix(h, s.m.canonical(e.loc, e.v)), e.mask)
			if e.releases {
				h = mix(h, e.before.hash()+1)
			}
		}
	}
	return h
}
