package torture

// An instance is one lock under torture, with the counters that it guards and the
// history of its grants.
type instance struct {
	Locker
	counters
	history
	_ [64]byte
}

func newInstance(k Kind) *instance {
	l := &instance{Locker: k.New(), counters: new(plainCounters)}
	if _, ok := l.Locker.(busted); ok {
		l.counters = new(hiddenCounters)
	}
	return l
}

// A method is a method of Locker that acquires the lock.
type method func(Locker) error

// acquire acquires l, and returns how long that took.
func (l *instance) acquire(by method) (wait span, err error) {
	wait.from = nanotime()
	if err = by(l.Locker); err == nil {
		l.granted(wait.from)
	}
	wait.to = nanotime()
	return wait, err
}

// release releases l.
func (l *instance) release() {
	granted := l.releasing()
	l.Unlock()
	l.released(granted)
}

// Counters are what a critical section changes. One is incremented when the section
// begins. The other is loaded then, and stored when the section ends. So of two
// sections that overlap one finds the first counter changed, or the second misses one.
type counters interface {
	enter() (a, b int64)
	leave(a, b int64) (alone bool)
	sections() int64
}

type plainCounters struct{ a, b int64 }

func (c *plainCounters) enter() (a, b int64) {
	c.a++
	return c.a, c.b
}

func (c *plainCounters) leave(a, b int64) (alone bool) {
	alone = c.a == a
	c.b = b + 1
	return alone
}

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
