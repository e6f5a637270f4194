package torture

// An instance is one lock under torture, with the counters that it guards and the
// history of its grants.
type instance struct {
	Locker
	readers Locker // the lock as its readers use it, or nil
	counters
	history
	_ [64]byte
}

func newInstance(k Kind) *instance {
	l := &instance{Locker: k.New(), counters: new(plainCounters)}
	if k.Readers {
		l.readers = readLocker{l.Locker.(RWLocker)}
	}
	if _, ok := l.Locker.(busted); ok || k.broken {
		l.counters = new(hiddenCounters)
	}
	return l
}

// A method is a method of Locker that acquires the lock.
type method func(Locker) error

// A side is a lock as a goroutine holds it: for writing, as all do that hold a lock without
// readers, or for reading.
type side struct {
	*instance
	reads bool
}

func writing(l *instance) side { return side{l, false} }

// excludes reports whether two goroutines cannot hold these sides of one lock at a time.
func (s side) excludes(other side) bool { return !s.reads || !other.reads }

func (s side) locker() Locker {
	if s.reads {
		return s.readers
	}
	return s.Locker
}

// acquire acquires the lock, and returns how long that took.
func (s side) acquire(by method) (wait span, err error) {
	wait.from = nanotime()
	if err = by(s.locker()); err == nil {
		s.granted(wait.from, s.reads)
	}
	wait.to = nanotime()
	return wait, err
}

// release releases the lock.
func (s side) release() {
	granted := s.releasing(s.reads)
	s.locker().Unlock()
	s.released(granted)
}

// Counters are what a critical section changes. One is incremented when the section
// begins. The other is loaded then, and stored when the section ends. So of two
// sections that overlap one finds the first counter changed, or the second misses one.
// A reader finds both equal, and unchanged when its section ends.
type counters interface {
	enter() (a, b int64)
	leave(a, b int64) (alone bool)
	look() (a, b int64)
	sections() int64
}

// The counters are in lines of their own: a reader may see one of them change before the
// other.
type plainCounters struct {
	a int64
	_ [120]byte
	b int64
}

func (c *plainCounters) enter() (a, b int64) {
	c.a++
	return c.a, c.b
}

func (c *plainCounters) leave(a, b int64) (alone bool) {
	alone = c.a == a
	c.b = b + 1
	return alone
}

func (c *plainCounters) look() (a, b int64) { return c.a, c.b }

func (c *plainCounters) sections() int64 { return c.b }

// hiddenCounters are hidden from the race detector. The busted lock has them: it is to
// fail by its counters, in a build with the race detector too.
type hiddenCounters struct{ plainCounters }

//go:norace
func (c *hiddenCounters) enter() (a, b int64) {
	c.a++
	return c.a, c.b
}

//go:norace
func (c *hiddenCounters) leave(a, b int64) (alone bool) {
	alone = c.a == a
	c.b = b + 1
	return alone
}

//go:norace
func (c *hiddenCounters) look() (a, b int64) { return c.a, c.b }
