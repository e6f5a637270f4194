package audit

import (
	"fmt"

	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/spec"
)

// A want is one kind of access that an operation consists of.
type want struct {
	param  string
	class  machine.Class // load, store or update; LL/SC counts as update
	form   machine.Form
	bits   int
	off    int64
	order  spec.Order
	value  *value // what it stores (nil = anything)
	expect *value // what a compare-and-exchange compares with (nil = anything)
	many   bool   // may occur more than once in the code
	option bool   // may be absent
	retry  bool   // is in a loop that tries again
	after  *prior // what must run before it
	stays  bool   // stays after the stores before it
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
	if list := listOf(c.row.Op); list != nil {
		return list(c)
	}
	return nil
}

// Knows reports whether the audit can tell the accesses of an operation that shares memory.
func Knows(op spec.Op) bool { return listOf(op) != nil }

// listOf returns what lists the accesses of an operation, or nil.
func listOf(op spec.Op) func(*checker) []want {
	if _, ok := spec.Updates[op]; ok {
		return (*checker).wantUpdate
	}
	if _, ok := spec.Awaits[op]; ok {
		return (*checker).wantAwait
	}
	return accesses[op]
}

var accesses = map[spec.Op]func(*checker) []want{
	spec.Load: func(c *checker) []want {
		return []want{{param: "p", class: machine.Load, bits: c.row.Width, order: c.row.Order}}
	},
	spec.Store: func(c *checker) []want {
		if c.exchanges() {
			return c.wantObject(machine.Exchange)
		}
		return []want{{param: "p", class: machine.Store, bits: c.row.Width, order: c.row.Order}}
	},
	spec.Xchg:            func(c *checker) []want { return c.wantObject(machine.Exchange) },
	spec.Cmpxchg:         func(c *checker) []want { return c.wantObject(machine.Compare) },
	spec.CmpxchgOld:      func(c *checker) []want { return c.wantObject(machine.Compare) },
	spec.XchgField:       func(c *checker) []want { return c.wantField(machine.Exchange) },
	spec.CmpxchgField:    func(c *checker) []want { return c.wantField(machine.Compare) },
	spec.CmpxchgFieldOld: func(c *checker) []want { return c.wantField(machine.Compare) },
	spec.FetchSetBit:     (*checker).wantSetBit,
	spec.StoreFields:     (*checker).wantStoreFields,
	spec.LockFast:        (*checker).wantLockFast,
	spec.UnlockFast:      (*checker).wantUnlockFast,
	spec.LockOwned:       (*checker).wantLockOwned,
	spec.UnlockOwned:     (*checker).wantUnlockOwned,
	spec.ReadLock:        func(c *checker) []want { return append(c.wantRow(), c.wantReadLock()...) },
	spec.ReadUnlock:      func(c *checker) []want { return append(c.wantRow(), c.wantReadUnlock()...) },
	spec.WriteLock:       (*checker).wantWriteLock,
	spec.WriteUnlock:     (*checker).wantWriteUnlock,
}

// wantObject wants an update of a whole object.
func (c *checker) wantObject(f machine.Form) []want {
	return []want{{param: "p", class: machine.Update, form: f, bits: c.row.Width, order: c.row.Order}}
}

// wantAwait wants loads that may be repeated, and if the wait then changes what it has
// loaded, an exchange after which it may load again.
func (c *checker) wantAwait() []want {
	loaded := want{param: "p", class: machine.Load, bits: c.row.Width, order: c.row.Order, many: true}
	if !c.row.Writes() {
		return []want{loaded}
	}
	changed := c.wantObject(machine.Compare)
	loaded.order, changed[0].retry = spec.Relaxed, true
	return append(changed, loaded)
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
		{param: "w", class: machine.Update, form: machine.Exchange, bits: locked.Bits, off: int64(locked.Offset()), order: c.row.Order,
			value: &value{kind: isConst, n: 1}},
		{param: "w", class: machine.Load, bits: 8, off: int64(pending.Offset()), order: spec.Relaxed,
			after: &prior{param: "w", off: int64(locked.Offset()), writes: true, guarded: true}},
		{param: "w", class: machine.Store, bits: 64, off: ownerOffset, order: spec.Relaxed, value: &value{kind: isG}, after: open},
		{param: "w", class: machine.Store, bits: locked.Bits, off: int64(locked.Offset()), order: spec.Release,
			value: &value{kind: isConst}, after: open},
	}
}

// wantUnlockFast wants a prefetch, and a load of the owner. If that is the current
// goroutine, the owner is cleared, and then locked.
func (c *checker) wantUnlockFast() []want {
	locked := c.row.On.Get("locked")
	return []want{
		{param: "w", class: machine.Prefetch, order: spec.Relaxed},
		{param: "w", class: machine.Load, bits: 64, off: ownerOffset, order: spec.Relaxed},
		{param: "w", class: machine.Store, bits: 64, off: ownerOffset, order: spec.Relaxed, value: &value{kind: isConst},
			after: &prior{param: "w", off: ownerOffset, guarded: true}},
		{param: "w", class: machine.Store, bits: locked.Bits, off: int64(locked.Offset()), order: c.row.Order,
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
		{param: "w", class: machine.Load, bits: 8, off: closedOffset, order: spec.Relaxed},
		{param: "w", class: machine.Update, form: machine.Compare, bits: 64, off: idOffset, order: c.row.Order,
			value: &value{kind: isGoid}, expect: &value{kind: isConst}, after: &prior{param: "w", off: closedOffset, guarded: true}},
	}
}

// wantUnlockOwned: compare the owner, clear it by a store of the same width, then look
// for sleepers. It must stay after the store.
func (c *checker) wantUnlockOwned() []want {
	return []want{
		{param: "w", class: machine.Load, bits: 64, off: idOffset, order: spec.Relaxed},
		{param: "w", class: machine.Store, bits: 64, off: idOffset, order: c.row.Order, value: &value{kind: isConst},
			after: &prior{param: "w", off: idOffset, guarded: true}},
		{param: "w", class: machine.Load, bits: 32, off: sleeperOffset, order: spec.Acquire, stays: true, after: &prior{param: "w", off: idOffset, writes: true}},
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
		{param: "t", class: machine.Load, bits: 64, off: 0, order: spec.Relaxed},
		{param: "t", class: machine.Load, bits: 64, off: 8, order: spec.Relaxed},
	}
}

// wantReadLock: claim the slot with the lock's address, complete the claim with the id, and
// then look for an owner, and whether readers are counted.
func (c *checker) wantReadLock() []want {
	return []want{
		{param: "row", class: machine.Update, form: machine.Compare, bits: 64, off: slotOffset, order: c.row.Order,
			value: &value{kind: isParam, name: "w"}, expect: &value{kind: isConst}},
		{param: "row", class: machine.Store, bits: 64, off: readerOffset, order: spec.Release, value: &value{kind: isGoid},
			after: &prior{param: "row", off: slotOffset, writes: true, guarded: true}},
		{param: "w", class: machine.Load, bits: 64, off: idOffset, order: spec.Acquire, stays: true, after: &prior{param: "row", off: readerOffset, writes: true}},
		{param: "w", class: machine.Load, bits: 32, off: readersOffset, order: spec.Acquire, after: &prior{param: "w", off: idOffset, guarded: true}},
	}
}

// wantReadUnlock: compare the slot, clear its id and then the rest, then look whether the
// owner waits for readers.
func (c *checker) wantReadUnlock() []want {
	return []want{
		{param: "row", class: machine.Load, bits: 64, off: slotOffset, order: spec.Relaxed},
		{param: "row", class: machine.Load, bits: 64, off: readerOffset, order: spec.Relaxed, after: &prior{param: "row", off: slotOffset, guarded: true}},
		{param: "row", class: machine.Store, bits: 64, off: readerOffset, order: spec.Relaxed, value: &value{kind: isConst},
			after: &prior{param: "row", off: readerOffset, guarded: true}},
		{param: "row", class: machine.Store, bits: 64, off: slotOffset, order: c.row.Order, value: &value{kind: isConst},
			after: &prior{param: "row", off: readerOffset, writes: true}},
		{param: "w", class: machine.Load, bits: 32, off: drainerOffset, order: spec.Acquire, stays: true, after: &prior{param: "row", off: slotOffset, writes: true}},
	}
}

// wantWriteLock: what LockOwned does, and then a look for readers.
func (c *checker) wantWriteLock() []want {
	return append(c.wantLockOwned(),
		want{param: "w", class: machine.Load, bits: 32, off: readersOffset, order: spec.Acquire, stays: true,
			after: &prior{param: "w", off: idOffset, writes: true, guarded: true}})
}

// wantWriteUnlock: what UnlockOwned does, with a look for readers before the store and
// another one after it. The one after comes first here, as it is more than the one before.
func (c *checker) wantWriteUnlock() []want {
	owned := c.wantUnlockOwned()
	owned[1].after = &prior{param: "w", off: firstOffset, guarded: true}
	return append(owned,
		want{param: "w", class: machine.Load, bits: 32, off: firstOffset, order: spec.Acquire, after: &prior{param: "w", off: idOffset, writes: true}},
		want{param: "w", class: machine.Load, bits: 32, off: firstOffset, order: spec.Relaxed, after: &prior{param: "w", off: idOffset, guarded: true}})
}

// wantField wants an operation on a field. If the field is no object of its own, that
// is a compare-and-exchange of the word, and a load may precede it.
func (c *checker) wantField(f machine.Form) []want {
	field, _ := c.row.On.Field(c.row.Field)
	if bits := field.Native(); bits != 0 {
		return []want{{param: "val", class: machine.Update, form: f, bits: bits, off: int64(field.Offset()), order: c.row.Order}}
	}
	return c.wantLoop("val", c.row.On.Bits, 0)
}

// wantLoop wants a compare-and-exchange that is tried again, and a load before it.
func (c *checker) wantLoop(param string, bits int, off int64) []want {
	return []want{
		{param: param, class: machine.Update, form: machine.Compare, bits: bits, off: off, order: c.row.Order, retry: true},
		{param: param, class: machine.Load, bits: bits, off: off, order: spec.Relaxed, option: true},
	}
}

// exchanges reports whether a store takes an exchange: with TSO, a plain store is
// not sequentially consistent.
func (c *checker) exchanges() bool {
	return (c.arch.TSO || !c.asm && c.arch.StoresExchange) && c.row.Order == spec.SeqCst
}

// wantUpdate wants one modification of the object, or of the field's word. It is a loop
// where no instruction does it: if a sum must not leave its field, or if a bit
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
	if loop || !c.arch.FetchesBits && u.Fetch && !carries {
		return c.wantLoop(param, bits, off)
	}
	return []want{{param: param, class: machine.Update, form: machine.Modify, bits: bits, off: off, order: c.row.Order}}
}

// wantSetBit wants a modification of the word. Where that returns one bit only, a load
// after it returns the others.
func (c *checker) wantSetBit() []want {
	set := []want{{param: "val", class: machine.Update, form: machine.Modify, bits: c.row.On.Bits, order: c.row.Order}}
	if !c.arch.FetchesBits {
		set = append(set, want{param: "val", class: machine.Load, bits: c.row.On.Bits, order: spec.Relaxed, after: &prior{param: "val", writes: true}})
	}
	return set
}

// wantStoreFields wants one store if the fields are an object of their own, or else a
// modification of the word.
func (c *checker) wantStoreFields() []want {
	to, _ := c.row.On.Stored(c.row.Set)
	if bits := to.Native(); bits != 0 && c.exchanges() {
		return []want{{param: "val", class: machine.Update, form: machine.Exchange, bits: bits, off: int64(to.Offset()), order: c.row.Order}}
	} else if bits != 0 {
		return []want{{param: "val", class: machine.Store, bits: bits, off: int64(to.Offset()), order: c.row.Order,
			value: &value{kind: isConst, n: int64(to.Value)}}}
	}
	return []want{{param: "val", class: machine.Update, form: machine.Modify, bits: c.row.On.Bits, order: c.row.Order}}
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
		case c.fn.code[n].Class != machine.LoadEx || wants[k].class == machine.Load:
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
	nearest := mismatch{rule: RuleAccess, detail: fmt.Sprintf("%s of %s: %s has none", c.fn.code[n].Class, a.name, c.row.Op)}
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
	property(c.fits(n, w), RuleAccess, "%s of %s, want %s", i.Class, a.name, w.class)
	property(i.Class != machine.Update || i.Form == w.form, RuleAccess, "%s, want %s", i.Form, w.form)
	bits, off := i.Bits, a.n
	if size, offset, part := c.part(n); part && i.Bits != w.bits {
		bits, off = size, off+offset
	}
	property(bits == w.bits, RuleWidth, "%d bits of %s, want %d", bits, a.name, w.bits)
	property(off == w.off, RuleOffset, "at %s+%d, want +%d", a.name, off, w.off)
	problem := c.orderingProblem(i, w)
	property(problem == "", RuleOrdering, "%s", problem)
	property(w.value == nil || !i.Class.Writes() || c.holds(n, *w.value), RuleValue, "stores something else than the operation does")
	property(w.expect == nil || i.Class != machine.Update || c.expects(n, *w.expect), RuleValue, "compares with something else than the operation does")
	property(w.after == nil || c.follows(n, w.after), RuleSequence, "must come after %s", w.after)
	property(!w.retry || i.Class == machine.LoadEx || c.repeats(n), RuleRetry, "in no loop that tries again if this fails")
	property(!w.retry || i.Class != machine.Update || c.triesAgain(n), RuleRetry, "tries something else than it has found, or asks something else than whether it has failed")
	return first
}

// fits reports whether an instruction's class is right. The exclusives are parts of an
// update; in a wait loop, a load-exclusive without store is the load that a sleep waits for, and
// in the compiler's code it is a load.
func (c *checker) fits(n int, w *want) bool {
	i := &c.fn.code[n]
	switch i.Class {
	case machine.LoadEx:
		if (c.row.Waits() || !c.asm) && !c.stores(n) {
			return w.class == machine.Load
		}
		return w.class == machine.Update
	case machine.StoreEx:
		return w.class == machine.Update
	}
	return i.Class == w.class
}

// stores reports whether a store-exclusive may follow the load-exclusive n.
func (c *checker) stores(n int) bool {
	ends := func(i *machine.Inst) bool {
		return i.Class == machine.LoadEx || i.Class == machine.StoreEx || i.Class == machine.ClearEx
	}
	reached := c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), ends)
	for k, in := range reached {
		if in && c.fn.code[k].Class == machine.StoreEx {
			return true
		}
	}
	return false
}

// holds reports whether the write n stores v, in the bits that it stores.
func (c *checker) holds(n int, v value) bool {
	i := &c.fn.code[n]
	got := c.fn.value(n, i.Data)
	if got.kind == isMerged && v.kind == isConst { // the bits that it sets
		_, offset, _ := c.fn.merged(n)
		got = value{kind: isConst, n: got.n >> (8 * offset)}
	}
	if v.kind == isConst {
		mask := int64(uint64(1)<<i.Bits - 1)
		got.n, v.n = got.n&mask, v.n&mask
	}
	return got == v
}

// expects reports whether compare-and-exchange n compares with v. The register with
// that value is the one that it writes.
func (c *checker) expects(n int, v value) bool {
	i := &c.fn.code[n]
	return len(i.Sets) > 0 && c.fn.value(n, machine.Operand{Kind: machine.FromReg, Reg: i.Sets[0]}) == v
}

// orderingProblem says how the ordering of an access differs from the row's. With TSO
// no access that the other rules accept has too little. Read-modify-writes and exclusives stay in
// order with each other if they are sequentially consistent, as sync/atomic relies on.
func (c *checker) orderingProblem(i *machine.Inst, w *want) string {
	acquire, release := w.order.Acquires(), w.order.Releases()
	stays := w.stays || w.order == spec.SeqCst && i.Class == machine.Load
	precedes := w.order == spec.SeqCst && i.Class == machine.Store
	switch {
	case c.arch.TSO:
		return ""
	case i.Class == machine.Load || i.Class == machine.LoadEx:
		release = false
	case i.Class == machine.Store || i.Class == machine.StoreEx:
		acquire = false
	}
	if c.arch.Nearest != nil {
		acquire, release = c.arch.Nearest(i, acquire, release)
	}
	switch {
	case acquire && !i.Acquire:
		return fmt.Sprintf("does not acquire, want %s", w.order)
	case release && !i.Release:
		return fmt.Sprintf("does not release, want %s", w.order)
	case stays && !i.Stays && !c.arch.LooksStay:
		return "does not stay after the stores before it"
	case precedes && !i.Precedes && !c.arch.LooksStay:
		return "does not stay before the loads after it"
	case !c.asm: // sync/atomic has nothing weaker
		return ""
	case i.Excess, i.Stays && !stays, i.Precedes && !precedes:
		return fmt.Sprintf("orders more than %s", w.order)
	case i.Acquire && !acquire:
		return fmt.Sprintf("acquires, want %s", w.order)
	case i.Release && !release:
		return fmt.Sprintf("releases, want %s", w.order)
	}
	return ""
}
