package audit

import (
	"fmt"

	"github.com/rqlock/rqlock/gen/spec"
)

// A want is one kind of access that an operation consists of.
type want struct {
	param  string
	class  class // load, store or update; LL/SC counts as update
	form   form
	bits   int
	off    int64
	order  spec.Order
	value  *value // what it stores (nil = anything)
	expect *value // what a compare-and-exchange compares with (nil = anything)
	many   bool   // may occur more than once in the code
	option bool   // may be absent
	retry  bool   // is in a loop that tries again
	after  *prior // what must run before it
}

// A prior is an access that must precede another one.
type prior struct {
	param   string
	off     int64
	writes  bool
	guarded bool // a branch on what it found must decide whether the other one runs
}

func (p prior) String() string {
	s := "a read"
	if p.writes {
		s = "a write"
	}
	s += fmt.Sprintf(" of %s+%d", p.param, p.off)
	if p.guarded {
		s += " and the branch on what it found"
	}
	return s
}

// wants lists the accesses of a row.
func (c *checker) wants() []want {
	r := c.row
	if _, ok := spec.Updates[r.Op]; ok {
		return c.wantUpdate()
	}
	if r.Waits() {
		return []want{{param: "p", class: load, bits: r.Width, order: r.Order, many: true}}
	}
	switch r.Op {
	case spec.Load:
		return []want{{param: "p", class: load, bits: r.Width, order: r.Order}}
	case spec.Store:
		if c.exchanges() {
			return []want{{param: "p", class: update, form: exchange, bits: r.Width, order: r.Order}}
		}
		return []want{{param: "p", class: store, bits: r.Width, order: r.Order}}
	case spec.Xchg:
		return []want{{param: "p", class: update, form: exchange, bits: r.Width, order: r.Order}}
	case spec.Cmpxchg, spec.CmpxchgOld:
		return []want{{param: "p", class: update, form: compare, bits: r.Width, order: r.Order}}
	case spec.XchgField:
		return c.wantField(exchange)
	case spec.CmpxchgField, spec.CmpxchgFieldOld:
		return c.wantField(compare)
	case spec.FetchSetBit:
		return c.wantSetBit()
	case spec.StoreFields:
		return c.wantStoreFields()
	case spec.LockFast:
		return c.wantLockFast()
	case spec.UnlockFast:
		return c.wantUnlockFast()
	case spec.LockOwned:
		return c.wantLockOwned()
	case spec.UnlockOwned:
		return c.wantUnlockOwned()
	case spec.ReadLock:
		return append(c.wantRow(), c.wantReadLock()...)
	case spec.ReadUnlock:
		return append(c.wantRow(), c.wantReadUnlock()...)
	case spec.WriteLock:
		return c.wantWriteLock()
	case spec.WriteUnlock:
		return c.wantWriteUnlock()
	}
	return nil
}

// ownerOffset is the offset of the owner in a Word.
const ownerOffset = 8

// wantLockFast wants an exchange of locked and, if that was clear, a load of pending.
// After that come either the store of the owner, or the store that gives back the
// lock.
func (c *checker) wantLockFast() []want {
	locked, pending := c.row.On.Get("locked"), c.row.On.Get("pending")
	open := &prior{param: "w", off: int64(pending.Offset()), guarded: true}
	return []want{
		{param: "w", class: update, form: exchange, bits: locked.Bits, off: int64(locked.Offset()), order: c.row.Order,
			value: &value{kind: isConst, n: 1}},
		{param: "w", class: load, bits: 8, off: int64(pending.Offset()), order: spec.Relaxed,
			after: &prior{param: "w", off: int64(locked.Offset()), writes: true, guarded: true}},
		{param: "w", class: store, bits: 64, off: ownerOffset, order: spec.Relaxed, value: &value{kind: isG}, after: open},
		{param: "w", class: store, bits: locked.Bits, off: int64(locked.Offset()), order: spec.Release,
			value: &value{kind: isConst}, after: open},
	}
}

// wantUnlockFast wants a prefetch, and a load of the owner. If that is the current
// goroutine, the owner is cleared, and then locked.
func (c *checker) wantUnlockFast() []want {
	locked := c.row.On.Get("locked")
	return []want{
		{param: "w", class: prefetch, order: spec.Relaxed},
		{param: "w", class: load, bits: 64, off: ownerOffset, order: spec.Relaxed},
		{param: "w", class: store, bits: 64, off: ownerOffset, order: spec.Relaxed, value: &value{kind: isConst},
			after: &prior{param: "w", off: ownerOffset, guarded: true}},
		{param: "w", class: store, bits: locked.Bits, off: int64(locked.Offset()), order: c.row.Order,
			value: &value{kind: isConst}, after: &prior{param: "w", off: ownerOffset, writes: true}},
	}
}

// Where an Owned has its owner, what its waiters tell the owner, and the byte of that
// in which they close the lock.
const (
	idOffset      = 0
	sleeperOffset = 12
	closedOffset  = 15
)

// wantLockOwned: look whether the lock is closed, and if not exchange the owner.
func (c *checker) wantLockOwned() []want {
	return []want{
		{param: "w", class: load, bits: 8, off: closedOffset, order: spec.Relaxed},
		{param: "w", class: update, form: compare, bits: 64, off: idOffset, order: c.row.Order,
			value: &value{kind: isGoid}, expect: &value{kind: isConst}, after: &prior{param: "w", off: closedOffset, guarded: true}},
	}
}

// wantUnlockOwned: compare the owner, clear it by a store of the same width, then look
// for sleepers. Only a load that acquires stays after a store that releases.
func (c *checker) wantUnlockOwned() []want {
	return []want{
		{param: "w", class: load, bits: 64, off: idOffset, order: spec.Relaxed},
		{param: "w", class: store, bits: 64, off: idOffset, order: c.row.Order, value: &value{kind: isConst},
			after: &prior{param: "w", off: idOffset, guarded: true}},
		{param: "w", class: load, bits: 32, off: sleeperOffset, order: spec.Acquire, after: &prior{param: "w", off: idOffset, writes: true}},
	}
}

// Where an RWOwned has what readers and writers tell each other, and a row the lock and the
// id of its first slot.
const (
	readersOffset = 16
	firstOffset   = 20
	drainerOffset = 24

	slotOffset   = 0
	readerOffset = 24
)

// wantRow: what a table has of the goroutine's row. The analysis knows the row's address
// if it is computed from them.
func (c *checker) wantRow() []want {
	return []want{
		{param: "t", class: load, bits: 64, off: 0, order: spec.Relaxed},
		{param: "t", class: load, bits: 64, off: 8, order: spec.Relaxed},
	}
}

// wantReadLock: claim the slot with the lock's address, complete the claim with the id, and
// then look for an owner, and whether readers are counted.
func (c *checker) wantReadLock() []want {
	return []want{
		{param: "row", class: update, form: compare, bits: 64, off: slotOffset, order: c.row.Order,
			value: &value{kind: isParam, name: "w"}, expect: &value{kind: isConst}},
		{param: "row", class: store, bits: 64, off: readerOffset, order: spec.Release, value: &value{kind: isGoid},
			after: &prior{param: "row", off: slotOffset, writes: true, guarded: true}},
		{param: "w", class: load, bits: 64, off: idOffset, order: spec.Acquire, after: &prior{param: "row", off: readerOffset, writes: true}},
		{param: "w", class: load, bits: 32, off: readersOffset, order: spec.Acquire, after: &prior{param: "w", off: idOffset, guarded: true}},
	}
}

// wantReadUnlock: compare the slot, clear its id and then the rest, then look whether the
// owner waits for readers.
func (c *checker) wantReadUnlock() []want {
	return []want{
		{param: "row", class: load, bits: 64, off: slotOffset, order: spec.Relaxed},
		{param: "row", class: load, bits: 64, off: readerOffset, order: spec.Relaxed, after: &prior{param: "row", off: slotOffset, guarded: true}},
		{param: "row", class: store, bits: 64, off: readerOffset, order: spec.Relaxed, value: &value{kind: isConst},
			after: &prior{param: "row", off: readerOffset, guarded: true}},
		{param: "row", class: store, bits: 64, off: slotOffset, order: c.row.Order, value: &value{kind: isConst},
			after: &prior{param: "row", off: readerOffset, writes: true}},
		{param: "w", class: load, bits: 32, off: drainerOffset, order: spec.Acquire, after: &prior{param: "row", off: slotOffset, writes: true}},
	}
}

// wantWriteLock: what LockOwned does, and then a look for readers.
func (c *checker) wantWriteLock() []want {
	return append(c.wantLockOwned(),
		want{param: "w", class: load, bits: 32, off: readersOffset, order: spec.Acquire, after: &prior{param: "w", off: idOffset, writes: true, guarded: true}})
}

// wantWriteUnlock: what UnlockOwned does, with a look for readers before the store and
// another one after it. The one after comes first here, as it is more than the one before.
func (c *checker) wantWriteUnlock() []want {
	owned := c.wantUnlockOwned()
	owned[1].after = &prior{param: "w", off: firstOffset, guarded: true}
	return append(owned,
		want{param: "w", class: load, bits: 32, off: firstOffset, order: spec.Acquire, after: &prior{param: "w", off: idOffset, writes: true}},
		want{param: "w", class: load, bits: 32, off: firstOffset, order: spec.Relaxed, after: &prior{param: "w", off: idOffset, guarded: true}})
}

// wantField wants an operation on a field. If the field is no object of its own, that
// is a compare-and-exchange of the word, and a load may precede it.
func (c *checker) wantField(f form) []want {
	field, _ := c.row.On.Field(c.row.Field)
	if bits := field.Native(); bits != 0 {
		return []want{{param: "val", class: update, form: f, bits: bits, off: int64(field.Offset()), order: c.row.Order}}
	}
	return c.wantLoop("val", c.row.On.Bits, 0)
}

// wantLoop wants a compare-and-exchange that is tried again, and a load before it.
func (c *checker) wantLoop(param string, bits int, off int64) []want {
	return []want{
		{param: param, class: update, form: compare, bits: bits, off: off, order: c.row.Order, retry: true},
		{param: param, class: load, bits: bits, off: off, order: spec.Relaxed, option: true},
	}
}

// exchanges reports whether a store takes an exchange: on amd64, a plain move is not
// sequentially consistent.
func (c *checker) exchanges() bool { return c.arch.tso && c.row.Order == spec.SeqCst }

// wantUpdate wants one modification of the object, or of the field's word. It is a loop
// where no instruction does it: if a sum must not leave its field, and on amd64 if a bit
// operation returns what was there.
func (c *checker) wantUpdate() []want {
	u, param, bits, off, loop := spec.Updates[c.row.Op], "p", c.row.Width, int64(0), false
	carries := u.Verb == "add" || u.Verb == "sub"
	if u.Field {
		field, _ := c.row.On.Field(c.row.Field)
		param, bits = "val", field.Native()
		if off = int64(field.Offset()); bits == 0 {
			bits, off, loop = c.row.On.Bits, 0, carries && field.Top() < c.row.On.Bits-1
		}
	}
	if loop || c.arch.tso && u.Fetch && !carries {
		return c.wantLoop(param, bits, off)
	}
	return []want{{param: param, class: update, form: modify, bits: bits, off: off, order: c.row.Order}}
}

// wantSetBit wants a modification of the word. On amd64 that returns one bit only, and
// a load after it the others.
func (c *checker) wantSetBit() []want {
	set := []want{{param: "val", class: update, form: modify, bits: c.row.On.Bits, order: c.row.Order}}
	if c.arch.tso {
		set = append(set, want{param: "val", class: load, bits: c.row.On.Bits, order: spec.Relaxed, after: &prior{param: "val", writes: true}})
	}
	return set
}

// wantStoreFields wants one store if the fields are an object of their own, or else a
// modification of the word.
func (c *checker) wantStoreFields() []want {
	to, _ := c.row.On.Stored(c.row.Set)
	if bits := to.Native(); bits != 0 && c.exchanges() {
		return []want{{param: "val", class: update, form: exchange, bits: bits, off: int64(to.Offset()), order: c.row.Order}}
	} else if bits != 0 {
		return []want{{param: "val", class: store, bits: bits, off: int64(to.Offset()), order: c.row.Order,
			value: &value{kind: isConst, n: int64(to.Value)}}}
	}
	return []want{{param: "val", class: update, form: modify, bits: c.row.On.Bits, order: c.row.Order}}
}

// checkAccesses compares the live accesses through parameters with the wants.
func (c *checker) checkAccesses() {
	wants := c.wants()
	count := make([]int, len(wants))
	rejected := false
	for n := range c.fn.code {
		a, ok := c.shared(n)
		if !ok {
			continue
		}
		k := c.identify(n, a, wants)
		switch {
		case k < 0:
			rejected = true
		case c.fn.code[n].class != loadEx || wants[k].class == load:
			count[k]++ // of LL/SC, only the store counts
		}
	}
	for k, w := range wants {
		switch {
		case count[k] == 0 && !w.option && !rejected:
			c.report(-1, RuleMissing, "no %s", w)
		case count[k] > 1 && !w.many:
			c.report(-1, RuleAccess, "%d times %s, want one", count[k], w)
		}
	}
}

func (w want) String() string {
	return fmt.Sprintf("%s of %d bits at %s+%d", w.class, w.bits, w.param, w.off)
}

// identify returns the want that instruction n fulfils. If there is none, it reports
// how the instruction differs from the nearest, and returns -1.
func (c *checker) identify(n int, a value, wants []want) int {
	nearest := mismatch{rule: RuleAccess, detail: fmt.Sprintf("%s of %s: %s has none", c.fn.code[n].class, a.name, c.row.Op)}
	for k := range wants {
		if wants[k].param != a.name {
			continue
		}
		m := c.compare(n, a, &wants[k])
		if m.detail == "" {
			return k
		}
		if m.depth >= nearest.depth {
			nearest = m
		}
	}
	c.report(n, nearest.rule, "%s", nearest.detail)
	return -1
}

// A mismatch is the first property in which an access differs from a want, and how
// many properties before it are right. It has no detail if nothing differs.
type mismatch struct {
	rule   Rule
	detail string
	depth  int
}

// compare compares the properties of an access with a want, the coarsest first.
func (c *checker) compare(n int, a value, w *want) mismatch {
	i := &c.fn.code[n]
	var first mismatch
	property := func(ok bool, rule Rule, format string, args ...any) {
		switch {
		case first.detail != "":
		case ok:
			first.depth++
		default:
			first.rule, first.detail = rule, fmt.Sprintf(format, args...)
		}
	}
	property(c.fits(i, w), RuleAccess, "%s of %s, want %s", i.class, a.name, w.class)
	property(i.class != update || i.form == w.form, RuleAccess, "%s, want %s", i.form, w.form)
	property(i.bits == w.bits, RuleWidth, "%d bits of %s, want %d", i.bits, a.name, w.bits)
	property(a.n == w.off, RuleOffset, "at %s+%d, want +%d", a.name, a.n, w.off)
	problem := c.orderingProblem(i, w)
	property(problem == "", RuleOrdering, "%s", problem)
	property(w.value == nil || !i.class.writes() || c.holds(n, *w.value), RuleValue, "stores something else than the operation does")
	property(w.expect == nil || i.class != update || c.expects(n, *w.expect), RuleValue, "compares with something else than the operation does")
	property(w.after == nil || c.follows(n, w.after), RuleSequence, "must come after %s", w.after)
	property(!w.retry || i.class == loadEx || c.repeats(n), RuleRetry, "in no loop that tries again if this fails")
	return first
}

// fits reports whether an instruction's class is right. The exclusives are parts of an
// update; in a wait loop, a load-exclusive is the load that arms WFE.
func (c *checker) fits(i *inst, w *want) bool {
	switch i.class {
	case loadEx:
		return w.class == update || c.row.Waits()
	case storeEx:
		return w.class == update
	}
	return i.class == w.class
}

// holds reports whether the write n stores v, in the bits that it stores.
func (c *checker) holds(n int, v value) bool {
	i := &c.fn.code[n]
	got := c.fn.value(n, i.data)
	if v.kind == isConst {
		mask := int64(uint64(1)<<i.bits - 1)
		got.n, v.n = got.n&mask, v.n&mask
	}
	return got == v
}

// expects reports whether compare-and-exchange n compares with v. The register with
// that value is the one that it writes.
func (c *checker) expects(n int, v value) bool {
	i := &c.fn.code[n]
	return len(i.sets) > 0 && c.fn.value(n, operand{kind: fromReg, reg: i.sets[0]}) == v
}

// orderingProblem says how the ordering of an access differs from the row's. On amd64
// no access that the other rules accept has too little, because of TSO.
func (c *checker) orderingProblem(i *inst, w *want) string {
	acquire, release := w.order.Acquires(), w.order.Releases()
	switch {
	case c.arch.tso:
		return ""
	case i.class == load || i.class == loadEx:
		release = i.release
	case i.class == store || i.class == storeEx:
		acquire = i.acquire
	case i.form == compare && i.bits < 32 && (acquire || release):
		acquire, release = true, true // the assembler has CASB and CASALB, but no weaker CASAB
	}
	switch {
	case acquire && !i.acquire:
		return fmt.Sprintf("does not acquire, want %s", w.order)
	case release && !i.release:
		return fmt.Sprintf("does not release, want %s", w.order)
	case !c.asm: // sync/atomic has nothing weaker
		return ""
	case i.acquire && !acquire:
		return fmt.Sprintf("acquires, want %s", w.order)
	case i.release && !release:
		return fmt.Sprintf("releases, want %s", w.order)
	}
	return ""
}
