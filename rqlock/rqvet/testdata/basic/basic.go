// Package basic has simple cases of each rule, wrong and right.
package basic

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

type box struct {
	mu, other rqlock.Mutex
	n         int
	next      *box
}

var global rqlock.Mutex

// ignorederr

func ignored(b *box) {
	b.mu.Lock() // want `the error of b.mu.Lock is ignored.*ignorederr`
	b.n++
	b.mu.Unlock()
}

func blank(b *box) {
	_ = b.mu.LockTimeout(time.Second) // want `error of b.mu.LockTimeout is ignored.*ignorederr`
	b.mu.Unlock()
}

func ignoredTry(b *box) {
	b.mu.TryLock() // want `result of b.mu.TryLock is ignored.*ignorederr`
	b.n++
	b.mu.Unlock()
}

func ignoredDefer(b *box) {
	b.mu.Unlock()
	defer b.mu.Lock() // want `ignorederr`
	b.n++
}

func (b *box) lock() error { return b.mu.Lock() }

func ignoredHelper(b *box) {
	b.lock() // want `the result of lock is ignored.*ignorederr`
	b.n++
	b.mu.Unlock()
}

// unheld

func printed(b *box) {
	if err := b.mu.Lock(); err != nil {
		fmt.Println(err)
	}
	b.n++
	b.mu.Unlock() // want `acquiring it \(line 61\) failed.*unheld`
}

func onlyTimeouts(b *box) error {
	err := b.mu.Lock()
	if errors.Is(err, rqlock.ErrTimeout) {
		return err
	}
	b.mu.Unlock() // want `unheld`
	return nil
}

func triedAnyway(b *box) {
	if !b.mu.TryLock() {
		fmt.Println("held")
	}
	b.mu.Unlock() // want `unheld`
}

func double(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.n++
	b.mu.Unlock()
	b.mu.Unlock() // want `unlocked twice on this path \(line 89\).*unheld`
	return nil
}

func doubleByDefer(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock() // want `unlocked twice.*unheld`
	b.n++
	b.mu.Unlock()
	return nil
}

func sometimes(b *box, x int) error {
	if x > 0 {
		if err := b.mu.Lock(); err != nil {
			return err
		}
	}
	b.n++
	b.mu.Unlock() // want `only some paths to here lock it.*unheld`
	return nil
}

func neverLocked() {
	var l rqlock.Mutex
	l.Unlock() // want `unlocked where it was not locked.*unheld`
}

func elsewhere(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	go func() {
		b.mu.Unlock() // want `only the goroutine that holds a lock.*unheld`
	}()
	return nil
}

func inGoroutine(b *box) {
	go b.mu.Unlock() // want `a new goroutine holds no lock.*unheld`
}

func (b *box) work() {
	b.n++
	b.mu.Unlock()
}

func handedOver(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	go b.work() // want `a new goroutine holds no lock and cannot unlock b.mu.*unheld`
	return nil
}

func failedContext(ctx context.Context, b *box) error {
	err := b.mu.LockContext(ctx)
	if err != nil {
		b.mu.Unlock() // want `unheld`
		return err
	}
	b.mu.Unlock()
	return nil
}

// leak

func early(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if b.n < 0 {
		return errors.New("negative") // want `return with b.mu held \(line 160\): call b.mu.Unlock\(\).*leak`
	}
	b.mu.Unlock()
	return nil
}

type till struct {
	drawer rqlock.Mutex
	n      int
}

func (t *till) count() (int, error) {
	if err := t.drawer.Lock(); err != nil {
		return 0, err
	}
	t.n++
	return t.n, nil // want `leak`
}

func panicking(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if b.n < 0 {
		panic("negative") // want `panic with b.mu held.*leak`
	}
	b.mu.Unlock()
	return nil
}

func secondFails(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	if err := b.other.Lock(); err != nil {
		return err // want `return with b.mu held.*leak`
	}
	b.other.Unlock()
	b.mu.Unlock()
	return nil
}

func inLoop(bs []*box) error {
	for _, b := range bs {
		if err := b.mu.Lock(); err != nil {
			return err
		}
		if b.n == 0 {
			return nil // want `leak`
		}
		b.mu.Unlock()
	}
	return nil
}

func ownLock() error {
	var l rqlock.Mutex
	if err := l.Lock(); err != nil {
		return err
	}
	return nil // want `return with l held.*leak`
}

func exits(b *box) { // right: os.Exit ends the program
	if err := b.mu.Lock(); err != nil {
		os.Exit(1)
	}
	if b.n == 0 {
		os.Exit(2)
	}
	b.mu.Unlock()
}

// selfdeadlock

func alias(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	p := &b.mu
	if err := p.Lock(); err != nil { // want `p?.*is held since line 240.*selfdeadlock`
		return err
	}
	p.Unlock()
	return nil
}

func (b *box) add() error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.n++
	b.mu.Unlock()
	return nil
}

func (b *box) addTwice() error { return b.add() }

func throughHelper(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	if err := b.add(); err != nil { // want `add acquires b.mu, which is held since line 264.*selfdeadlock`
		return err
	}
	return b.addTwice() // want `addTwice acquires b.mu.*selfdeadlock`
}

func onGlobal() error {
	if err := global.Lock(); err != nil {
		return err
	}
	defer global.Unlock()
	return useGlobal() // want `useGlobal acquires global.*selfdeadlock`
}

func useGlobal() error {
	if err := global.LockTimeout(time.Second); err != nil {
		return err
	}
	defer global.Unlock()
	return nil
}

func inClosure(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	return func() error {
		if err := b.mu.Lock(); err != nil { // want `selfdeadlock`
			return err
		}
		b.mu.Unlock()
		return nil
	}()
}

// wrongunlock

type buckets struct{ locks [16]rqlock.Mutex }

func (b *buckets) of(k int) *rqlock.Mutex { return &b.locks[k%16] }

func otherBucket(b *buckets, from, to int) error {
	if err := b.of(from).Lock(); err != nil {
		return err
	}
	b.of(to).Unlock() // want `b.of\(to\) is unlocked, but the lock held is b.of\(from\) .*wrongunlock`
	return nil
}

type renewed struct{ mu *rqlock.Mutex }

func renew(r *renewed) error {
	if err := r.mu.Lock(); err != nil {
		return err
	}
	r.mu = new(rqlock.Mutex)
	r.mu.Unlock() // want `r.mu is unlocked, which is another lock than the r.mu that was acquired .*wrongunlock`
	return nil    // want `leak`
}

func wrong(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.n++
	b.other.Unlock() // want `b.other is unlocked, but the lock held is b.mu.*wrongunlock`
	return nil
}

func wrongLocals() error {
	var a, b rqlock.Mutex
	if err := a.Lock(); err != nil {
		return err
	}
	b.Unlock() // want `b is unlocked, but the lock held is a.*wrongunlock`
	a.Unlock()
	return nil
}

// earlydefer

func deferred(b *box) error {
	err := b.mu.Lock()
	defer b.mu.Unlock() // want `put the defer after the error check.*earlydefer`
	if err != nil {
		return err
	}
	b.n++
	return nil
}

func deferredFirst(b *box) error {
	defer b.mu.Unlock() // want `earlydefer`
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.n++
	return nil
}

func deferredClosure(b *box) error {
	err := b.mu.Lock()
	defer func() {
		b.n--
		b.mu.Unlock() // want `unheld`
	}()
	if err != nil {
		return err
	}
	b.n++
	return nil
}

// More than one helper

func (b *box) unlock() { b.mu.Unlock() }

func twiceByHelper(b *box) error {
	if err := b.lock(); err != nil {
		return err
	}
	defer b.unlock()
	if err := b.lock(); err != nil { // want `lock acquires b.mu, which is held.*selfdeadlock`
		return err
	}
	b.n++
	return nil
}

type pointed struct {
	at, other *box
	n         int
}

func (p *pointed) turn() { p.at, p.other = p.other, p.at }

// The second acquisition may be of another lock, and succeed.
func turned(p *pointed, t *till) error {
	if err := p.at.mu.Lock(); err != nil {
		return err
	}
	old := p.at
	p.turn()
	if err := p.at.mu.Lock(); err != nil {
		old.mu.Unlock()
		return err
	}
	if err := t.drawer.Lock(); err != nil {
		return err
	}
	return nil // want `return with t.drawer held.*leak`
}

// What is held is still known after many conditions.
func longWay(b *box, flags [14]bool) (int, error) {
	var p [14]*box
	if flags[0] {
		p[0] = b.next
	}
	if flags[1] {
		p[1] = b.next
	}
	if flags[2] {
		p[2] = b.next
	}
	if flags[3] {
		p[3] = b.next
	}
	if flags[4] {
		p[4] = b.next
	}
	if flags[5] {
		p[5] = b.next
	}
	if flags[6] {
		p[6] = b.next
	}
	if flags[7] {
		p[7] = b.next
	}
	if flags[8] {
		p[8] = b.next
	}
	if flags[9] {
		p[9] = b.next
	}
	if flags[10] {
		p[10] = b.next
	}
	if flags[11] {
		p[11] = b.next
	}
	if flags[12] {
		p[12] = b.next
	}
	if flags[13] {
		p[13] = b.next
	}
	if err := b.mu.Lock(); err != nil {
		return 0, err
	}
	if p[0] == p[1] {
		return 0, errors.New("the same") // want `leak`
	}
	b.mu.Unlock()
	return 1, nil
}

// With two results

func (b *box) fetch() (int, error) {
	if err := b.mu.Lock(); err != nil {
		return 0, err
	}
	return b.n, nil
}

func fetchedLeak(b *box) error {
	n, err := b.fetch()
	if err != nil {
		return err
	}
	if n == 0 {
		return nil // want `leak`
	}
	b.mu.Unlock()
	return nil
}

func fetchedAnyway(b *box) {
	n, err := b.fetch()
	if err != nil {
		fmt.Println(err)
	}
	b.n = n
	b.mu.Unlock() // want `unheld`
}

func kindOnly(b *box) error {
	switch err := b.mu.Lock().(type) {
	case *rqlock.DeadlockError:
		return err
	}
	b.mu.Unlock() // want `unheld`
	return nil
}

// Paths that end without a return

func goexits(b *box) {
	if b.mu.Lock() != nil {
		return
	}
	if b.n == 0 {
		runtime.Goexit() // want `runtime.Goexit with b.mu held.*leak`
	}
	b.mu.Unlock()
}

func logPanics(b *box) {
	if b.mu.Lock() != nil {
		return
	}
	if b.n == 0 {
		log.Panicln("empty") // want `log.Panicln with b.mu held.*leak`
	}
	b.mu.Unlock()
}

func bug() { panic("bug") }

func helperPanics(b *box) {
	if b.mu.Lock() != nil {
		return
	}
	if b.n == 0 {
		bug() // want `bug with b.mu held.*leak`
	}
	b.mu.Unlock()
}

type vault struct {
	mu rqlock.Mutex
	n  int
}

func (v *vault) drop() { v.mu.Unlock() }

// Only the failure keeps the lock, although drop unlocks such locks for its callers.
func (v *vault) failsHolding() error {
	if err := v.mu.Lock(); err != nil {
		panic(err)
	}
	if v.n == 0 {
		return errors.New("empty") // want `leak`
	}
	v.mu.Unlock()
	return nil
}

func flagNotSet(b *box) error {
	done := false
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer func() {
		if done {
			b.mu.Unlock()
		}
	}()
	if b.n == 0 {
		return errors.New("empty") // want `leak`
	}
	done = true
	return nil
}

// A helper that panics where it fails

func (b *box) mustLock() {
	if err := b.mu.Lock(); err != nil {
		panic(err)
	}
}

func mustTwice(b *box) {
	b.mustLock()
	defer b.mu.Unlock()
	b.mustLock() // want `mustLock acquires b.mu, which is held.*selfdeadlock`
	b.mu.Unlock()
}

// Locks by pointer

func lockBoth(x, y *rqlock.Mutex) error {
	if err := x.Lock(); err != nil {
		return err
	}
	if err := y.Lock(); err != nil {
		x.Unlock()
		return err
	}
	return nil
}

type twin struct{ left, right rqlock.Mutex }

func halfUnlocked(t *twin) error {
	if err := lockBoth(&t.left, &t.right); err != nil {
		return err
	}
	t.left.Unlock()
	return nil // want `return with t.right held.*leak`
}

// Goroutines that a library starts

func byWaitGroup(b *box, wg *sync.WaitGroup) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	wg.Go(func() {
		b.n++
		b.mu.Unlock() // want `only the goroutine that holds a lock.*unheld`
	})
	return nil
}

func byTimer(b *box) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	time.AfterFunc(time.Second, b.mu.Unlock) // want `a new goroutine holds no lock and cannot unlock b.mu.*unheld`
	return nil
}

func byContext(ctx context.Context, b *box) {
	context.AfterFunc(ctx, b.work2)
	context.AfterFunc(ctx, func() {
		if b.mu.Lock() != nil {
			return
		}
		if b.n == 0 {
			return // want `leak`
		}
		b.mu.Unlock()
	})
}

func (b *box) work2() { b.n++ }

// badlock

func unlocksNil() {
	var l *rqlock.Mutex
	l.Unlock() // want `nil pointer.*badlock`
}

func nilTested(l *rqlock.Mutex) error {
	if l == nil {
		return l.Lock() // want `nil pointer.*badlock`
	}
	return nil
}

// What was known in the iteration before

func secondIteration(b *box, next func() (int, error)) error {
	held := false
	for {
		n, err := next()
		if err != nil {
			return err // want `leak`
		}
		if !held {
			if err := b.mu.Lock(); err != nil {
				return err
			}
			held = true
		}
		if n == 0 {
			b.mu.Unlock()
			return nil
		}
	}
}

// Flags that another function may have changed

type flagged struct {
	mu    rqlock.Mutex
	ready bool
}

var ready bool

func (f *flagged) setIf(n int) {
	if n > 0 {
		f.ready = true
	} else {
		f.ready = false
	}
}

func (f *flagged) assign(x bool)         { f.ready = x }
func (f *flagged) assignDeep(x bool)     { f.assign(x) }
func (f *flagged) hand(run func(func())) { run(func() { f.ready = true }) }
func (f *flagged) note()                 { f.assign(true) }
func setReady(x bool)                    { ready = x }

type noter interface{ note() }

func setOnSome(f *flagged, n int) {
	mustLockFlagged(f)
	f.setIf(n)
	if f.ready {
		return // want `leak`
	}
	f.mu.Unlock()
}

func clearedOnSome(f *flagged, n int) {
	mustLockFlagged(f)
	f.setIf(n)
	if !f.ready {
		return // want `leak`
	}
	f.mu.Unlock()
}

func assignedDeep(f *flagged, x bool) {
	mustLockFlagged(f)
	f.ready = false
	f.assignDeep(x)
	if f.ready {
		return // want `leak`
	}
	f.mu.Unlock()
}

func assignedInClosure(f *flagged, run func(func())) {
	mustLockFlagged(f)
	f.ready = false
	f.hand(run)
	if f.ready {
		return // want `leak`
	}
	f.mu.Unlock()
}

func assignedByInterface(f *flagged, n noter) {
	mustLockFlagged(f)
	f.ready = false
	n.note()
	if f.ready {
		return // want `leak`
	}
	f.mu.Unlock()
}

func assignedGlobal(f *flagged, x bool) {
	mustLockFlagged(f)
	ready = false
	setReady(x)
	if ready {
		return // want `leak`
	}
	f.mu.Unlock()
}

func changedByClosure(f *flagged, run func(func())) {
	x := false
	run(func() { x = ready })
	if x {
		return
	}
	run(func() { x = ready })
	mustLockFlagged(f)
	if x {
		return // want `leak`
	}
	f.mu.Unlock()
}

func mustLockFlagged(f *flagged) {
	if err := f.mu.Lock(); err != nil {
		panic(err)
	}
}

// Recursion with the lock held

func (b *box) again(n int) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	if n == 0 {
		return nil
	}
	return b.again(n - 1) // want `again acquires b.mu, which is held.*selfdeadlock`
}

// Whether the error is nil is not known, but in either case another exit does not keep the
// lock.
func openError(b *box, ctx context.Context) error {
	if err := b.mu.LockContext(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err() // want `return with b.mu held.*leak`
	}
	b.mu.Unlock()
	return nil
}

// A condition of a callee is about its own parameters.

type gauge struct {
	mu  rqlock.Mutex
	max int
}

func (g *gauge) lockLess(m, n int) {
	if m < n {
		if err := g.mu.Lock(); err != nil {
			panic(err)
		}
	}
	if m < n {
		g.max = n
	}
}

func argumentsSwapped(g *gauge, m, n int) {
	if m < n {
		return
	}
	g.max = m
	if m < n {
		return
	}
	g.lockLess(n, m)
} // want `return with g.mu held.*leak`
