// Package deque has the work-stealing deque of Chase and Lev, of fixed size, with the
// orderings of Lê, Pop, Cohen and Zappa Nardelli: its owner pushes and takes at one end, and
// thieves steal from the other.
package deque

// Deque is a deque of words. New makes one. A Deque must not be copied.
type Deque struct {
	top    Index // the oldest element
	_      [56]byte
	bottom Index // where the next element goes
	slots  []uint64
}

// New returns a deque that holds 2 to the power of bits elements.
func New(bits uint8) *Deque { return &Deque{slots: make([]uint64, 1<<min(bits, 32))} }

// slot returns where the element with this index is.
func (d *Deque) slot(index uint64) *uint64 { return &d.slots[index&uint64(len(d.slots)-1)] }

// Push adds an element, and reports whether there was room. Only the owner may call it.
func (d *Deque) Push(v uint64) bool {
	b := LoadBottom(&d.bottom.Val)
	t := AcquireTop(&d.top.Val)
	if b-t == uint64(len(d.slots)) {
		return false
	}
	StoreSlot(d.slot(b), v)
	Publish(&d.bottom.Val, b+1)
	return true
}

// Take removes the newest element, if there is any. Only the owner may call it.
func (d *Deque) Take() (v uint64, ok bool) {
	b := LoadBottom(&d.bottom.Val)
	Publish(&d.bottom.Val, b-1) // no thief takes it, unless it is the last
	StoreThenLoad()
	t := LoadTop(&d.top.Val)
	if b == t { // empty
		Restore(&d.bottom.Val, b)
		return 0, false
	}
	v = LoadSlot(d.slot(b - 1))
	if b-1 == t { // the last: thieves may want it, too
		ok = TakeTop(&d.top.Val, t, t+1)
		Restore(&d.bottom.Val, b)
		return v, ok
	}
	return v, true
}

// Steal removes the oldest element. If there is none, or another goroutine was faster, ok
// is false. Anybody may call it.
func (d *Deque) Steal() (v uint64, ok bool) {
	t := LoadTop(&d.top.Val)
	StoreThenLoad()
	b := AcquireBottom(&d.bottom.Val)
	if int64(b-t) <= 0 {
		return 0, false
	}
	v = LoadSlot(d.slot(t))
	return v, StealTop(&d.top.Val, t, t+1)
}
