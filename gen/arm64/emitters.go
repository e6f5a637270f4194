// Package arm64 emits the primitives for arm64.
//
// The architecture is weakly ordered: an access orders no more than its instruction
// says. LDAR and LDAXR acquire, STLR and STLXR release, and the names of LSE
// instructions have an A or an L.
//
// A read-modify-write has two bodies. One is an LSE instruction, or a loop around
// CAS. The other is LL/SC, a loop of exclusive load and store, for cores before
// ARMv8.1. A variable of the Go package chooses between them at run time. Builds
// for GOARM64=v8.1 have the first one only.
package arm64

import (
	"bytes"
	_ "embed" // the template of a test
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/arm64/decode"
	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// Arch is the arm64 architecture.
var Arch = &emit.Arch{
	Name:       "arm64",
	SpinChunk:  SpinChunk,
	SpinTime:   25, // of ISB: 50 cycles at 2 GHz
	Variants:   []emit.Variant{{Name: withLSE, Selector: "lsePath"}, {Name: "arm64+llsc"}},
	Inlines:    inlines,
	Bodies:     bodies,
	BodiesTest: bodiesTest,
	Flags: []emit.Flag{
		{Name: "hasLSE", CPU: "ARM64.HasATOMICS", Selects: []string{withLSE}, Doc: []string{
			"hasLSE says that the machine has LSE, instructions that do a read-modify-write. Until",
			"the variable is set, the LL/SC loops run, which are right on every machine.",
		}},
		{Name: "hasEventStream", CPU: "ARM64.HasEVTSTRM", Doc: []string{
			"hasEventStream says that a timer ends every WFE, so that a wait may sleep in it. Only",
			"Linux reports it. On other systems the flag may be about the core, not the timer.",
		}, OS: "linux"},
	},
	Machine: decode.Machine,
	Compile: compile,
	Finish:  finish,
	Emitters: emit.WithFamilies(updateMemory, await, awaitThen, map[spec.Op]emit.Emitter{
		spec.Load:         load,
		spec.Store:        store,
		spec.Xchg:         xchg,
		spec.Cmpxchg:      cmpxchg,
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

		spec.CmpxchgOld:      cmpxchg,
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
	Helpers: []emit.Helper{
		{
			Name: "lsePath",
			Sig:  "func() (lse bool)",
			Doc:  []string{"lsePath reports whether the LSE bodies run, or else LL/SC. It chooses as every primitive does."},
			Emit: func(f *emit.Func) {
				dispatch(f, func() { returnBool(f, "lse", true) }, func() { returnBool(f, "lse", false) })
			},
		},
	},
}

const withLSE = "arm64+lse"

//go:embed bodies_test.go.tmpl
var bodiesTest string

// inlines reports what the compiler does as well: LDAR, STLR, and LSE with a check as ours.
func inlines(r *spec.Row) bool {
	switch r.Op {
	case spec.Load, spec.Store, spec.Xchg, spec.Cmpxchg:
		return r.Width >= 32
	}
	return false
}

// bodies splits what dispatch has emitted: what both bodies begin with, the choice, the
// LSE body and the LL/SC body.
func bodies(opcodes []string) []emit.Body {
	var parts [][]string
	part := []string{}
	for _, op := range opcodes {
		if strings.HasPrefix(op, "#") {
			parts = append(parts, part)
			part = nil
			continue
		}
		part = append(part, op)
	}
	parts = append(parts, part)
	if len(parts) < 4 {
		return nil
	}
	common := parts[0]
	return []emit.Body{
		{Name: "LSE", Opcodes: slices.Concat(common, parts[2])},
		{Name: "LL/SC", Opcodes: slices.Concat(common, parts[3])},
	}
}

// finish puts preprocessor directives at the beginning of their lines, and the one
// that begins a body next to the body's label.
func finish(src []byte) []byte {
	src = bytes.ReplaceAll(src, []byte("\n\t#"), []byte("\n#"))
	return bytes.ReplaceAll(src, []byte("\n"+ifndefLSE+"\n\n"), []byte("\n\n"+ifndefLSE+"\n"))
}

// dispatch emits both bodies of a read-modify-write. Each ends by itself.
func dispatch(f *emit.Func, lse, llsc func()) {
	bare(f, ifndefLSE)
	branch(f, "CBZW", "llsc", variable(f, "hasLSE"))
	bare(f, endif)
	lse()
	bare(f, ifndefLSE)
	f.Label("llsc")
	llsc()
	closeBody(f)
}

// An update emits the computation of the word to store from the word found. What it
// emits may also branch away.
type update func(found reg.Register) reg.Register

// exclusively emits the LL/SC loop that updates *p. It returns the register with the
// old word.
func exclusively(f *emit.Func, o spec.Order, bits int, p reg.Register, u update) reg.Register {
	old, status := f.GP64(), f.GP64()
	f.Label("retry")
	loadExclusive(f, loadExclusiveOpcode(o, bits), p, old, status)
	storeExclusive(f, storeExclusiveOpcode(o, bits), u(old), p, status)
	branch(f, "CBNZW", "retry", status)
	return old
}

// swapping emits the CAS loop that updates *p, for what LSE has no instruction that does
// it. It returns the register with the old value.
func swapping(f *emit.Func, o spec.Order, bits int, p reg.Register, u update) reg.Register {
	old, found := f.GP64(), f.GP64()
	f.Comment("A plain load is enough, because the CAS that succeeds orders.")
	add(f, zeroExtending[bits], at(p), old)
	f.Label("again")
	new := u(old)
	add(f, "MOVD", old, found)
	cas(f, lse("CAS", o, bits), found, p, new)
	test(f, sized("CMP", bits), old, found)
	add(f, "MOVD", found, old)
	branch(f, "BNE", "again")
	return old
}

// returnBool ends the function with a boolean result.
func returnBool(f *emit.Func, name string, v bool) {
	r := reg.Register(zr)
	if v {
		r = constant(f, 1)
	}
	result(f, r, name)
	ret(f)
}

// giveUp ends an LL/SC body that found the wrong value.
func giveUp(f *emit.Func, label string) {
	f.Label(label)
	dropReservation(f)
	returnBool(f, "ok", false)
}

func dropReservation(f *emit.Func) {
	f.Comment("Drop the reservation, so that no later exclusive store succeeds by it.")
	bare(f, "CLREX")
}

// shift moves a pointer to a field's own bytes, for the instructions that take no
// displacement: LSE, exclusives, acquires and releases.
func shift(f *emit.Func, p reg.Register, field spec.Field) {
	if n := field.Offset(); n != 0 {
		add(f, "ADD", operand.U8(n), p, p)
	}
}

// extract shifts a field's bits down and clears the others.
func extract(f *emit.Func, w *spec.Word, v reg.Register, field spec.Field) {
	if field.Bits < w.Bits {
		add(f, sized("UBFX", w.Bits), operand.U8(field.Shift), v, operand.U8(field.Bits), v)
	}
}

// insert shifts a field's bits up to their position, if the others are clear.
func insert(f *emit.Func, w *spec.Word, v reg.Register, field spec.Field) {
	if field.Shift != 0 {
		add(f, sized("LSL", w.Bits), operand.U8(field.Shift), v, v)
	}
}

func load(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), f.GP64()
	add(f, loadOpcode(r.Order, r.Width), at(p), v)
	result(f, v, "v")
	ret(f)
}

func store(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), arg(f, "v")
	noFence(f, r)
	add(f, storeOpcode(r.Order, r.Width), v, at(p))
	ret(f)
}

// noFence comments on why a store-release is enough.
func noFence(f *emit.Func, r *spec.Row) {
	if r.Order.Releases() {
		f.Comment("No fence: STLR keeps earlier accesses before itself.")
	}
}

func xchg(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), arg(f, "new")
	exchange(f, r.Order, r.Width, v, p, func(old reg.Register) {
		result(f, old, "old")
		ret(f)
	})
}

// exchange swaps v with *p; end gets the register with the old value.
func exchange(f *emit.Func, o spec.Order, bits int, v, p reg.Register, end func(old reg.Register)) {
	dispatch(f, func() {
		old := f.GP64()
		fetch(f, lse("SWP", o, bits), v, p, old)
		end(old)
	}, func() {
		end(exclusively(f, o, bits, p, func(reg.Register) reg.Register { return v }))
	})
}

func cmpxchg(f *emit.Func, r *spec.Row) {
	p, old, new := arg(f, "p"), arg(f, "old"), arg(f, "new")
	compareExchange(f, r, r.Width, p, old, new, func(found reg.Register) { result(f, found, "found") })
}

// returnsFound reports whether a compare-and-exchange returns what it has found.
func returnsFound(r *spec.Row) bool { return r.Op == spec.CmpxchgOld || r.Op == spec.CmpxchgFieldOld }

// compareExchange stores new in *p if it is old. It returns ok, or what store stores as
// the result, if the operation returns what it has found.
func compareExchange(f *emit.Func, r *spec.Row, bits int, p, old, new reg.Register, store func(found reg.Register)) {
	compare := sized("CMP", bits)
	dispatch(f, func() {
		found := f.GP64()
		if returnsFound(r) {
			add(f, "MOVD", old, found)
			cas(f, lse("CAS", r.Order, bits), found, p, new)
			store(found)
			ret(f)
			return
		}
		ok := f.GP64()
		add(f, "MOVD", old, found)
		cas(f, lse("CAS", r.Order, bits), found, p, new)
		test(f, compare, old, found)
		add(f, "CSETW", name("EQ"), ok)
		result(f, ok, "ok")
		ret(f)
	}, func() {
		found := exclusively(f, r.Order, bits, p, func(found reg.Register) reg.Register {
			test(f, compare, old, found)
			branch(f, "BNE", "miss")
			return new
		})
		finish := func() { returnBool(f, "ok", true) }
		if returnsFound(r) {
			finish = func() { store(old); ret(f) }
		}
		finish()
		if !returnsFound(r) {
			giveUp(f, "miss")
			return
		}
		f.Label("miss")
		dropReservation(f)
		store(found)
		ret(f)
	})
}

func xchgField(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p, v := arg(f, "val"), arg(f, "new")
	if bits := field.Native(); bits != 0 {
		shift(f, p, field)
		if field.Shift != 0 { // otherwise the exchange takes the low bits as they are
			extract(f, r.On, v, field)
		}
		exchange(f, r.Order, bits, v, p, func(old reg.Register) {
			insert(f, r.On, old, field)
			result(f, old, "old")
			ret(f)
		})
		return
	}
	bits := r.On.Bits
	mask := constant(f, field.Mask())
	add(f, sized("AND", bits), mask, v, v)
	merge := func(found reg.Register) reg.Register {
		w := f.GP64()
		add(f, sized("BIC", bits), mask, found, w)
		add(f, sized("ORR", bits), v, w, w)
		return w
	}
	end := func(old reg.Register) {
		add(f, sized("AND", bits), mask, old, old)
		result(f, old, "old")
		ret(f)
	}
	dispatch(f, func() {
		end(swapping(f, r.Order, bits, p, merge))
	}, func() {
		end(exclusively(f, r.Order, bits, p, merge))
	})
}

func cmpxchgField(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p, old, new := arg(f, "val"), arg(f, "old"), arg(f, "new")
	if bits := field.Native(); bits != 0 {
		shift(f, p, field)
		extract(f, r.On, old, field)
		extract(f, r.On, new, field)
		compareExchange(f, r, bits, p, old, new, func(found reg.Register) {
			insert(f, r.On, found, field)
			result(f, found, "found")
		})
		return
	}
	bits := r.On.Bits
	mask, flips := constant(f, field.Mask()), f.GP64()
	f.Comment("If the field is old, flipping the bits in which old and new differ makes it new.")
	add(f, sized("EOR", bits), old, new, flips)
	add(f, sized("AND", bits), mask, flips, flips)
	// The word that was found, for those that return it.
	was := f.GP64()
	replace := func(miss string) update {
		return func(found reg.Register) reg.Register {
			w := f.GP64()
			if returnsFound(r) {
				add(f, "MOVD", found, was)
			}
			add(f, sized("EOR", bits), old, found, w)
			test(f, sized("TST", bits), mask, w)
			branch(f, "BNE", miss)
			add(f, sized("EOR", bits), flips, found, w)
			return w
		}
	}
	end := func(ok bool) {
		if !returnsFound(r) {
			returnBool(f, "ok", ok)
			return
		}
		add(f, sized("AND", bits), mask, was, was)
		result(f, was, "found")
		ret(f)
	}
	dispatch(f, func() {
		swapping(f, r.Order, bits, p, replace("differs"))
		end(true)
		f.Label("differs")
		end(false)
	}, func() {
		exclusively(f, r.Order, bits, p, replace("miss"))
		end(true)
		f.Label("miss")
		dropReservation(f)
		end(false)
	})
}

// memoryOp has the instructions of an operation: of LSE, and of the computation in
// LL/SC.
type memoryOp struct{ fetch, compute string }

var (
	addTo     = memoryOp{"LDADD", "ADD"}
	setBits   = memoryOp{"LDOR", "ORR"}
	clearBits = memoryOp{"LDCLR", "BIC"}
	flipBits  = memoryOp{"LDEOR", "EOR"}
)

// fetchUpdate applies op to *p, with the operand m; end gets the register with the old
// value. With LSE that is dst, which is ZR if nobody needs the old value.
func fetchUpdate(f *emit.Func, op memoryOp, o spec.Order, bits int, m, p, dst reg.Register, end func(old reg.Register)) {
	dispatch(f, func() {
		fetch(f, lse(op.fetch, o, bits), m, p, dst)
		end(dst)
	}, func() {
		end(exclusively(f, o, bits, p, func(found reg.Register) reg.Register {
			w := f.GP64()
			add(f, sized(op.compute, bits), m, found, w)
			return w
		}))
	})
}

// unused returns the register for an old value that nobody needs. An LSE instruction
// whose result is ZR does not acquire.
func unused(f *emit.Func, o spec.Order) reg.Register {
	if o.Acquires() {
		return f.GP64()
	}
	return zr
}

func fetchSetBit(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p := arg(f, "val")
	m := constant(f, 1<<field.Shift)
	fetchUpdate(f, setBits, r.Order, r.On.Bits, m, p, f.GP64(), func(old reg.Register) {
		result(f, old, "old")
		ret(f)
	})
}

func storeFields(f *emit.Func, r *spec.Row) {
	to, err := r.On.Stored(r.Set)
	f.Fail(err)
	p := arg(f, "val")
	end := func(reg.Register) { ret(f) }
	switch bits := to.Native(); {
	case bits != 0:
		v := reg.Register(zr)
		if to.Value != 0 {
			v = constant(f, to.Value)
		}
		m := operand.Mem{Base: p, Disp: to.Offset()}
		if r.Order.Releases() {
			shift(f, p, to.Field)
			m = at(p)
		}
		noFence(f, r)
		add(f, storeOpcode(r.Order, bits), v, m)
		ret(f)
	case to.Value == 0:
		fetchUpdate(f, clearBits, r.Order, r.On.Bits, constant(f, to.Mask()), p, unused(f, r.Order), end)
	default:
		from, err := r.On.Stored(r.From)
		f.Fail(err)
		f.Comment("The caller guarantees the old values, so flip the bits that differ.")
		fetchUpdate(f, flipBits, r.Order, r.On.Bits, constant(f, (from.Value^to.Value)<<to.Shift), p, unused(f, r.Order), end)
	}
}

// updateMemory emits a read-modify-write of an object, or of a field that a machine can
// access by itself, or else of the field's word.
func updateMemory(f *emit.Func, r *spec.Row) {
	u := spec.Updates[r.Op]
	if !u.Field {
		p, v := arg(f, "p"), operandOf(f, u, 1)
		updateObject(f, r, u, r.Width, v, p, func(old reg.Register) { result(f, old, "old") })
		return
	}
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p := arg(f, "val")
	if bits := field.Native(); bits != 0 {
		v := operandOf(f, u, 1)
		if !u.Unary {
			extract(f, r.On, v, field)
		}
		shift(f, p, field)
		updateObject(f, r, u, bits, v, p, func(old reg.Register) {
			insert(f, r.On, old, field)
			result(f, old, "old")
		})
		return
	}
	bits := r.On.Bits
	mask, v := constant(f, field.Mask()), operandOf(f, u, 1<<field.Shift)
	if u.Verb == "and" { // with the complement: the bits outside of the field stay
		add(f, sized("BIC", bits), v, mask, v)
		u.Verb = "andnot"
	} else if !u.Unary {
		add(f, sized("AND", bits), mask, v, v)
	}
	end := func(old reg.Register) {
		add(f, sized("AND", bits), mask, old, old)
		result(f, old, "old")
	}
	if carries := u.Verb == "add" || u.Verb == "sub"; carries && field.Top() < bits-1 {
		f.Comment("Of the sum, only the field's bits go into the word.")
		sum := func(found reg.Register) reg.Register {
			w := f.GP64()
			add(f, sized(map[string]string{"add": "ADD", "sub": "SUB"}[u.Verb], bits), v, found, w)
			add(f, sized("EOR", bits), found, w, w)
			add(f, sized("AND", bits), mask, w, w)
			add(f, sized("EOR", bits), found, w, w)
			return w
		}
		finish := func(old reg.Register) {
			if u.Fetch {
				end(old)
			}
			ret(f)
		}
		dispatch(f, func() { finish(swapping(f, r.Order, bits, p, sum)) }, func() { finish(exclusively(f, r.Order, bits, p, sum)) })
		return
	}
	updateObject(f, r, u, bits, v, p, end)
}

// operandOf returns the parameter v, or if there is none a constant.
func operandOf(f *emit.Func, u spec.Update, one uint64) reg.Register {
	if u.Unary {
		return constant(f, one)
	}
	return arg(f, "v")
}

// updateObject emits *p = *p verb v. If the operation returns the old value, end gets the
// register with it.
func updateObject(f *emit.Func, r *spec.Row, u spec.Update, bits int, v, p reg.Register, end func(old reg.Register)) {
	op := map[string]memoryOp{"add": addTo, "sub": addTo, "and": clearBits, "or": setBits, "xor": flipBits, "andnot": clearBits}[u.Verb]
	switch u.Verb {
	case "sub":
		add(f, "NEG", v, v)
	case "and":
		add(f, "MVN", v, v)
	}
	old := unused(f, r.Order)
	if u.Fetch {
		old = f.GP64()
	}
	fetchUpdate(f, op, r.Order, bits, v, p, old, func(old reg.Register) {
		if u.Fetch {
			end(old)
		}
		ret(f)
	})
}

// SpinChunk is a number of spins of a conditional load that take about 20 us or
// less. An ISB takes 10 to 50 cycles. A call with a whole chunk may sleep.
const SpinChunk = 512

// sleepsPerSecond divides the counter's frequency into sleeps of 20 us.
const sleepsPerSecond = 50_000

// branches are taken if a comparison holds.
var branches = map[string]string{"==": "BEQ", "!=": "BNE", "<": "BLO", "<=": "BLS", ">": "BHI", ">=": "BHS"}

func await(f *emit.Func, r *spec.Row) {
	u, bits := spec.Awaits[r.Op], r.Width
	p := arg(f, "p")
	var mask reg.Register
	if u.Masked {
		mask = arg(f, "mask")
	}
	want, spins := arg(f, "want"), arg(f, "spins")
	v, found := f.GP64(), f.GP64()
	look := func(opcode, matched string) {
		compared := v
		add(f, opcode, at(p), v)
		if u.Masked {
			add(f, sized("AND", bits), mask, v, found)
			compared = found
		}
		test(f, sized("CMP", bits), want, compared)
		branch(f, branches[u.Is], matched)
	}
	look(loadOpcode(r.Order, bits), "done")
	f.Comment("A wait of less than SpinChunk is too short to sleep.")
	test(f, "CMPW", operand.U16(SpinChunk), spins)
	branch(f, "BLO", "poll")
	f.Comment("Without the timer's events, a WFE would last until somebody stores.")
	branch(f, "CBZW", "poll", variable(f, "hasEventStream"))
	sleep(f, func() { look(loadExclusiveOpcode(r.Order, bits), "awake") })
	result(f, v, "v")
	ret(f)
	f.Label("relax")
	spinHint(f)
	look(loadOpcode(r.Order, bits), "done")
	f.Label("poll")
	add(f, "SUBSW", operand.U8(1), spins, spins)
	branch(f, "BHS", "relax")
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
	old := f.GP64()
	holds := func(label string) {
		found := old
		if u.Masked {
			found = f.GP64()
			add(f, sized("AND", bits), mask, old, found)
		}
		test(f, sized("CMP", bits), want, found)
		branch(f, branches[u.Is], label)
	}
	look := func(opcode, label string) {
		add(f, opcode, at(p), old)
		holds(label)
	}
	end := func(ok bool) {
		result(f, old, "old")
		returnBool(f, "ok", ok)
	}
	f.Comment("A plain load is enough, because the exchange that succeeds orders.")
	look(loadOpcode(spec.Relaxed, bits), "holds")
	f.Comment("A wait of less than SpinChunk is too short to sleep.")
	test(f, "CMPW", operand.U16(SpinChunk), spins)
	branch(f, "BLO", "poll")
	f.Comment("Without the timer's events, a WFE would last until somebody stores.")
	branch(f, "CBZW", "poll", variable(f, "hasEventStream"))
	sleep(f, func() { look(loadExclusiveOpcode(spec.Relaxed, bits), "awake") })
	f.Comment("The sleep has used up all spins.")
	add(f, "MOVD", zr, spins)
	holds("holds")
	f.Label("poll")
	add(f, "SUBSW", operand.U8(1), spins, spins)
	branch(f, "BLO", "over")
	spinHint(f)
	look(loadOpcode(spec.Relaxed, bits), "holds")
	jump(f, "poll")
	f.Label("over")
	end(false)
	f.Label("holds")
	w := v
	if u.Then != "set" {
		w = f.GP64()
		add(f, sized(map[string]string{"add": "ADD", "sub": "SUB"}[u.Then], bits), v, old, w)
	}
	dispatch(f, func() {
		found := f.GP64()
		add(f, "MOVD", old, found)
		cas(f, lse("CAS", r.Order, bits), found, p, w)
		test(f, sized("CMP", bits), old, found)
		branch(f, "BNE", "poll")
		end(true)
	}, func() {
		exclusively(f, r.Order, bits, p, func(found reg.Register) reg.Register {
			test(f, sized("CMP", bits), old, found)
			branch(f, "BNE", "late")
			return w
		})
		end(true)
		f.Label("late")
		dropReservation(f)
		jump(f, "poll")
	})
}

// sleep emits the loop that waits in WFE, for about 20 us and one period of the
// timer's events at most. What look emits loads exclusively, and branches to awake
// if the condition holds.
func sleep(f *emit.Func, look func()) {
	start, budget, now := f.GP64(), f.GP64(), f.GP64()
	f.Comment("20 us in ticks is the counter's frequency / 50000.")
	add(f, "MRS", name("CNTVCT_EL0"), start)
	add(f, "MRS", name("CNTFRQ_EL0"), budget)
	add(f, "UDIV", constant(f, sleepsPerSecond), budget, budget)
	f.Label("sleep")
	f.Comment(
		"The load arms the monitor before the test. A store after the load is an event that",
		"ends the WFE, even if it comes before the WFE. So no wake-up is lost without SEVL.")
	look()
	add(f, "MRS", name("CNTVCT_EL0"), now)
	f.Comment("The comparison is unsigned, so a counter that is set back ends the wait, too.")
	add(f, "SUB", start, now, now)
	test(f, "CMP", budget, now)
	branch(f, "BHS", "awake")
	bare(f, "WFE")
	jump(f, "sleep")
	f.Label("awake")
	dropReservation(f)
}

// spinHint emits YIELD, which helps the other threads of a core that has several, and
// ISB, which on the other cores takes long enough to keep the loop off the bus.
func spinHint(f *emit.Func) {
	bare(f, "YIELD")
	bare(f, "ISB", operand.U8(15))
}

// The operands of DMB, for the inner shareable domain: loads before it come before all that
// follows, or everything before it does.
const (
	ishld = operand.U8(9)
	ish   = operand.U8(11)
)

func fence(f *emit.Func, r *spec.Row) {
	domain := ish
	if r.Order == spec.Acquire {
		domain = ishld
	}
	bare(f, "DMB", domain)
	ret(f)
}

func relax(f *emit.Func, _ *spec.Row) {
	spinHint(f)
	ret(f)
}

func cycleCount(f *emit.Func, _ *spec.Row) {
	f.Comment("No ISB: the counter may be read before earlier instructions are done.")
	ticks := f.GP64()
	add(f, "MRS", name("CNTVCT_EL0"), ticks)
	result(f, ticks, "ticks")
	ret(f)
}

func currentG(f *emit.Func, _ *spec.Row) {
	result(f, g, "gp")
	ret(f)
}

func lockFast(f *emit.Func, r *spec.Row) {
	lockPath(f, r.On, emit.Places(r), func() { returnBool(f, "ok", true) }, func() { returnBool(f, "ok", false) })
}

func unlockFast(f *emit.Func, r *spec.Row) {
	unlockPath(f, r.On, emit.Places(r), func() { returnBool(f, "ok", true) }, func() { returnBool(f, "ok", false) })
}

func lockPath(f *emit.Func, w *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	failed := otherwise[0]
	p, locked := arg(f, on[0].Param), constant(f, 1)
	const bits = 8
	pending := w.Get("pending")
	// own ends the path on which locked was clear, unless a waiter has closed the lock.
	own := func(closed string) {
		found := f.GP64()
		add(f, zeroExtending[8], operand.Mem{Base: p, Disp: pending.Offset()}, found)
		if pending.Native() != 0 {
			branch(f, "CBNZW", closed, found)
		} else {
			test(f, "TSTW", operand.U32(pending.Mask()>>(8*pending.Offset())), found)
			branch(f, "BNE", closed)
		}
		add(f, "MOVD", g, operand.Mem{Base: p, Disp: emit.OwnerOffset})
		done()
	}
	giveBack := func(closed string) {
		f.Label(closed)
		f.Comment("t,1,1 -> t,1,0", "A waiter has closed the lock, so give it back.",
			"The store releases, because the next owner must find the last owner's section.")
		add(f, storeOpcode(spec.Release, bits), zr, at(p))
	}
	f.Comment("t,p,l -> t,p,1")
	dispatch(f, func() {
		found := f.GP64()
		fetch(f, lse("SWP", spec.Acquire, bits), locked, p, found)
		branch(f, "CBNZW", "held", found)
		own("closed")
		giveBack("closed")
		f.Label("held")
		failed()
	}, func() {
		exclusively(f, spec.Acquire, bits, p, func(found reg.Register) reg.Register {
			branch(f, "CBNZW", "miss", found)
			return locked
		})
		own("closed_llsc")
		giveBack("closed_llsc")
		failed()
		f.Label("miss")
		dropReservation(f)
		failed()
	})
}

func unlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p, holder := arg(f, on[0].Param), f.GP64()
	owner := operand.Mem{Base: p, Disp: emit.OwnerOffset}
	f.Comment("A waiter that polls may have the cache line. Ask for the line once, to write to it,",
		"instead of twice, to read the owner and then to write.")
	test(f, "PRFM", at(p), name("PSTL1KEEP"))
	add(f, "MOVD", owner, holder)
	test(f, "CMP", g, holder)
	branch(f, "BNE", "foreign")
	add(f, "MOVD", zr, owner)
	f.Comment("t,p,1 -> t,p,0", "No fence and no read-modify-write: STLR keeps the section's accesses before itself.")
	add(f, storeOpcode(spec.Release, 8), zr, at(p))
	done()
	f.Label("foreign")
	otherwise[0]()
}

func currentGoid(f *emit.Func, _ *spec.Row) {
	result(f, loadGoid(f), "id")
	ret(f)
}

func lockOwned(f *emit.Func, r *spec.Row) {
	lockOwnedPath(f, r.On, emit.Places(r), func() { returnBool(f, "ok", true) }, func() { returnBool(f, "ok", false) })
}

// withRest makes an emitter of a fast path that has n results, from 0.
func withRest(path emit.FusedEmitter, n int) emit.Emitter {
	return func(f *emit.Func, r *spec.Row) {
		ends := make([]func(), n)
		for rest := range ends {
			ends[rest] = func() {
				v := reg.Register(zr)
				if rest != 0 {
					v = constant(f, uint64(rest))
				}
				result(f, v, "rest")
				ret(f)
			}
		}
		path(f, r.On, emit.Places(r), ends[0], ends[1:]...)
	}
}

func lockOwnedPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	own(f, spec.Acquire, arg(f, on[0].Param), func(string) { done() }, func(string) { otherwise[0]() })
}

// own makes the current goroutine the owner of the lock at p. It calls owned and held as
// replaceZero calls done and failed.
func own(f *emit.Func, o spec.Order, p reg.Register, owned, held func(suffix string)) {
	id, closed := loadGoid(f), f.GP64()
	f.Comment("Is the lock closed? Look first: a newcomer that took it, and gave it back once it had",
		"looked, could stop in between, and the waiter that has closed it would starve. The mark",
		"is the top bit of Sleeper, which is in the byte at 15. The look orders nothing, as it",
		"may be out of date at once.")
	add(f, zeroExtending[8], operand.Mem{Base: p, Disp: emit.ClosedOffset}, closed)
	branch(f, "TBNZ", "held", operand.U8(emit.ClosedBit), closed)
	f.Comment("0 -> id")
	replaceZero(f, o, p, id, "held", owned, held)
}

// replaceZero stores new in the 64 bits at p if they are 0. It calls done at the end of the
// path that succeeds, and failed at the end of the other one, which begins at the given
// label in the LSE body. It calls them for each body: their labels end with the suffix.
func replaceZero(f *emit.Func, o spec.Order, p, new reg.Register, label string, done, failed func(suffix string)) {
	dispatch(f, func() {
		found := f.GP64()
		add(f, "MOVD", zr, found)
		cas(f, lse("CAS", o, 64), found, p, new)
		branch(f, "CBNZ", label, found)
		done("")
		f.Label(label)
		failed("")
	}, func() {
		exclusively(f, o, 64, p, func(found reg.Register) reg.Register {
			branch(f, "CBNZ", "miss", found)
			return new
		})
		done("_llsc")
		f.Label("miss")
		dropReservation(f)
		failed("_llsc")
	})
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
	owner := f.GP64()
	f.Comment("Nobody else can make this goroutine the owner, or end its ownership.")
	add(f, loadOpcode(spec.Relaxed, 64), at(p), owner)
	test(f, "CMP", loadGoid(f), owner)
	branch(f, "BNE", "foreign")
}

// disown releases the lock at p, and branches to wake if somebody may be asleep.
func disown(f *emit.Func, p reg.Register) {
	f.Comment("id -> 0", "No fence and no read-modify-write: STLR keeps the section's accesses before itself.")
	add(f, storeOpcode(spec.Release, 64), zr, at(p))
	f.Comment("Does anybody sleep? LDAR stays after STLR, but LDAPR and a plain load could pass it, and",
		"miss a waiter that has said so and then found the lock held.")
	branch(f, "CBNZW", "wake", look(f, p, emit.SleeperOffset))
}

// look loads the 32-bit word at p+offset with acquire.
func look(f *emit.Func, p reg.Register, offset int) reg.Register {
	v := f.GP64()
	add(f, "ADD", operand.U8(offset), p, v)
	add(f, loadOpcode(spec.Acquire, 32), at(v), v)
	return v
}

// readerRow returns the row of the current goroutine, and the goroutine's id.
func readerRow(f *emit.Func, table operand.Mem) (row, id reg.Register) {
	address, mask, rows := f.GP64(), f.GP64(), f.GP64()
	f.Comment("The row is found by the g, which is at hand, and holds the id, which is never used again.")
	add(f, "EOR", name(fmt.Sprintf("g>>%d", emit.RowShift)), g, address)
	add(f, "MOVD", table.Offset(emit.MaskOffset), mask)
	add(f, "MOVD", table.Offset(emit.RowsOffset), rows)
	add(f, "AND", mask, address, address)
	add(f, "ADD", rows, address, address)
	return address, loadGoid(f)
}

func readLockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	row, id := readerRow(f, pointee(f, on[1]))
	slot := f.GP64()
	f.Comment("0,0 -> lock,0 -> lock,id",
		"The claim releases, and LDAR stays after it: a writer that does not find it is found.")
	replaceZero(f, spec.AcqRel, row, p, "refused", func(suffix string) {
		owner := f.GP64()
		add(f, "ADD", operand.U8(emit.IDOffset), row, slot)
		add(f, storeOpcode(spec.Release, 64), id, at(slot))
		f.Comment("Is there an owner?")
		add(f, loadOpcode(spec.Acquire, 64), at(p), owner)
		branch(f, "CBNZ", "claimed"+suffix, owner)
		f.Comment("Must readers be counted?")
		branch(f, "TBZ", "claimed"+suffix, operand.U8(emit.RowsBit), look(f, p, emit.ReadersOffset))
		done()
	}, func(suffix string) {
		otherwise[0]()
		f.Label("claimed" + suffix)
		otherwise[1]()
	})
}

func readUnlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	row, id := readerRow(f, pointee(f, on[1]))
	holder := operand.Mem{Base: row, Disp: emit.IDOffset}
	f.Comment("Nobody else can give this goroutine a slot, or take it away.")
	for _, word := range []struct {
		at   operand.Mem
		want reg.Register
	}{{at(row), p}, {holder, id}} {
		found := f.GP64()
		add(f, loadOpcode(spec.Relaxed, 64), word.at, found)
		test(f, "CMP", word.want, found)
		branch(f, "BNE", "other")
	}
	f.Comment("lock,id -> lock,0 -> 0,0",
		"No fence and no read-modify-write: STLR keeps the section's accesses, and the store",
		"before it, before itself.")
	add(f, storeOpcode(spec.Relaxed, 64), zr, holder)
	add(f, storeOpcode(spec.Release, 64), zr, at(row))
	f.Comment("Does the owner wait for readers? LDAR stays after STLR.")
	branch(f, "CBNZW", "wake", look(f, p, emit.DrainerOffset))
	done()
	f.Label("wake")
	otherwise[0]()
	f.Label("other")
	otherwise[1]()
}

func writeLockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	own(f, spec.AcqRel, p, func(suffix string) {
		f.Comment("May there be readers? The exchange releases, and LDAR stays after it: a reader that does",
			"not find the owner is found.")
		branch(f, "CBNZW", "readers"+suffix, look(f, p, emit.ReadersOffset))
		done()
	}, func(suffix string) {
		otherwise[0]()
		f.Label("readers" + suffix)
		otherwise[1]()
	})
}

func writeUnlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p, first := arg(f, on[0].Param), f.GP64()
	mine(f, p)
	f.Comment("Do readers wait? Then the caller has them in before it lets go of the lock. This look",
		"orders nothing, as one more follows.")
	add(f, loadOpcode(spec.Relaxed, 32), operand.Mem{Base: p, Disp: emit.FirstOffset}, first)
	branch(f, "CBNZW", "admit", first)
	disown(f, p)
	f.Comment("Has a reader begun to wait meanwhile?")
	branch(f, "CBNZW", "wake", look(f, p, emit.FirstOffset))
	done()
	f.Label("wake")
	otherwise[0]()
	f.Label("foreign")
	otherwise[1]()
	f.Label("admit")
	otherwise[2]()
}

func nilError(f *emit.Func) {
	for _, word := range f.ErrorResult() {
		add(f, "MOVD", zr, word)
	}
}
