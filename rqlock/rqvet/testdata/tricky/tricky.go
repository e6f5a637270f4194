// Package tricky is right: the analyzer must report nothing in it.
package tricky

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

type box struct {
	mu      rqlock.Mutex
	n       int
	locked  bool
	next    *box
	parts   []part
	byName  map[string]*part
	current *part
}

type part struct {
	mu rqlock.Mutex
	n  int
}

// 1. A helper locks for its caller, and another one unlocks.
func (b *box) lock() error {
	if err := b.mu.Lock(); err != nil {
		return fmt.Errorf("box: %w", err)
	}
	b.locked = true
	return nil
}

func (b *box) unlock() {
	b.locked = false
	b.mu.Unlock()
}

func throughHelpers(b *box) error {
	if err := b.lock(); err != nil {
		return err
	}
	defer b.unlock()
	b.n++
	return nil
}

// 2. The same through two helpers, with a bool instead of an error.
func (b *box) tryLock() bool { return b.lock() == nil }

func throughBool(b *box) int {
	if !b.tryLock() {
		return 0
	}
	n := b.n
	b.unlock()
	return n
}

// 3. A parameter decides whether to lock, and whether to unlock.
func conditional(b *box, lock bool) error {
	if lock {
		if err := b.mu.Lock(); err != nil {
			return err
		}
	}
	b.n++
	if lock {
		b.mu.Unlock()
	}
	return nil
}

// 4. The same with a deferred call.
func conditionalDefer(b *box, lock bool) error {
	if lock {
		if err := b.mu.Lock(); err != nil {
			return err
		}
		defer b.mu.Unlock()
	}
	b.n++
	return nil
}

// 5. A flag says whether the lock is held.
func flagged(b *box) error {
	held := false
	if b.n > 0 {
		if err := b.mu.Lock(); err != nil {
			return err
		}
		held = true
	}
	b.n++
	if held {
		b.mu.Unlock()
	}
	return nil
}

// 6. A deferred closure tests the flag.
func flaggedDefer(b *box) (err error) {
	held := false
	defer func() {
		if held {
			b.mu.Unlock()
		}
	}()
	if err = b.mu.Lock(); err != nil {
		return err
	}
	held = true
	b.n++
	return nil
}

// 7. A deferred closure tests the named result.
func namedResult(b *box) (err error) {
	err = b.mu.Lock()
	if err != nil {
		return
	}
	defer func() {
		b.mu.Unlock()
		if err != nil {
			err = fmt.Errorf("box: %w", err)
		}
	}()
	if b.n < 0 {
		err = errors.New("negative")
		return
	}
	b.n++
	return
}

// 8. A loop tries again.
func retry(b *box) error {
	var err error
	for range 3 {
		if err = b.mu.LockTimeout(time.Millisecond); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	b.n++
	b.mu.Unlock()
	return nil
}

func retryOld(b *box) error {
	var err error
	for i := 0; i < 3; i++ {
		if err = b.mu.LockTimeout(time.Millisecond); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	b.n++
	b.mu.Unlock()
	return nil
}

// 9. A loop tries until it succeeds.
func spin(b *box) {
	for !b.mu.TryLock() {
		time.Sleep(time.Millisecond)
	}
	b.n++
	b.mu.Unlock()
}

// 10. Each iteration has a lock, and unlocks before continue and break.
func iterations(bs []*box) (sum int) {
	for _, b := range bs {
		if b.mu.Lock() != nil {
			continue
		}
		if b.n == 0 {
			b.mu.Unlock()
			break
		}
		sum += b.n
		b.mu.Unlock()
	}
	return sum
}

// 11. All elements are locked, and unlocked afterwards or after a failure.
func (b *box) lockParts() error {
	for i := range b.parts {
		if err := b.parts[i].mu.Lock(); err != nil {
			for i--; i >= 0; i-- {
				b.parts[i].mu.Unlock()
			}
			return err
		}
	}
	return nil
}

func (b *box) unlockParts() {
	for i := range b.parts {
		b.parts[i].mu.Unlock()
	}
}

func allParts(b *box) error {
	if err := b.lockParts(); err != nil {
		return err
	}
	defer b.unlockParts()
	b.n++
	return nil
}

// 12. Hand-over-hand locking along a list.
func walk(b *box) (int, error) {
	if err := b.mu.Lock(); err != nil {
		return 0, err
	}
	for b.next != nil {
		next := b.next
		if err := next.mu.Lock(); err != nil {
			b.mu.Unlock()
			return 0, err
		}
		b.mu.Unlock()
		b = next
	}
	n := b.n
	b.mu.Unlock()
	return n, nil
}

// 13. A closure runs with the lock held.
func (b *box) with(f func(*box) error) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	return f(b)
}

func useWith(b *box) error {
	return b.with(func(b *box) error {
		b.n++
		return nil
	})
}

// 14. A closure is called at once, and another one from a variable.
func closures(b *box) error {
	if err := func() error { return b.mu.Lock() }(); err != nil {
		return err
	}
	unlock := func() { b.mu.Unlock() }
	if b.n == 0 {
		unlock()
		return nil
	}
	b.n++
	unlock()
	return nil
}

// 15. The caller gets a function that unlocks.
func (b *box) acquire() (release func(), err error) {
	if err := b.mu.Lock(); err != nil {
		return nil, err
	}
	return func() { b.mu.Unlock() }, nil
}

func useRelease(b *box) error {
	release, err := b.acquire()
	if err != nil {
		return err
	}
	defer release()
	b.n++
	return nil
}

// 16. Another function gets the method value.
func cleanup(t *testing.T, b *box) {
	if err := b.mu.Lock(); err != nil {
		t.Fatal(err)
	}
	if b.n == 0 {
		b.mu.Unlock()
		return
	}
	t.Cleanup(b.mu.Unlock)
	b.n++
}

// 17. A type and a function are generic.
type guarded[T any] struct {
	mu rqlock.Mutex
	v  T
}

func (g *guarded[T]) do(f func(*T)) error {
	if err := g.mu.Lock(); err != nil {
		return err
	}
	defer g.mu.Unlock()
	f(&g.v)
	return nil
}

func lockAll[T any](gs ...*guarded[T]) error {
	for i, g := range gs {
		if err := g.mu.Lock(); err != nil {
			for _, g := range gs[:i] {
				g.mu.Unlock()
			}
			return err
		}
	}
	return nil
}

// 18. A lock is embedded.
type embedding struct {
	rqlock.Mutex
	n int
}

func embedded(e *embedding) error {
	if err := e.Lock(); err != nil {
		return err
	}
	defer e.Unlock()
	e.n++
	return nil
}

// 19. A helper checks the error, and panics.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func checkedElsewhere(b *box) {
	must(b.mu.Lock())
	b.n++
	b.mu.Unlock()
}

// 20. log.Fatal does not return, nor does a test's.
func fatal(b *box) {
	if err := b.mu.Lock(); err != nil {
		log.Fatal(err)
	}
	b.n++
	b.mu.Unlock()
}

func fatalTest(t testing.TB, b *box) {
	if err := b.mu.Lock(); err != nil {
		t.Fatal(err)
	}
	if b.n == 0 {
		t.Skip("empty")
	}
	b.mu.Unlock()
}

// 21. A switch tests the kinds of failure.
func switched(b *box, ctx context.Context) error {
	switch err := b.mu.LockContext(ctx); {
	case err == nil:
	case errors.Is(err, rqlock.ErrDeadlock):
		return errors.New("deadlock")
	default:
		return err
	}
	defer b.mu.Unlock()
	b.n++
	return nil
}

// 22. errors.As tells success from failure, too.
func as(b *box) error {
	err := b.mu.Lock()
	var dead *rqlock.DeadlockError
	if errors.As(err, &dead) {
		return dead
	}
	if err != nil {
		return err
	}
	b.mu.Unlock()
	return nil
}

// 23. The lock is released for a while, and acquired again.
func yields(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	for b.n == 0 {
		b.mu.Unlock()
		time.Sleep(time.Millisecond)
		if err := b.mu.Lock(); err != nil {
			return err
		}
	}
	b.n--
	b.mu.Unlock()
	return nil
}

// 24. A helper releases for a while what its caller holds.
func (b *box) pause() error {
	b.mu.Unlock()
	time.Sleep(time.Millisecond)
	return b.mu.Lock()
}

// 25. Goroutines lock for themselves.
func workers(b *box) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := b.mu.Lock(); err != nil {
				log.Print(err)
				return
			}
			defer b.mu.Unlock()
			b.n++
		})
	}
	wg.Wait()
}

// 26. Two objects of one type are locked.
func move(from, to *box) error {
	if err := from.mu.Lock(); err != nil {
		return err
	}
	defer from.mu.Unlock()
	if err := to.mu.Lock(); err != nil {
		return err
	}
	defer to.mu.Unlock()
	from.n, to.n = to.n, from.n
	return nil
}

// 27. A lookup returns the object locked.
func (b *box) find(name string) (*part, error) {
	p := b.byName[name]
	if p == nil {
		return nil, errors.New("none")
	}
	if err := p.mu.Lock(); err != nil {
		return nil, err
	}
	return p, nil
}

// 28. A field points to another object than before.
func (b *box) rotate() { b.current = &b.parts[b.n%len(b.parts)] }

func rotated(b *box) error {
	if err := b.current.mu.Lock(); err != nil {
		return err
	}
	old := b.current
	defer old.mu.Unlock()
	b.rotate()
	if err := b.current.mu.Lock(); err != nil {
		return err
	}
	b.current.mu.Unlock()
	return nil
}

// 29. Errors are collected, and checked together.
func collected(b, c *box) error {
	errs := []error{b.mu.Lock(), c.mu.Lock()}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.mu.Unlock()
	c.mu.Unlock()
	return nil
}

// 30. A lock is behind an interface.
type locker interface {
	Lock() error
	Unlock()
}

func behind(l locker) error {
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Unlock()
	return nil
}

// 31. A panic runs the deferred unlock.
func panics(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	if b.n < 0 {
		panic("negative")
	}
	return nil
}

// 32. Either result of TryLock is returned.
func both(b *box) (ok bool) {
	ok = b.mu.TryLock()
	if ok {
		b.n++
	}
	defer func() {
		if ok {
			b.mu.Unlock()
		}
	}()
	return ok
}

// 33. A goto leaves the section.
func jumps(b *box) (err error) {
	if err = b.mu.Lock(); err != nil {
		goto out
	}
	if b.n == 0 {
		goto unlock
	}
	b.n++
unlock:
	b.mu.Unlock()
out:
	return err
}

// 34. A pinned acquisition and another one are each released by the right method.
func pinnedOrNot(b *box, short bool) error {
	if short {
		if err := b.mu.LockPinned(); err != nil {
			return err
		}
		b.n++
		b.mu.UnlockPinned()
		return nil
	}
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.n++
	b.mu.Unlock()
	return nil
}

// 35. A parameter of the helper decides, and the caller knows.
func (b *box) addLocked(n int, locked bool) error {
	if !locked {
		if err := b.mu.Lock(); err != nil {
			return err
		}
		defer b.mu.Unlock()
	}
	b.n += n
	return nil
}

func knows(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	return b.addLocked(1, true)
}

// 36. Each iteration has a lock of its own.
func fresh() error {
	for range 3 {
		var l rqlock.Mutex
		if err := l.Lock(); err != nil {
			return err
		}
		l.Unlock()
	}
	return nil
}

// 37. A constructor returns its object locked.
func newLockedPart() (*part, error) {
	p := new(part)
	if err := p.mu.Lock(); err != nil {
		return nil, err
	}
	return p, nil
}

// 38. The error travels through another variable and a struct.
type outcome struct{ err error }

func travels(b *box) error {
	first := b.mu.Lock()
	second := first
	o := outcome{second}
	if o.err != nil {
		return o.err
	}
	b.mu.Unlock()
	return nil
}

// 39. A deferred call unlocks all that was locked.
func stack(bs []*box) error {
	var undo []func()
	defer func() {
		for _, f := range undo {
			f()
		}
	}()
	for _, b := range bs {
		if err := b.mu.Lock(); err != nil {
			return err
		}
		undo = append(undo, b.mu.Unlock)
	}
	return nil
}

// 40. A recursive function locks one object after another.
func depth(b *box) (int, error) {
	if b == nil {
		return 0, nil
	}
	if err := b.mu.Lock(); err != nil {
		return 0, err
	}
	defer b.mu.Unlock()
	n, err := depth(b.next)
	return n + 1, err
}

// 41. Some elements are locked, and the same ones unlocked.
func some(b *box, which uint) error {
	for i := range b.parts {
		if which>>i&1 != 0 {
			must(b.parts[i].mu.Lock())
		}
	}
	b.n++
	for i := range b.parts {
		if which>>i&1 != 0 {
			b.parts[i].mu.Unlock()
		}
	}
	return nil
}

// 42. The same in a goroutine, which begins with nothing held.
func someInGoroutine(b *box, n int) {
	go func() {
		for i := range n {
			must(b.parts[i].mu.Lock())
		}
		for i := range n {
			if b.parts[i].n >= 0 {
				b.parts[i].mu.Unlock()
			}
		}
	}()
}

// 43. A helper releases for a while, on some paths, what its caller holds.
func (b *box) settle() {
	if b.n == 0 {
		return
	}
	b.mu.Unlock()
	time.Sleep(time.Millisecond)
	must(b.mu.Lock())
}

// 44. If pause fails, its caller does not hold the lock.
func usesPause(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if err := b.pause(); err != nil {
		return err
	}
	b.settle()
	b.mu.Unlock()
	return nil
}

// 45. The caller unlocks through the transaction that is returned.
type ledger struct {
	mu rqlock.Mutex
	n  int
}

type entry struct{ l *ledger }

func (l *ledger) entry() (*entry, error) {
	if err := l.mu.Lock(); err != nil {
		return nil, err
	}
	return &entry{l}, nil
}

func (e *entry) close() { e.l.mu.Unlock() }

func transact(l *ledger, f func(*entry) error) error {
	e, err := l.entry()
	if err != nil {
		return err
	}
	if l.n == 0 {
		e.close()
		return nil
	}
	return f(e)
}

// 46. One object has two names.
func twoNames(l *ledger, e *entry) error {
	if err := l.mu.Lock(); err != nil {
		return err
	}
	l.n++
	e.l.mu.Unlock()
	return nil
}

// 47. A helper locks although its name does not say so.
type drawer struct {
	mu rqlock.Mutex
	n  int
}

func (d *drawer) prepare() error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	d.n++
	return nil
}

func usePrepare(d *drawer) error {
	if err := d.prepare(); err != nil {
		return err
	}
	d.mu.Unlock()
	return nil
}

// 48. The same depends on a condition that the caller knows.
type cabinet struct {
	mu rqlock.Mutex
	n  int
}

func (c *cabinet) prepareIf(need bool) error {
	if need {
		return c.mu.Lock()
	}
	return nil
}

func usePrepareIf(c *cabinet, need bool) error {
	if err := c.prepareIf(need); err != nil {
		return err
	}
	c.n++
	if need {
		c.mu.Unlock()
	}
	return nil
}

// 49. Another function gets the lock, the unlock or the error.
func later(b *box, run func(func())) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if b.n == 0 {
		b.mu.Unlock()
		return nil
	}
	run(func() { b.mu.Unlock() })
	return nil
}

type desk struct{ mu rqlock.Mutex }

func give(d *desk, f func(*rqlock.Mutex)) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	f(&d.mu)
	return nil
}

func checkedByParameter(b *box, check func(error)) {
	check(b.mu.Lock())
	b.n++
	b.mu.Unlock()
}

func appended(b *box) error {
	var errs []error
	errs = append(errs, b.mu.Lock())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.mu.Unlock()
	return nil
}

// 50. A call through an interface may be of one of the package's methods.
type shelf struct {
	mu rqlock.Mutex
	n  int
}

type finisher interface{ finish(*shelf) }

type unlocks struct{}

func (unlocks) finish(s *shelf) { s.mu.Unlock() }

func throughInterface(s *shelf, f finisher) error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	if s.n == 0 {
		s.mu.Unlock()
		return nil
	}
	f.finish(s)
	return nil
}

// 51. A function of any name returns an object that it has made and locked.
type ticket struct {
	mu rqlock.Mutex
	n  int
}

func printed() (*ticket, error) {
	t := &ticket{n: 1}
	if err := t.mu.Lock(); err != nil {
		return nil, err
	}
	return t, nil
}

// 52. A closure changes a captured variable.
func switchesObject(b, c *box, run func(func())) error {
	x := b
	if err := x.mu.Lock(); err != nil {
		return err
	}
	run(func() {
		x.mu.Unlock()
		x = c
		must(x.mu.Lock())
	})
	x.mu.Unlock()
	return nil
}

// 53. A closure calls another closure of the same function.
func mutual(b *box, after func(func())) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	done := func() { b.mu.Unlock() }
	if b.n == 0 {
		done()
		return nil
	}
	after(func() {
		must(b.mu.Lock())
		if b.n == 1 {
			done()
			return
		}
		b.mu.Unlock()
	})
	b.mu.Unlock()
	return nil
}

// 54. A goroutine locks and unlocks by helpers.
func helperInGoroutine(b *box) {
	go func() {
		if b.lock() != nil {
			return
		}
		defer b.unlock()
		b.n++
	}()
}

// 55. Pointers depend on many conditions before the lock.
func manyConditions(b *box, flags [8]bool) (int, error) {
	p, q, r := b, b, b
	if flags[0] {
		p = b.next
	}
	if flags[1] {
		q = b.next
	}
	if flags[2] {
		r = q.next
	}
	if flags[3] {
		q = r.next
	}
	if flags[4] {
		p = q.next
	}
	if err := b.mu.Lock(); err != nil {
		return 0, err
	}
	n := p.n + q.n + r.n
	b.mu.Unlock()
	if err := p.mu.Lock(); err != nil {
		return 0, err
	}
	n += p.n
	p.mu.Unlock()
	return n, nil
}

// 56. The same with the lock held, and one of the pointers may be to its object.
func mayBeHeld(b, c *box, flags [8]bool) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	p, q, r := b, b, b
	if flags[0] {
		q = b.next
	}
	if flags[1] {
		r = b.next
	}
	if flags[2] {
		r = q.next
	}
	if flags[3] {
		q = r.next
	}
	if flags[4] {
		b.mu.Unlock()
		p = c
		must(c.mu.Lock())
	}
	p.n = q.n + r.n
	p.mu.Unlock()
	return nil
}

// 57. A function that was given a closure may have changed a variable.
func reassigned(b, c *box, run func(func())) error {
	x := b
	run(func() { x = c })
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	if err := x.mu.Lock(); err != nil {
		return err
	}
	x.mu.Unlock()
	return nil
}

// 58. A helper returns two results, one of them the error.
func (b *box) fetch() (int, error) {
	if err := b.mu.Lock(); err != nil {
		return 0, err
	}
	return b.n, nil
}

func fetched(b *box) error {
	n, err := b.fetch()
	if err != nil {
		return err
	}
	b.n = n + 1
	b.mu.Unlock()
	return nil
}

func (b *box) peek() (n int, ok bool) {
	if !b.mu.TryLock() {
		return 0, false
	}
	return b.n, true
}

func peeked(b *box) {
	if n, ok := b.peek(); ok {
		b.n = n + 1
		b.mu.Unlock()
	}
}

// 59. The kind of the error is tested first.
func kindFirst(b *box) error {
	switch err := b.mu.Lock().(type) {
	case *rqlock.DeadlockError:
		return err
	case nil:
		b.mu.Unlock()
		return nil
	default:
		return err
	}
}

func asserted(b *box) error {
	err := b.mu.Lock()
	if dead, ok := err.(*rqlock.DeadlockError); ok {
		return dead
	}
	if err != nil {
		return err
	}
	b.mu.Unlock()
	return nil
}

// 60. A helper changes the flag that was set, or tested, here.
func (b *box) note()   { b.locked = true }
func (b *box) unnote() { b.locked = false }

func flagCleared(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.locked = true
	if b.n > 0 {
		b.unlock()
	}
	if b.locked {
		b.unlock()
	}
	return nil
}

func flagSet(b *box) error {
	if b.locked {
		b.unnote()
	}
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.note()
	if b.locked {
		b.mu.Unlock()
	}
	return nil
}

type noter interface{ note() }

func flagByInterface(b *box, n noter) error {
	b.locked = false
	n.note()
	if b.locked {
		return nil
	}
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.mu.Unlock()
	return nil
}

// A helper sets what was nil.
type lazy struct{ mu *rqlock.Mutex }

func (l *lazy) create() { l.mu = new(rqlock.Mutex) }

func created(l *lazy) error {
	l.mu = nil
	l.create()
	if err := l.mu.Lock(); err != nil {
		return err
	}
	l.mu.Unlock()
	return nil
}

// 61. One condition is written as two opposite ones.
func opposite(b *box, n int) error {
	if n > 0 {
		if err := b.mu.Lock(); err != nil {
			return err
		}
	}
	b.n++
	if n <= 0 {
		return nil
	}
	b.mu.Unlock()
	return nil
}

func swappedSides(b *box, m, n int) error {
	if m < n {
		if err := b.mu.Lock(); err != nil {
			return err
		}
	}
	b.n++
	if n > m {
		b.mu.Unlock()
	}
	return nil
}

// 62. A helper calls itself before it unlocks for its caller.
func (d *drawer) climb(n int) {
	if n == 0 {
		d.mu.Unlock()
		return
	}
	d.climb(n - 1)
}

func climbed(d *drawer) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	d.climb(3)
	return nil
}

// 63. A helper only tries, or expects that its caller may hold the lock.
func (b *box) tryAdd() bool {
	if !b.mu.TryLock() {
		return false
	}
	b.n++
	b.mu.Unlock()
	return true
}

func (b *box) addReentrant() error {
	err := b.mu.Lock()
	if errors.Is(err, rqlock.ErrDeadlock) {
		b.n++ // the caller holds it
		return nil
	}
	if err != nil {
		return err
	}
	b.n++
	b.mu.Unlock()
	return nil
}

func holdsAndTries(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	if b.tryAdd() {
		return nil
	}
	return b.addReentrant()
}

// 64. A helper unlocks before it panics.
func (b *box) fail() {
	b.mu.Unlock()
	panic("box")
}

func fails(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if b.n < 0 {
		b.fail()
	}
	b.mu.Unlock()
	return nil
}

// 65. A goroutine changes a captured variable.
func toldByGoroutine(b *box) error {
	found := false
	done := make(chan bool)
	go func() {
		found = true
		close(done)
	}()
	<-done
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if found {
		b.mu.Unlock()
		return nil
	}
	b.mu.Unlock()
	return nil
}

// 66. A pointer is nil on some paths only.
func perhapsNil(b *box, n int) error {
	var l *rqlock.Mutex
	if n > 0 {
		l = &b.mu
	}
	if n > 3 {
		if err := l.Lock(); err != nil {
			return err
		}
		l.Unlock()
	}
	return nil
}

// 67. The objects that match stay locked, in a list.
func matching(bs []*box) (found []*box, err error) {
	for _, b := range bs {
		if err := b.mu.Lock(); err != nil {
			return found, err
		}
		if b.n == 0 {
			b.mu.Unlock()
			continue
		}
		found = append(found, b)
	}
	return found, nil
}

// 68. Only the best object so far stays locked.
func best(bs []*box) (*box, error) {
	var top *box
	for _, b := range bs {
		if err := b.mu.Lock(); err != nil {
			if top != nil {
				top.mu.Unlock()
			}
			return nil, err
		}
		switch {
		case top == nil:
			top = b
		case b.n > top.n:
			top.mu.Unlock()
			top = b
		default:
			b.mu.Unlock()
		}
	}
	return top, nil
}

// 69. The lock held cannot be named any more, and after many conditions the flag that tells
// of it is not known.
var pick func([]*box) *box

func lockPicked(bs []*box) { must(pick(bs).mu.Lock()) }

func nameless(bs []*box, lock bool, flags [8]bool) {
	go func() {
		b := bs[0]
		if lock {
			lockPicked(bs)
		}
		p, q, r := b, b, b
		if flags[0] {
			p = b.next
		}
		if flags[1] {
			q = b.next
		}
		if flags[2] {
			r = q.next
		}
		if flags[3] {
			q = r.next
		}
		if flags[4] {
			p = q.next
		}
		p.n = q.n + r.n
		if lock {
			b.mu.Unlock()
		}
	}()
}

// 70. Closures lock, and unlock, if a parameter says so.
func closurePair(b *box, need bool) bool {
	lock := func() {
		if need {
			must(b.mu.Lock())
		}
	}
	unlock := func() {
		if need {
			b.mu.Unlock()
		}
	}
	lock()
	if b.n == 0 {
		unlock()
		return false
	}
	b.n++
	unlock()
	return true
}

// 71. A flag that another function has set is tested twice.
func askedTwice(b *box, run func(func())) {
	need := false
	run(func() { need = b.n > 0 })
	if need {
		must(b.mu.Lock())
	}
	b.n++
	if need {
		b.mu.Unlock()
	}
}

// 72. A copy of a flag keeps its value when the flag changes.
func copyOfFlag(b *box) {
	need := b.locked
	if need {
		must(b.mu.Lock())
	}
	b.unnote()
	if need {
		b.mu.Unlock()
	}
}

// 73. Helpers pin and unpin.
func (b *box) pin() error { return b.mu.LockPinned() }
func (b *box) unpin()     { b.mu.UnlockPinned() }

func pinnedByHelper(b *box) error {
	if err := b.pin(); err != nil {
		return err
	}
	b.n++
	b.unpin()
	return nil
}

// 74. The locked object is put on a list, whose owner unlocks it.
func queued(b *box, list *[]*box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if b.n == 0 {
		*list = append(*list, b)
		return nil
	}
	b.mu.Unlock()
	return nil
}

// 75. A method of a nil error panics.
func alwaysFails(b *box) string {
	err := b.mu.Lock()
	return err.Error()
}

// 76. A helper returns at once for the argument that it gets.
func (b *box) addSome(n int) error {
	if n == 0 {
		return nil
	}
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	b.n += n
	return nil
}

func addsNone(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	return b.addSome(0)
}

type boxes struct {
	mu  rqlock.Mutex
	all []*box
}

func (bs *boxes) each(f func(*box)) {
	for _, b := range bs.all {
		f(b)
	}
}

// The lock that the literal acquires is its parameter's, not that of the function around it.
func (bs *boxes) addToAll() error {
	if err := bs.mu.Lock(); err != nil {
		return err
	}
	defer bs.mu.Unlock()
	bs.each(func(b *box) {
		if b.mu.Lock() == nil {
			b.n++
			b.mu.Unlock()
		}
	})
	return nil
}

// The same, of a function that is called with the lock held.
func (bs *boxes) countAll() {
	bs.each(func(b *box) {
		if b.mu.Lock() == nil {
			b.n++
			b.mu.Unlock()
		}
	})
}

func (bs *boxes) countAllHeld() error {
	if err := bs.mu.Lock(); err != nil {
		return err
	}
	defer bs.mu.Unlock()
	bs.countAll()
	return nil
}

// Its name says that it locks for its caller.
func rlockBox(b *box) bool { return b.mu.TryLock() }
