// Package amd64 emits the primitives for amd64.
//
// The architecture has total store order (TSO). A plain load is an acquire and a
// plain store is a release. Only an instruction with LOCK, or XCHG, keeps a store
// before a later load, so only there does an ordering cost anything.
package amd64

import (
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	"github.com/mmcloughlin/avo/x86"

	"github.com/rqlock/rqlock/gen/amd64/decode"
	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// Arch is the amd64 architecture.
var Arch = &emit.Arch{
	Name:      "amd64",
	SpinChunk: SpinChunk,
	SpinTime:  70, // of PAUSE since Skylake: 140 cycles at 2 GHz
	Variants:  []emit.Variant{{Name: "amd64"}},
	Inlines:   inlines,
	Machine:   decode.Machine,
	Compile:   compile,
	Emitters: emit.WithFamilies(update, await, awaitThen, map[spec.Op]emit.Emitter{
		spec.Load:         load,
		spec.Store:        store,
		spec.Xchg:         xchg,
		spec.Cmpxchg:      cmpxchgWord,
		spec.XchgField:    xchgField,
		spec.CmpxchgField: cmpxchgField,
		spec.FetchSetBit:  fetchSetBit,
		spec.StoreFields:  storeFields,
		spec.Relax:        relax,
		spec.CycleCount:   cycleCount,
		spec.Fence:        fence,
		spec.CurrentG:     currentG,
		spec.LockFast:     lockFast,
		spec.UnlockFast:   unlockFast,
		spec.CurrentGoid:  currentGoid,
		spec.LockOwned:    lockOwned,
		spec.UnlockOwned:  withRest(unlockOwnedPath, 3),
		spec.ReadLock:     withRest(readLockPath, 3),
		spec.ReadUnlock:   withRest(readUnlockPath, 3),
		spec.WriteLock:    withRest(writeLockPath, 3),
		spec.WriteUnlock:  withRest(writeUnlockPath, 4),

		spec.CmpxchgOld:      cmpxchgWord,
		spec.CmpxchgFieldOld: cmpxchgField,
	}),
	Fused: map[spec.Op]emit.FusedEmitter{
		spec.LockFast: lockPath, spec.UnlockFast: unlockPath,
		spec.LockOwned: lockOwnedPath, spec.UnlockOwned: unlockOwnedPath,
		spec.ReadLock: readLockPath, spec.ReadUnlock: readUnlockPath,
		spec.WriteLock: writeLockPath, spec.WriteUnlock: writeUnlockPath,
	},
	NilError: nilError,
	Return:   ret,
}

// inlines reports what the compiler does as well. A store is an XCHG to it, which costs
// more than an assembly call with a plain move, unless sequential consistency needs it.
func inlines(r *spec.Row) bool {
	switch r.Op {
	case spec.Load, spec.Xchg, spec.Cmpxchg:
		return r.Width >= 32
	case spec.Store:
		return r.Width >= 32 && r.Order == spec.SeqCst
	}
	return false
}

func at(p reg.Register, offset int) operand.Mem { return operand.Mem{Base: p, Disp: offset} }

func load(f *emit.Func, r *spec.Row) {
	v := f.GP64()
	p := arg(f, "p")
	noFence(f, r)
	loadInto(f, r.Width, at(p, 0), v)
	result(f, v, "v")
	ret(f)
}

func store(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), arg(f, "v")
	if r.Order == spec.SeqCst {
		exchange(f, r.Width, v, at(p, 0))
		ret(f)
		return
	}
	noFence(f, r)
	f.Add(mov(r.Width, v, at(p, 0)))
	ret(f)
}

// noFence comments on why a plain move is enough.
func noFence(f *emit.Func, r *spec.Row) {
	switch r.Order {
	case spec.Acquire, spec.SeqCst:
		f.Comment("No fence: TSO keeps later accesses after a load.")
	case spec.Release:
		f.Comment("No fence: TSO keeps earlier accesses before a store.")
	}
}

func xchg(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), arg(f, "new")
	exchange(f, r.Width, v, at(p, 0))
	result(f, v, "old")
	ret(f)
}

// exchange swaps the low bits of v with memory.
func exchange(f *emit.Func, bits int, v reg.GPVirtual, m operand.Mem) {
	f.Comment("XCHG with memory is atomic without a LOCK prefix.")
	switch bits {
	case 8:
		f.Add(x86.XCHGB(v.As8(), m))
	case 16:
		f.Add(x86.XCHGW(v.As16(), m))
	case 32:
		f.Add(x86.XCHGL(v.As32(), m))
	default:
		f.Add(x86.XCHGQ(v.As64(), m))
	}
}

func cmpxchgWord(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), arg(f, "new")
	argInto(f, "old", reg.RAX)
	compareExchange(f, r, r.Width, v, at(p, 0), func() { result(f, reg.RAX, "found") })
}

// compareExchange stores the low bits of v in memory if AX has the value there. It returns
// ok, or what found stores as the result, if the operation returns what it has found.
func compareExchange(f *emit.Func, r *spec.Row, bits int, v reg.GPVirtual, m operand.Mem, found func()) {
	lock(f)
	cmpxchg(f, bits, narrow(v, bits).(reg.Register), m)
	if r.Op == spec.CmpxchgOld || r.Op == spec.CmpxchgFieldOld {
		found()
	} else {
		ok := f.GP8()
		f.Add(x86.SETEQ(ok))
		result(f, ok, "ok")
	}
	ret(f)
}

func xchgField(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p, v := arg(f, "val"), arg(f, "new")
	if bits := field.Native(); bits != 0 {
		shiftDown(f, r.On, field, v)
		exchange(f, bits, v, at(p, field.Offset()))
		shiftUp(f, r.On, field, v)
		result(f, v, "old")
		ret(f)
		return
	}
	onlyField(f, r.On, field, v)
	plainLoad(f, r.On.Bits, at(p, 0))
	f.Label("again")
	replaceField(f, r.On, field, v, p)
	f.Add(x86.JNE(operand.LabelRef("again")))
	onlyField(f, r.On, field, reg.RAX)
	result(f, reg.RAX, "old")
	ret(f)
}

// plainLoad loads into AX what a compare-and-exchange is to expect.
func plainLoad(f *emit.Func, bits int, m operand.Mem) {
	f.Comment("A plain load is enough, because the CMPXCHG that succeeds orders.")
	loadInto(f, bits, m, reg.RAX)
}

// loadInto loads from memory, zero-extended to at least 32 bits.
func loadInto(f *emit.Func, bits int, m operand.Mem, r gp) {
	switch bits {
	case 8:
		f.Add(x86.MOVBLZX(m, r.As32()))
	case 16:
		f.Add(x86.MOVWLZX(m, r.As32()))
	default:
		f.Add(mov(bits, m, r))
	}
}

// shiftDown shifts a field's bits down from its position.
func shiftDown(f *emit.Func, w *spec.Word, field spec.Field, v gp) {
	switch {
	case field.Shift == 0:
	case w.Bits == 64:
		f.Add(x86.SHRQ(operand.U8(field.Shift), v.As64()))
	default:
		f.Add(x86.SHRL(operand.U8(field.Shift), v.As32()))
	}
}

// shiftUp makes a whole word of the low bits of v, which are a field's.
func shiftUp(f *emit.Func, w *spec.Word, field spec.Field, v gp) {
	if field.Top() < w.Bits-1 { // otherwise the shift drops the bits that are not the field's
		f.Add(zeroExtend(field.Bits, v))
	}
	switch {
	case field.Shift == 0:
	case w.Bits == 64:
		f.Add(x86.SHLQ(operand.U8(field.Shift), v.As64()))
	default:
		f.Add(x86.SHLL(operand.U8(field.Shift), v.As32()))
	}
}

// zeroExtend clears the bits of v above the low ones.
func zeroExtend(bits int, v gp) (*ir.Instruction, error) {
	switch bits {
	case 8:
		return x86.MOVBLZX(v.As8(), v.As32())
	case 16:
		return x86.MOVWLZX(v.As16(), v.As32())
	}
	return x86.MOVL(v.As32(), v.As32())
}

// onlyField clears the bits of v that are not the field's.
func onlyField(f *emit.Func, w *spec.Word, field spec.Field, v gp) {
	compute(f, "and", w.Bits, bitmask(f, w.Bits, field.Mask()), v)
}

// bitmask returns an operand with a constant: no instruction but MOVQ takes 64 bits.
func bitmask(f *emit.Func, bits int, v uint64) operand.Op {
	if bits < 64 {
		return operand.U32(v)
	}
	return constant(f, v)
}

func constant(f *emit.Func, v uint64) reg.GPVirtual {
	r := f.GP64()
	if v>>32 == 0 {
		f.Add(x86.MOVL(operand.U32(v), r.As32()))
	} else {
		f.Add(x86.MOVQ(operand.U64(v), r))
	}
	return r
}

type twoOperands = func(imr, mr operand.Op) (*ir.Instruction, error)

// arithmetic has the instructions, by width.
var arithmetic = map[string]map[int]twoOperands{
	"add": {8: x86.ADDB, 16: x86.ADDW, 32: x86.ADDL, 64: x86.ADDQ},
	"sub": {8: x86.SUBB, 16: x86.SUBW, 32: x86.SUBL, 64: x86.SUBQ},
	"and": {8: x86.ANDB, 16: x86.ANDW, 32: x86.ANDL, 64: x86.ANDQ},
	"or":  {8: x86.ORB, 16: x86.ORW, 32: x86.ORL, 64: x86.ORQ},
	"xor": {8: x86.XORB, 16: x86.XORW, 32: x86.XORL, 64: x86.XORQ},
}

// compute appends dst = dst verb src.
func compute(f *emit.Func, verb string, bits int, src, dst operand.Op) {
	f.Add(arithmetic[verb][bits](narrow(src, bits), narrow(dst, bits)))
}

// replaceField tries to set the field of the word at p to v, which is shifted to the
// field's position. AX has the word that it expects. Afterwards ZF tells whether it
// did, and AX has the word that it found.
func replaceField(f *emit.Func, word *spec.Word, field spec.Field, v, p reg.Register) {
	w := f.GP64()
	f.Add(mov(word.Bits, reg.RAX, w))
	compute(f, "and", word.Bits, bitmask(f, word.Bits, word.All()&^field.Mask()), w)
	compute(f, "or", word.Bits, v, w)
	lock(f)
	cmpxchg(f, word.Bits, narrow(w, word.Bits).(reg.Register), at(p, 0))
}

func cmpxchgField(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	bits := r.On.Bits
	p, v := arg(f, "val"), arg(f, "new")
	if bits := field.Native(); bits != 0 {
		argInto(f, "old", reg.RAX)
		shiftDown(f, r.On, field, reg.RAX)
		shiftDown(f, r.On, field, v)
		compareExchange(f, r, bits, v, at(p, field.Offset()), func() {
			shiftUp(f, r.On, field, reg.RAX)
			result(f, reg.RAX, "found")
		})
		return
	}
	want, w := arg(f, "old"), f.GP64()
	onlyField(f, r.On, field, want)
	onlyField(f, r.On, field, v)
	plainLoad(f, bits, at(p, 0))
	f.Label("again")
	f.Add(mov(bits, reg.RAX, w))
	onlyField(f, r.On, field, w)
	f.Add(compare(bits, w, want))
	f.Add(x86.JNE(operand.LabelRef("miss")))
	replaceField(f, r.On, field, v, p)
	f.Add(x86.JNE(operand.LabelRef("again")))
	if r.Op == spec.CmpxchgFieldOld {
		f.Label("miss")
		onlyField(f, r.On, field, reg.RAX)
		result(f, reg.RAX, "found")
		ret(f)
		return
	}
	result(f, operand.U8(1), "ok")
	ret(f)
	f.Label("miss")
	result(f, operand.U8(0), "ok")
	ret(f)
}

func compare(bits int, a, b operand.Op) (*ir.Instruction, error) {
	if bits == 64 {
		return x86.CMPQ(narrow(a, 64), narrow(b, 64))
	}
	return x86.CMPL(narrow(a, 32), narrow(b, 32))
}

func fetchSetBit(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	bit, bits := operand.U8(field.Shift), r.On.Bits
	p := arg(f, "val")
	old, w := f.GP64(), f.GP64()
	f.Add(x86.XORL(old.As32(), old.As32()))
	lock(f)
	if bits == 64 {
		f.Add(x86.BTSQ(bit, at(p, 0)))
	} else {
		f.Add(x86.BTSL(bit, at(p, 0)))
	}
	f.Comment("CF has the old bit. BTS returns no other bits, so load them after it.")
	f.Add(x86.SETCS(old.As8()))
	if bits == 64 {
		f.Add(x86.SHLQ(bit, old))
	} else {
		f.Add(x86.SHLL(bit, old.As32()))
	}
	f.Add(mov(bits, at(p, 0), w))
	if bits == 64 {
		f.Add(x86.BTRQ(bit, w))
	} else {
		f.Add(x86.ANDL(operand.U32(^(uint32(1) << field.Shift)), w.As32()))
	}
	compute(f, "or", bits, w, old)
	result(f, old, "old")
	ret(f)
}

func storeFields(f *emit.Func, r *spec.Row) {
	to, err := r.On.Stored(r.Set)
	f.Fail(err)
	p := arg(f, "val")
	switch bits := to.Native(); {
	case bits != 0 && r.Order == spec.SeqCst:
		exchange(f, bits, constant(f, to.Value), at(p, to.Offset()))
	case bits != 0:
		var v operand.Op = imm(bits, to.Value)
		if to.Value>>31 != 0 && bits == 64 {
			v = constant(f, to.Value)
		}
		noFence(f, r)
		f.Add(mov(bits, v, at(p, to.Offset())))
	case to.Value == 0:
		locked(f, "and", r.On.Bits, bitmask(f, r.On.Bits, r.On.All()&^to.Mask()), at(p, 0))
	default:
		from, err := r.On.Stored(r.From)
		f.Fail(err)
		f.Comment("The caller guarantees the old values, so flip the bits that differ.")
		locked(f, "xor", r.On.Bits, bitmask(f, r.On.Bits, (from.Value^to.Value)<<to.Shift), at(p, 0))
	}
	ret(f)
}

// locked appends m = m verb v, under LOCK.
func locked(f *emit.Func, verb string, bits int, v operand.Op, m operand.Mem) {
	lock(f)
	compute(f, verb, bits, v, m)
}

func imm(bits int, v uint64) operand.Op {
	switch bits {
	case 8:
		return operand.U8(v)
	case 16:
		return operand.U16(v)
	}
	return operand.U32(v)
}

// update emits a read-modify-write of an object, or of a field that a machine can access
// by itself, or else of the field's word.
func update(f *emit.Func, r *spec.Row) {
	u := spec.Updates[r.Op]
	if !u.Field {
		p, v := arg(f, "p"), operandOf(f, u, 1)
		updateObject(f, u, r.Width, v, at(p, 0), func(old gp) { result(f, old, "old") })
		return
	}
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p := arg(f, "val")
	if bits := field.Native(); bits != 0 {
		v := operandOf(f, u, 1)
		if !u.Unary {
			shiftDown(f, r.On, field, v)
		}
		updateObject(f, u, bits, v, at(p, field.Offset()), func(old gp) {
			shiftUp(f, r.On, field, old)
			result(f, old, "old")
		})
		return
	}
	v := operandOf(f, u, 1<<field.Shift)
	if !u.Unary {
		onlyField(f, r.On, field, v)
	}
	if u.Verb == "and" { // with the complement: the bits outside of the field stay
		compute(f, "xor", r.On.Bits, bitmask(f, r.On.Bits, field.Mask()), v)
		u.Verb = "andnot"
	}
	end := func(old gp) {
		onlyField(f, r.On, field, old)
		result(f, old, "old")
	}
	if carries := u.Verb == "add" || u.Verb == "sub"; carries && field.Top() < r.On.Bits-1 {
		swapping(f, r.On.Bits, at(p, 0), func(w reg.GPVirtual) {
			f.Comment("Of the sum, only the field's bits go into the word.")
			compute(f, u.Verb, r.On.Bits, v, w)
			compute(f, "xor", r.On.Bits, reg.RAX, w)
			onlyField(f, r.On, field, w)
			compute(f, "xor", r.On.Bits, reg.RAX, w)
		})
		if u.Fetch {
			end(reg.RAX)
		}
		ret(f)
		return
	}
	updateObject(f, u, r.On.Bits, v, at(p, 0), end)
}

// operandOf returns the parameter v, or if there is none a constant.
func operandOf(f *emit.Func, u spec.Update, one uint64) reg.GPVirtual {
	if u.Unary {
		return constant(f, one)
	}
	return arg(f, "v")
}

// updateObject emits m = m verb v. If the operation returns what was in memory, end gets
// the register that has it.
func updateObject(f *emit.Func, u spec.Update, bits int, v reg.GPVirtual, m operand.Mem, end func(old gp)) {
	verb := u.Verb
	if verb == "andnot" {
		f.Add(x86.NOTQ(v.As64()))
		verb = "and"
	}
	switch {
	case !u.Fetch:
		locked(f, verb, bits, v, m)
	case verb == "add" || verb == "sub":
		if verb == "sub" {
			f.Add(x86.NEGQ(v.As64()))
		}
		lock(f)
		f.Add(map[int]twoOperands{8: x86.XADDB, 16: x86.XADDW, 32: x86.XADDL, 64: x86.XADDQ}[bits](narrow(v, bits), m))
		end(v)
	default:
		swapping(f, bits, m, func(w reg.GPVirtual) { compute(f, verb, bits, v, w) })
		end(reg.RAX)
	}
	ret(f)
}

// swapping emits the CMPXCHG loop that updates what is in memory. AX has what was found,
// and change makes of a copy of it what is to be stored.
func swapping(f *emit.Func, bits int, m operand.Mem, change func(w reg.GPVirtual)) {
	w := f.GP64()
	plainLoad(f, bits, m)
	f.Label("again")
	f.Add(mov(max(bits, 32), reg.RAX, w))
	change(w)
	lock(f)
	cmpxchg(f, bits, narrow(w, bits).(reg.Register), m)
	f.Add(x86.JNE(operand.LabelRef("again")))
}

// SpinChunk is a number of spins of a conditional load that take about 20 us or
// less. A PAUSE takes 10 to 140 cycles.
const SpinChunk = 256

// jumps has the branches that are taken if a comparison holds.
var jumps = map[string]func(operand.Op) (*ir.Instruction, error){
	"==": x86.JEQ, "!=": x86.JNE, "<": x86.JCS, "<=": x86.JLS, ">": x86.JHI, ">=": x86.JCC,
}

func await(f *emit.Func, r *spec.Row) {
	u, bits := spec.Awaits[r.Op], r.Width
	p := arg(f, "p")
	var mask reg.Register
	if u.Masked {
		mask = arg(f, "mask")
	}
	want, spins := arg(f, "want"), arg(f, "spins")
	v, found := f.GP64(), f.GP64()
	noFence(f, r)
	f.Label("again")
	f.Add(mov(bits, at(p, 0), v))
	if u.Masked {
		f.Add(mov(bits, v, found))
		compute(f, "and", bits, mask, found)
	} else {
		found = v
	}
	f.Add(compare(bits, found, want))
	f.Add(jumps[u.Is](operand.LabelRef("done")))
	f.Add(x86.SUBL(operand.U8(1), spins))
	f.Add(x86.JCS(operand.LabelRef("done")))
	f.Add(x86.PAUSE())
	f.Add(x86.JMP(operand.LabelRef("again")))
	f.Label("done")
	result(f, v, "v")
	ret(f)
}

// awaitThen waits as await does, and then tries to change what it has found. An exchange
// that comes too late counts as a spin.
func awaitThen(f *emit.Func, r *spec.Row) {
	u, bits := spec.Awaits[r.Op], r.Width
	p := arg(f, "p")
	var mask reg.Register
	if u.Masked {
		mask = arg(f, "mask")
	}
	want, v, spins := arg(f, "want"), arg(f, "v"), arg(f, "spins")
	found, w := gp(reg.RAX), f.GP64()
	f.Label("look")
	plainLoad(f, bits, at(p, 0))
	if u.Masked {
		found = f.GP64()
		f.Add(mov(bits, reg.RAX, found))
		compute(f, "and", bits, mask, found)
	}
	f.Add(compare(bits, found, want))
	f.Add(jumps[u.Is](operand.LabelRef("holds")))
	f.Label("again")
	f.Add(x86.SUBL(operand.U8(1), spins))
	f.Add(x86.JCS(operand.LabelRef("over")))
	f.Add(x86.PAUSE())
	f.Add(x86.JMP(operand.LabelRef("look")))
	f.Label("holds")
	if u.Then == "set" {
		w = v
	} else {
		f.Add(mov(bits, reg.RAX, w))
		compute(f, u.Then, bits, v, w)
	}
	lock(f)
	cmpxchg(f, bits, narrow(w, bits).(reg.Register), at(p, 0))
	f.Add(x86.JNE(operand.LabelRef("again")))
	result(f, reg.RAX, "old")
	returnBool(f, 1)
	f.Label("over")
	result(f, reg.RAX, "old")
	returnBool(f, 0)
}

func fence(f *emit.Func, r *spec.Row) {
	if r.Order == spec.SeqCst {
		f.Comment("Any LOCK is a fence. MFENCE takes seven times as long, and at 0(SP) RET would wait.")
		lock(f)
		f.Add(x86.ADDL(operand.Imm(0), operand.Mem{Base: reg.StackPointer, Disp: -8}))
	} else {
		f.Comment("No fence: TSO lets nothing pass but a load an earlier store, which this ordering allows.")
	}
	ret(f)
}

func relax(f *emit.Func, _ *spec.Row) {
	f.Add(x86.PAUSE())
	ret(f)
}

func cycleCount(f *emit.Func, _ *spec.Row) {
	f.Comment("RDTSC does not serialise. It may be executed before earlier loads.")
	f.Add(x86.RDTSC())
	f.Add(x86.SHLQ(operand.U8(32), reg.RDX))
	f.Add(x86.ORQ(reg.RDX, reg.RAX))
	result(f, reg.RAX, "ticks")
	ret(f)
}

func currentG(f *emit.Func, _ *spec.Row) {
	result(f, loadG(f), "gp")
	ret(f)
}

func lockFast(f *emit.Func, r *spec.Row) {
	lockPath(f, r.On, emit.Places(r), func() { returnBool(f, 1) }, func() { returnBool(f, 0) })
}

func unlockFast(f *emit.Func, r *spec.Row) {
	unlockPath(f, r.On, emit.Places(r), func() { returnBool(f, 1) }, func() { returnBool(f, 0) })
}

func returnBool(f *emit.Func, ok uint8) {
	result(f, operand.U8(ok), "ok")
	ret(f)
}

func lockPath(f *emit.Func, w *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	pending := w.Get("pending")
	p, locked := arg(f, on[0].Param), f.GP32()
	f.Add(x86.MOVL(operand.U32(1), locked))
	f.Comment("t,p,l -> t,p,1",
		"The exchange is of a byte, because the unlock stores a byte. A wider access soon after",
		"that store could not be forwarded from it, and would wait until it is in the cache.")
	exchange(f, 8, locked, at(p, 0))
	f.Add(x86.TESTB(locked.As8(), locked.As8()))
	f.Add(x86.JNE(operand.LabelRef("held")))
	f.Add(x86.TESTB(operand.U8(pending.Mask()>>(8*pending.Offset())), at(p, pending.Offset())))
	f.Add(x86.JNE(operand.LabelRef("closed")))
	f.Add(x86.MOVQ(loadG(f), at(p, emit.OwnerOffset)))
	done()
	f.Label("closed")
	f.Comment("t,1,1 -> t,1,0", "A waiter has closed the lock, so give it back.",
		"No fence: TSO keeps this store after the last owner's section.")
	f.Add(x86.MOVB(operand.U8(0), at(p, 0)))
	f.Label("held")
	otherwise[0]()
}

func unlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := reg.RAX
	argInto(f, on[0].Param, p)
	f.Comment("A waiter that polls may have the cache line. Ask for the line once, to write to it,",
		"instead of twice, to read the owner and then to write.")
	prefetchToWrite(f, p)
	f.Add(x86.CMPQ(loadG(f), at(p, emit.OwnerOffset)))
	f.Add(x86.JNE(operand.LabelRef("foreign")))
	f.Add(x86.MOVQ(operand.U32(0), at(p, emit.OwnerOffset)))
	f.Comment("t,p,1 -> t,p,0", "No fence and no LOCK: TSO keeps the section's accesses before this store.")
	f.Add(x86.MOVB(operand.U8(0), at(p, 0)))
	done()
	f.Label("foreign")
	otherwise[0]()
}

func currentGoid(f *emit.Func, _ *spec.Row) {
	result(f, loadGoid(f), "id")
	ret(f)
}

func lockOwned(f *emit.Func, r *spec.Row) {
	lockOwnedPath(f, r.On, emit.Places(r), func() { returnBool(f, 1) }, func() { returnBool(f, 0) })
}

// withRest makes an emitter of a fast path that has n results, from 0.
func withRest(path emit.FusedEmitter, n int) emit.Emitter {
	return func(f *emit.Func, r *spec.Row) {
		ends := make([]func(), n)
		for rest := range ends {
			ends[rest] = func() {
				result(f, operand.U32(rest), "rest")
				ret(f)
			}
		}
		path(f, r.On, emit.Places(r), ends[0], ends[1:]...)
	}
}

func lockOwnedPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	own(f, arg(f, on[0].Param))
	done()
	f.Label("held")
	otherwise[0]()
}

// own makes the current goroutine the owner of the lock at p, or branches to held.
func own(f *emit.Func, p reg.Register) {
	id := loadGoid(f)
	f.Comment("Is the lock closed? Look first: a newcomer that took it, and gave it back once it had",
		"looked, could stop in between, and the waiter that has closed it would starve. The mark",
		"is the top bit of Sleeper, which is in the byte at 15.")
	f.Add(x86.TESTB(operand.U8(1<<emit.ClosedBit), at(p, emit.ClosedOffset)))
	f.Add(x86.JNE(operand.LabelRef("held")))
	f.Comment("0 -> id", "The exchange is as wide as the unlock's store. If it were wider, that store could not be",
		"forwarded to it soon after, and it would wait until the store is in the cache.")
	f.Add(x86.XORL(reg.EAX, reg.EAX))
	lock(f)
	cmpxchg(f, 64, id, at(p, 0))
	f.Add(x86.JNE(operand.LabelRef("held")))
}

func unlockOwnedPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	mine(f, p)
	disown(f, p)
	done()
	f.Label("wake")
	otherwise[0]()
	f.Label("foreign")
	otherwise[1]()
}

// mine branches to foreign unless the current goroutine is the owner of the lock at p.
func mine(f *emit.Func, p reg.Register) {
	f.Comment("Nobody else can make this goroutine the owner, or end its ownership.")
	f.Add(x86.CMPQ(loadGoid(f), at(p, 0)))
	f.Add(x86.JNE(operand.LabelRef("foreign")))
}

// disown releases the lock at p, and branches to wake if somebody may be asleep.
func disown(f *emit.Func, p reg.Register) {
	f.Comment("id -> 0", "No fence and no LOCK: TSO keeps the section's accesses before this store.")
	f.Add(x86.MOVQ(operand.U32(0), at(p, 0)))
	f.Comment("Does anybody sleep? TSO lets this load be done while the store is still in the store",
		"buffer, so it can miss a waiter that says so now. That waiter looks at the owner again",
		"once the buffer has drained. A locked instruction here would cost more than all the rest.")
	unlessZero(f, at(p, emit.SleeperOffset), "wake")
}

// unlessZero branches if the 32-bit word is not 0.
func unlessZero(f *emit.Func, word operand.Mem, label string) {
	f.Add(x86.CMPL(word, operand.U8(0)))
	f.Add(x86.JNE(operand.LabelRef(label)))
}

// readerRow returns the row of the current goroutine, and the goroutine's id.
func readerRow(f *emit.Func, table operand.Mem) (row, id reg.Register) {
	g, address := loadG(f), f.GP64()
	goid := f.GP64()
	f.Comment("The row is found by the g, which is at hand, and holds the id, which is never used again.")
	f.Add(x86.MOVQ(g, address))
	f.Add(x86.SHRQ(operand.U8(emit.RowShift), address))
	f.Add(x86.XORQ(g, address))
	f.Add(x86.ANDQ(table.Offset(emit.MaskOffset), address))
	f.Add(x86.ADDQ(table.Offset(emit.RowsOffset), address))
	f.Add(x86.MOVQ(at(g, emit.GoidOffset), goid))
	return address, goid
}

func readLockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	row, id := readerRow(f, pointee(f, on[1]))
	f.Comment("0,0 -> lock,0 -> lock,id",
		"LOCK keeps the claim before the looks below: a writer that does not find it is found.")
	f.Add(x86.XORL(reg.EAX, reg.EAX))
	lock(f)
	cmpxchg(f, 64, p, at(row, 0))
	f.Add(x86.JNE(operand.LabelRef("refused")))
	f.Add(x86.MOVQ(id, at(row, emit.IDOffset)))
	f.Comment("Is there an owner?")
	f.Add(x86.CMPQ(at(p, 0), operand.U8(0)))
	f.Add(x86.JNE(operand.LabelRef("claimed")))
	f.Comment("Must readers be counted? The top bit of Readers is its sign.")
	f.Add(x86.CMPL(at(p, emit.ReadersOffset), operand.U8(0)))
	f.Add(x86.JGE(operand.LabelRef("claimed")))
	done()
	f.Label("refused")
	otherwise[0]()
	f.Label("claimed")
	otherwise[1]()
}

func readUnlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	row, id := readerRow(f, pointee(f, on[1]))
	f.Comment("Nobody else can give this goroutine a slot, or take it away.")
	f.Add(x86.CMPQ(p, at(row, 0)))
	f.Add(x86.JNE(operand.LabelRef("other")))
	f.Add(x86.CMPQ(id, at(row, emit.IDOffset)))
	f.Add(x86.JNE(operand.LabelRef("other")))
	f.Comment("lock,id -> lock,0 -> 0,0", "No fence and no LOCK: TSO keeps the section's accesses before these stores.")
	f.Add(x86.MOVQ(operand.U32(0), at(row, emit.IDOffset)))
	f.Add(x86.MOVQ(operand.U32(0), at(row, 0)))
	f.Comment("Does the owner wait for readers? TSO lets this load be done while the stores are still",
		"in the store buffer, so it can miss an owner that says so now. That owner looks at the",
		"slot again once the buffer has drained.")
	unlessZero(f, at(p, emit.DrainerOffset), "wake")
	done()
	f.Label("wake")
	otherwise[0]()
	f.Label("other")
	otherwise[1]()
}

func writeLockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	own(f, p)
	f.Comment("May there be readers? LOCK keeps the exchange before this look: a reader that does not",
		"find the owner is found.")
	unlessZero(f, at(p, emit.ReadersOffset), "readers")
	done()
	f.Label("held")
	otherwise[0]()
	f.Label("readers")
	otherwise[1]()
}

func writeUnlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	mine(f, p)
	f.Comment("Do readers wait? Then the caller has them in before it lets go of the lock.")
	unlessZero(f, at(p, emit.FirstOffset), "admit")
	disown(f, p)
	f.Comment("Has a reader begun to wait meanwhile? It looks at the owner again, too, as a sleeper does.")
	unlessZero(f, at(p, emit.FirstOffset), "wake")
	done()
	f.Label("wake")
	otherwise[0]()
	f.Label("foreign")
	otherwise[1]()
	f.Label("admit")
	otherwise[2]()
}

// nilError stores both words of the error at once.
func nilError(f *emit.Func) {
	zero := f.XMM()
	f.Add(x86.XORPS(zero, zero))
	f.Add(x86.MOVUPS(zero, f.ErrorResult()[0]))
}
