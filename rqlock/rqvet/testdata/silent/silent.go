// Package silent is right: conditions are decided twice, loops walk lists and trees, and servers
// have tables of locks.
package silent

import (
	"errors"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/sync"
)

type box struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	all  map[string]bool
	n, m int
}

func (b *box) lockIf(how bool) {
	if how {
		b.mu.Lock()
	}
}

func (b *box) unlockIf(how bool) {
	if how {
		b.mu.Unlock()
	}
}

// The condition is a value that callers of one do not know.
func (b *box) one(k string) {
	how := b.all[k]
	b.lockIf(how)
	b.n++
	b.unlockIf(how)
}

// The condition is one that neither callers of begin nor those of end know.
func (b *box) begin(k string) { b.lockIf(b.all[k]) }
func (b *box) end(k string)   { b.unlockIf(b.all[k]) }

func (b *box) two(k string) {
	b.begin(k)
	b.n++
	b.end(k)
}

func (b *box) three(x, y int) {
	b.lockIf(x+y > x*y)
	b.n++
	b.unlockIf(x+y > x*y)
}

// The condition is too long for callers of deep5.
func (b *box) deep(x, y int)  { b.lockIf(x+y == 0) }
func (b *box) deep2(x, y int) { b.deep(x+y, x-y) }
func (b *box) deep3(x, y int) { b.deep2(x+y, x-y) }
func (b *box) deep4(x, y int) { b.deep3(x+y, x-y) }
func (b *box) deep5(x, y int) { b.deep4(x+y, x-y) }

func (b *box) undeep(x, y int)  { b.unlockIf(x+y == 0) }
func (b *box) undeep2(x, y int) { b.undeep(x+y, x-y) }
func (b *box) undeep3(x, y int) { b.undeep2(x+y, x-y) }
func (b *box) undeep4(x, y int) { b.undeep3(x+y, x-y) }
func (b *box) undeep5(x, y int) { b.undeep4(x+y, x-y) }

func (b *box) four(x, y int) {
	b.deep5(x, y)
	b.n++
	b.undeep5(x, y)
}

type node struct {
	mu          rqlock.Mutex
	left, right *node
	next        *node
	key         int
}

// last locks hand over hand in a list.
func (n *node) last() (*node, error) {
	if err := n.mu.Lock(); err != nil {
		return nil, err
	}
	for n.next != nil {
		next := n.next
		if err := next.mu.Lock(); err != nil {
			n.mu.Unlock()
			return nil, err
		}
		n.mu.Unlock()
		n = next
	}
	return n, nil
}

func (n *node) appendTo(key int) error {
	l, err := n.last()
	if err != nil {
		return err
	}
	defer l.mu.Unlock()
	l.next = &node{key: key}
	return nil
}

// remove holds two at a time.
func (n *node) remove(key int) error {
	if err := n.mu.Lock(); err != nil {
		return err
	}
	prev := n
	for cur := prev.next; cur != nil; cur = cur.next {
		if err := cur.mu.Lock(); err != nil {
			prev.mu.Unlock()
			return err
		}
		if cur.key == key {
			prev.next = cur.next
			cur.mu.Unlock()
			prev.mu.Unlock()
			return nil
		}
		prev.mu.Unlock()
		prev = cur
	}
	prev.mu.Unlock()
	return errors.New("none")
}

// insert locks hand over hand in a tree.
func (n *node) insert(key int) error {
	if err := n.mu.Lock(); err != nil {
		return err
	}
	for {
		down := &n.left
		if key > n.key {
			down = &n.right
		}
		if *down == nil {
			*down = &node{key: key}
			n.mu.Unlock()
			return nil
		}
		next := *down
		if err := next.mu.Lock(); err != nil {
			n.mu.Unlock()
			return err
		}
		n.mu.Unlock()
		n = next
	}
}

// lockPath locks all from the root to a leaf; unlockPath is its counterpart.
func (n *node) lockPath() error {
	for m := n; m != nil; m = m.left {
		if err := m.mu.Lock(); err != nil {
			for o := n; o != m; o = o.left {
				o.mu.Unlock()
			}
			return err
		}
	}
	return nil
}

func (n *node) unlockPath() {
	for m := n; m != nil; m = m.left {
		m.mu.Unlock()
	}
}

func (n *node) depth() (d int, err error) {
	if err := n.lockPath(); err != nil {
		return 0, err
	}
	defer n.unlockPath()
	for m := n; m != nil; m = m.left {
		d++
	}
	return d, nil
}

// try tries again.
func (n *node) try(times int) bool {
	for i := 0; ; i++ {
		if n.mu.TryLock() {
			break
		}
		if i == times {
			return false
		}
	}
	n.key++
	n.mu.Unlock()
	return true
}

// serve is an endless loop, which a stop leaves.
func (b *box) serve(in chan int, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case v := <-in:
			b.mu.Lock()
			if v < 0 {
				b.mu.Unlock()
				continue
			}
			b.n += v
			b.mu.Unlock()
		}
	}
}

// worker holds the lock at the top of the loop.
func (b *box) worker() {
	b.mu.Lock()
	for {
		if b.n == 0 {
			b.mu.Unlock()
			return
		}
		b.n--
		b.mu.Unlock()
		work()
		b.mu.Lock()
	}
}

// worker2 has a flag that says whether the lock is held.
func (b *box) worker2(jobs []int) {
	locked := false
	for {
		if len(jobs) == 0 {
			if locked {
				b.mu.Unlock()
			}
			return
		}
		if !locked {
			b.mu.Lock()
			locked = true
		}
		b.n += jobs[0]
		jobs = jobs[1:]
		if b.n > 100 {
			b.mu.Unlock()
			locked = false
			work()
		}
	}
}

// The state says that the lock is held.
type machine struct {
	mu    rqlock.Mutex
	state int
}

func (m *machine) run(events []int) error {
	for {
		switch m.state {
		case 0:
			if err := m.mu.Lock(); err != nil {
				return err
			}
			m.state = 1
		case 1:
			if len(events) == 0 {
				m.state = 2
				continue
			}
			events = events[1:]
		case 2:
			m.mu.Unlock()
			m.state = 0
			return nil
		}
	}
}

func work() {}
