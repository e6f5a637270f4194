package mc

// tso is total store order: SC, and a first-in first-out store buffer for each
// thread. Its flushes are steps of their own.
type tso struct{ sc }

// An entry is a store that has not reached memory.
type entry struct {
	loc      *location
	v, mask  uint64
	releases bool
	known    know // if it releases
}

// load takes from the thread's own buffer what it has there.
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
		e.known = t.view.know
	}
	t.buf = append(t.buf, e)
	if o == SeqCst {
		s.drain(t)
	}
}

// newest is for read-modify-writes, which wait for the buffer.
func (s *tso) newest(t *thread, l *location) uint64 {
	if t.op.kind == opUpdate {
		s.drain(t)
	}
	return l.v
}

// plain lets the thread read its own store in *p: it must have left the buffer.
func (s *tso) plain(t *thread, l *location) bool {
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
	old := e.loc.v
	s.write(t, e.loc, e.v, e.mask, e.releases, &e.known)
	if s.m.tracing {
		s.m.traceFlush(t, e.loc, old)
	}
}

func (s *tso) forget(lo, hi int, mask *know) {
	s.sc.forget(lo, hi, mask)
	for _, t := range s.m.threads {
		for n := range t.buf {
			for i := lo; i <= hi; i++ {
				t.buf[n].known[i] &^= mask[i]
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
				h = mix(h, e.known.hash()+1)
			}
		}
	}
	return h
}
