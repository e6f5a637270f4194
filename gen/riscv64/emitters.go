// Package riscv64 emits the primitives for riscv64.
//
// The architecture is weakly ordered (RVWMO). AMOs, LR and SC have bits that acquire and
// release. Plain accesses have none, so a load that acquires has a fence after it, and a
// store that releases one before it. Nothing but a full fence keeps a load after a store,
// which the fast paths that store and then look need.
//
// Two accesses that have such bits stay in order. So sequentially consistent AMOs, LR and SC,
// which are all that sync/atomic has, need nothing more. A plain load that is so has a full
// fence before it, too, and a plain store one after it.
//
// Every machine has AMOs of 32 and 64 bits, LR and SC. A byte or halfword is changed by LR
// and SC of the 32 bits around it, and a compare-and-exchange is LR and SC, too. Machines
// with the extensions Zacas and Zabha have instructions for both, and with Zawrs a wait may
// sleep. Variables of the Go package choose at run time.
package riscv64

import (
	_ "embed" // templates of Go files
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/riscv64/decode"
	"github.com/rqlock/rqlock/gen/spec"
)

// The variants. Each has what those after it have.
const (
	withZabha = "riscv64+zabha"
	withZacas = "riscv64+zacas"
	withZawrs = "riscv64+zawrs"
	base      = "riscv64+base"
)

// Arch is the riscv64 architecture.
var Arch = &emit.Arch{
	Name:      "riscv64",
	SpinChunk: SpinChunk,
	SpinTime:  80, // of PAUSE and a fence: 80 cycles at 1 GHz
	Variants: []emit.Variant{
		{Name: withZabha, Selector: "zabhaPath"}, {Name: withZacas, Selector: "zacasPath"}, {Name: withZawrs, Selector: "zawrsPath"}, {Name: base},
	},
	Inlines:    inlines,
	Bodies:     bodies,
	Mnemonic:   mnemonic,
	BodiesTest: bodiesTest,
	Sources:    map[string]string{"zmachine_riscv64.go": machineSource, "zprobe_linux_riscv64.go": probeSource, "zprobe_other_riscv64.go": noProbeSource},
	Flags: []emit.Flag{
		{Name: hasZawrs, Is: "riscv64Has.zawrs", Selects: []string{withZabha, withZacas, withZawrs}, Doc: []string{
			"hasZawrs says that the machine can sleep until somebody stores, for a bounded time. Until",
			"the variable is set, a wait spins, as it can on every machine.",
		}},
		{Name: hasZacas, Is: "riscv64Has.zacas", Selects: []string{withZabha, withZacas}, Doc: []string{
			"hasZacas says that the machine has an instruction that compares and exchanges.",
		}},
		{Name: hasZabha, Is: "riscv64Has.zabha", Selects: []string{withZabha}, Doc: []string{
			"hasZabha says that the machine has that, and all read-modify-writes, of 8 and 16 bits, too.",
		}},
		{Name: sleepTicks, Is: "riscv64Has.sleepTicks", Doc: []string{
			"sleepTicks is 20 us in ticks of the machine's counter. If nobody knows, it is 0, and a",
			"sleep ends when the machine ends it.",
		}},
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
		spec.LockFast:     withBool(lockPath),
		spec.UnlockFast:   withBool(unlockPath),
		spec.CurrentGoid:  currentGoid,
		spec.LockOwned:    withBool(lockOwnedPath),
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
		selector("zabhaPath", "Zabha", func(f *emit.Func, yes, no func()) { dispatch(f, hasZabha, yes, no) }),
		selector("zacasPath", "Zacas", func(f *emit.Func, yes, no func()) { dispatch(f, hasZacas, yes, no) }),
		selector("zawrsPath", "Zawrs", func(f *emit.Func, yes, no func()) {
			unlessZawrs(f, "base")
			yes()
			f.Label("base")
			no()
		}),
	},
}

// selector is a function that chooses as the primitives do.
func selector(name, extension string, choose func(f *emit.Func, yes, no func())) emit.Helper {
	return emit.Helper{
		Name: name,
		Sig:  "func() (yes bool)",
		Doc:  []string{name + " reports whether the bodies run that need " + extension + ". It chooses as they do."},
		Emit: func(f *emit.Func) {
			choose(f, func() { returnBool(f, "yes", true) }, func() { returnBool(f, "yes", false) })
		},
	}
}

var (
	//go:embed bodies_test.go.tmpl
	bodiesTest string
	//go:embed machine.go.tmpl
	machineSource string
	//go:embed probe.go.tmpl
	probeSource string
	//go:embed noprobe.go.tmpl
	noProbeSource string
)

// compile has the passes of avo that are not about amd64, with the checks that avo lacks.
// encode comes last, because it needs the registers' names.
var compile = pass.Concat(
	pass.Verify,
	pass.FunctionPass(pass.PruneJumpToFollowingLabel),
	pass.FunctionPass(pass.PruneDanglingLabels),
	pass.FunctionPass(pass.LabelTarget),
	pass.FunctionPass(pass.CFG),
	pass.FunctionPass(emit.CheckFallThrough),
	pass.FunctionPass(emit.CheckResults),
	pass.FunctionPass(pass.Liveness),
	pass.FunctionPass(emit.CheckUninitialised),
	pass.FunctionPass(pass.AllocateRegisters),
	pass.FunctionPass(pass.BindRegisters),
	pass.FunctionPass(pass.VerifyAllocation),
	pass.Func(pass.IncludeTextFlagHeader),
	pass.InstructionPass(rename),
	pass.InstructionPass(encode),
)

// inlines reports what the compiler does as well. It loads by LR, and exchanges instead of
// storing, which only sequential consistency needs.
func inlines(r *spec.Row) bool {
	switch r.Op {
	case spec.Xchg, spec.Cmpxchg:
		return r.Width >= 32
	case spec.Load, spec.Store:
		return r.Width >= 32 && r.Order == spec.SeqCst
	}
	return false
}

// The variables that choose between bodies.
const (
	hasZawrs   = "hasZawrs"
	hasZacas   = "hasZacas"
	hasZabha   = "hasZabha"
	sleepTicks = "sleepTicks"
)

// extension begins the comments in which bodies says for which machines they are.
const extension = "// With "

// dispatch emits both bodies of a read-modify-write. Each ends by itself.
func dispatch(f *emit.Func, flag string, extended, base func()) {
	branch(f, "BEQZ", "base", variable(f, "MOVBU", flag))
	mark(f, extension+strings.TrimPrefix(flag, "has")+".")
	extended()
	f.Label("base")
	mark(f, "// On every machine.")
	base()
}

// mark appends a comment that bodies can find. It does nothing.
func mark(f *emit.Func, comment string) { f.Add(&ir.Instruction{Opcode: comment}, nil) }

// unlessZawrs branches if the machine may lack Zawrs. Builds for machines of profile RVA23
// have no branch.
func unlessZawrs(f *emit.Func, label string) {
	mark(f, "#ifndef GORISCV64_rva23u64")
	branch(f, "BEQZ", label, variable(f, "MOVBU", hasZawrs))
	mark(f, "#endif")
}

// finish puts preprocessor directives at the beginning of their lines.
func finish(src []byte) []byte {
	return []byte(strings.ReplaceAll(string(src), "\n\t#", "\n#"))
}

// bodies splits what dispatch has emitted.
func bodies(opcodes []string) []emit.Body {
	var parts [][]string
	var names []string
	part := []string{}
	for _, op := range opcodes {
		switch {
		case strings.HasPrefix(op, "//"):
			parts, part = append(parts, part), nil
			names = append(names, strings.Trim(strings.TrimPrefix(op, extension), "."))
		case !strings.HasPrefix(op, "#"):
			part = append(part, op)
		}
	}
	parts = append(parts, part)
	if len(parts) != 3 {
		return nil
	}
	common := parts[0][:len(parts[0])-2] // before the choice
	return []emit.Body{
		{Name: names[0], Opcodes: append(common[:len(common):len(common)], parts[1]...)},
		{Name: "base", Opcodes: append(common[:len(common):len(common)], parts[2]...)},
	}
}

// An update emits the computation of the word to store from the word found. What it emits
// may also branch away. It is at most 12 instructions of the base set, none of which
// accesses memory: then hardware lets LR and SC succeed at last.
type update func(found reg.Register) reg.Register

// exclusively emits the loop of LR and SC that updates *p. It returns the register with the
// old word.
func exclusively(f *emit.Func, o spec.Order, bits int, p reg.Register, u update) reg.Register {
	old, status := f.GP64(), f.GP64()
	f.Label("retry")
	add(f, atomic("lr", bits, o.Acquires(), false), at(p), old)
	new := u(old)
	f.Add(&ir.Instruction{
		Opcode: atomic("sc", bits, false, o.Releases()), Operands: ops(new, at(p), status), Inputs: ops(new, p), Outputs: ops(status),
	}, nil)
	branch(f, "BNEZ", "retry", status)
	return old
}

// A part is a field of a word in memory, or a byte or halfword that is any part of 32 bits.
type part struct {
	p     reg.Register // address of the word
	bits  int          // of the word
	mask  reg.Register
	shift reg.Register // of the part in the word (nil = values are in their place)
}

// object is the byte or halfword at p.
func object(f *emit.Func, p reg.Register, bits int) part {
	f.Comment("It is a part of an aligned word of 32 bits.")
	all := map[int]int64{8: 0xff, 16: 0xffff}[bits]
	x := part{p: f.GP64(), bits: 32, mask: constant(f, all), shift: f.GP64()}
	add(f, "ANDI", immediate(3), p, x.shift)
	add(f, "SLLI", immediate(3), x.shift, x.shift)
	add(f, "ANDI", immediate(-4), p, x.p)
	add(f, "SLL", x.shift, x.mask, x.mask)
	return x
}

// inWord is a field of the word at p.
func inWord(f *emit.Func, w *spec.Word, field spec.Field, p reg.Register) part {
	return part{p: p, bits: w.Bits, mask: maskOf(f, w, field.Mask())}
}

// place shifts a value to the part's place in the word. Other bits than the part's are not
// cleared.
func (x part) place(f *emit.Func, v reg.Register) reg.Register {
	if x.shift == nil {
		return v
	}
	placed := f.GP64()
	add(f, "SLL", x.shift, v, placed)
	return placed
}

// taken returns a word's part as a value. Bits above it are not cleared, if it is shifted.
func (x part) taken(f *emit.Func, word reg.Register) reg.Register {
	v := f.GP64()
	if x.shift == nil {
		add(f, "AND", x.mask, word, v)
	} else {
		add(f, "SRLW", x.shift, word, v)
	}
	return v
}

// merge returns found with the part's bits of v.
func (x part) merge(f *emit.Func, found, v reg.Register) reg.Register {
	w := f.GP64()
	add(f, "XOR", found, v, w)
	add(f, "AND", x.mask, w, w)
	add(f, "XOR", found, w, w)
	return w
}

// returnBool ends the function with a boolean result.
func returnBool(f *emit.Func, name string, v bool) {
	r := zero
	if v {
		r = constant(f, 1)
	}
	result(f, r, name)
	ret(f)
}

// extract shifts a field's bits down. Those above it are not cleared.
func extract(f *emit.Func, v reg.Register, field spec.Field) reg.Register {
	if field.Shift == 0 {
		return v
	}
	low := f.GP64()
	add(f, "SRL", immediate(int64(field.Shift)), v, low)
	return low
}

// insert shifts a field's bits up to their place, and clears the others.
func insert(f *emit.Func, w *spec.Word, v reg.Register, field spec.Field) reg.Register {
	in := f.GP64()
	add(f, "SLL", immediate(int64(64-field.Bits)), v, in)
	if n := 64 - field.Bits - field.Shift; n != 0 {
		add(f, "SRL", immediate(int64(n)), in, in)
	}
	return in
}

// shifted moves a pointer to a field's own bytes.
func shifted(f *emit.Func, p reg.Register, field spec.Field) reg.Register {
	if field.Offset() == 0 {
		return p
	}
	own := f.GP64()
	add(f, "ADDI", immediate(int64(field.Offset())), p, own)
	return own
}

func load(f *emit.Func, r *spec.Row) {
	result(f, loadFrom(f, r.Order, r.Width, at(arg(f, "p"))), "v")
	ret(f)
}

func store(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), arg(f, "v")
	storeTo(f, r.Order, r.Width, v, at(p))
	ret(f)
}

// everywhere emits what every machine has an instruction for if it is of 32 or 64 bits, and
// what otherwise needs Zabha.
func everywhere(f *emit.Func, bits int, instruction, base func()) {
	if bits >= 32 {
		instruction()
		return
	}
	dispatch(f, hasZabha, instruction, base)
}

func xchg(f *emit.Func, r *spec.Row) {
	p, v := arg(f, "p"), arg(f, "new")
	end := func(old reg.Register) {
		result(f, old, "old")
		ret(f)
	}
	everywhere(f, r.Width, func() {
		old := f.GP64()
		fetch(f, amo("amoswap", r.Order, r.Width), v, p, old)
		end(old)
	}, func() {
		x := object(f, p, r.Width)
		new := x.place(f, v)
		end(x.taken(f, exclusively(f, r.Order, 32, x.p, func(found reg.Register) reg.Register { return x.merge(f, found, new) })))
	})
}

// returnsFound reports whether a compare-and-exchange returns what it has found.
func returnsFound(r *spec.Row) bool { return r.Op == spec.CmpxchgOld || r.Op == spec.CmpxchgFieldOld }

// needs returns the variable that says whether there is a compare-and-exchange of so many
// bits.
func needs(bits int) string {
	if bits < 32 {
		return hasZabha
	}
	return hasZacas
}

func cmpxchg(f *emit.Func, r *spec.Row) {
	p, old, new := arg(f, "p"), arg(f, "old"), arg(f, "new")
	dispatch(f, needs(r.Width), func() {
		compareAndSwap(f, r, r.Width, old, new, p, func(found reg.Register) reg.Register { return found })
	}, func() {
		if r.Width < 32 {
			compareInPart(f, r, object(f, p, r.Width), old, new)
			return
		}
		found := exclusively(f, r.Order, r.Width, p, func(found reg.Register) reg.Register {
			branch(f, "BNE", "miss", found, old)
			return new
		})
		finish := func(ok bool, found reg.Register) {
			if !returnsFound(r) {
				returnBool(f, "ok", ok)
				return
			}
			result(f, found, "found")
			ret(f)
		}
		finish(true, old)
		f.Label("miss")
		finish(false, found)
	})
}

// compareAndSwap emits the body with AMOCAS, which compares and exchanges the low bits of
// old and new. If the operation returns what it has found, value makes the result of it.
func compareAndSwap(f *emit.Func, r *spec.Row, bits int, old, new, p reg.Register, value func(found reg.Register) reg.Register) {
	found := f.GP64()
	add(f, "MOV", old, found)
	cas(f, r.Order, bits, found, p, new)
	if returnsFound(r) {
		result(f, value(found), "found")
		ret(f)
		return
	}
	ok := f.GP64()
	add(f, "XOR", old, found, ok)
	if bits < 64 {
		f.Comment("Only the low bits count.")
		add(f, "SLL", immediate(int64(64-bits)), ok, ok)
	}
	add(f, "SEQZ", ok, ok)
	result(f, ok, "ok")
	ret(f)
}

// compareInPart emits the loop of LR and SC that exchanges a part of a word if it is old.
func compareInPart(f *emit.Func, r *spec.Row, x part, old, new reg.Register) {
	old, new = x.place(f, old), x.place(f, new)
	flips := f.GP64()
	f.Comment("If the part is old, flipping the bits in which old and new differ makes it new.")
	add(f, "XOR", old, new, flips)
	add(f, "AND", x.mask, flips, flips)
	found := exclusively(f, r.Order, x.bits, x.p, func(found reg.Register) reg.Register {
		w := f.GP64()
		add(f, "XOR", old, found, w)
		add(f, "AND", x.mask, w, w)
		branch(f, "BNEZ", "miss", w)
		add(f, "XOR", flips, found, w)
		return w
	})
	if !returnsFound(r) {
		returnBool(f, "ok", true)
		f.Label("miss")
		returnBool(f, "ok", false)
		return
	}
	f.Label("miss")
	result(f, x.taken(f, found), "found")
	ret(f)
}

func xchgField(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p, v := arg(f, "val"), arg(f, "new")
	end := func(old reg.Register) {
		result(f, old, "old")
		ret(f)
	}
	merged := func() {
		x := inWord(f, r.On, field, p)
		end(x.taken(f, exclusively(f, r.Order, x.bits, p, func(found reg.Register) reg.Register { return x.merge(f, found, v) })))
	}
	bits := field.Native()
	if bits == 0 {
		merged()
		return
	}
	everywhere(f, bits, func() {
		old := f.GP64()
		fetch(f, amo("amoswap", r.Order, bits), extract(f, v, field), shifted(f, p, field), old)
		end(insert(f, r.On, old, field))
	}, merged)
}

func cmpxchgField(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p, old, new := arg(f, "val"), arg(f, "old"), arg(f, "new")
	merged := func() { compareInPart(f, r, inWord(f, r.On, field, p), old, new) }
	bits := field.Native()
	if bits == 0 {
		merged()
		return
	}
	dispatch(f, needs(bits), func() {
		compareAndSwap(f, r, bits, extract(f, old, field), extract(f, new, field), shifted(f, p, field), func(found reg.Register) reg.Register {
			return insert(f, r.On, found, field)
		})
	}, merged)
}

func fetchSetBit(f *emit.Func, r *spec.Row) {
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p, old := arg(f, "val"), f.GP64()
	fetch(f, amo("amoor", r.Order, r.On.Bits), maskOf(f, r.On, 1<<field.Shift), p, old)
	result(f, old, "old")
	ret(f)
}

func storeFields(f *emit.Func, r *spec.Row) {
	to, err := r.On.Stored(r.Set)
	f.Fail(err)
	p := arg(f, "val")
	if bits := to.Native(); bits != 0 {
		v := zero
		if to.Value != 0 {
			v = constant(f, int64(to.Value))
		}
		storeTo(f, r.Order, bits, v, operand.Mem{Base: p, Disp: to.Offset()})
		ret(f)
		return
	}
	if to.Value == 0 {
		fetch(f, amo("amoand", r.Order, r.On.Bits), maskOf(f, r.On, ^to.Mask()), p, zero)
		ret(f)
		return
	}
	from, err := r.On.Stored(r.From)
	f.Fail(err)
	f.Comment("The caller guarantees the old values, so flip the bits that differ.")
	fetch(f, amo("amoxor", r.Order, r.On.Bits), maskOf(f, r.On, (from.Value^to.Value)<<to.Shift), p, zero)
	ret(f)
}

// updateMemory emits a read-modify-write of an object, or of a field that a machine can
// access by itself, or else of the field's word.
func updateMemory(f *emit.Func, r *spec.Row) {
	u := spec.Updates[r.Op]
	end := func(old func() reg.Register) {
		if u.Fetch {
			result(f, old(), "old")
		}
		ret(f)
	}
	if !u.Field {
		p, v := arg(f, "p"), operandOf(f, u, 1)
		everywhere(f, r.Width, func() {
			old := fetchUpdate(f, u, r.Order, r.Width, v, p)
			end(func() reg.Register { return old })
		}, func() {
			x := object(f, p, r.Width)
			old := updateInPart(f, u, r.Order, x, x.place(f, v))
			end(func() reg.Register { return x.taken(f, old) })
		})
		return
	}
	field, err := r.On.Field(r.Field)
	f.Fail(err)
	p := arg(f, "val")
	carries := u.Verb == "add" || u.Verb == "sub"
	merged := func() {
		x, v := inWord(f, r.On, field, p), operandOf(f, u, 1<<field.Shift)
		if carries && !u.Unary {
			f.Comment("Nothing is carried into the field.")
			add(f, "AND", x.mask, v, v)
		}
		old := updateInPart(f, u, r.Order, x, v)
		end(func() reg.Register { return x.taken(f, old) })
	}
	bits := field.Native()
	switch {
	case bits != 0:
		everywhere(f, bits, func() {
			v := operandOf(f, u, 1)
			if !u.Unary {
				v = extract(f, v, field)
			}
			old := fetchUpdate(f, u, r.Order, bits, v, shifted(f, p, field))
			end(func() reg.Register { return insert(f, r.On, old, field) })
		}, merged)
	case carries && field.Top() < r.On.Bits-1:
		f.Comment("Of the sum, only the field's bits go into the word.")
		merged()
	default:
		x, v := inWord(f, r.On, field, p), operandOf(f, u, 1<<field.Shift)
		if u.Verb == "and" { // the bits outside of the field stay
			add(f, "NOT", v, v)
			u.Verb = "andnot"
		}
		add(f, "AND", x.mask, v, v)
		old := fetchUpdate(f, u, r.Order, r.On.Bits, v, p)
		end(func() reg.Register { return x.taken(f, old) })
	}
}

// operandOf returns the parameter v, or if there is none a constant.
func operandOf(f *emit.Func, u spec.Update, one int64) reg.Register {
	if u.Unary {
		return constant(f, one)
	}
	return arg(f, "v")
}

// fetchUpdate emits *p = *p verb v as one instruction, and returns the register with the old
// value, which is none if nobody needs it.
func fetchUpdate(f *emit.Func, u spec.Update, o spec.Order, bits int, v, p reg.Register) reg.Register {
	switch u.Verb {
	case "sub":
		negated := f.GP64()
		add(f, "NEG", v, negated)
		v = negated
	case "andnot":
		inverted := f.GP64()
		add(f, "NOT", v, inverted)
		v = inverted
	}
	old := zero
	if u.Fetch {
		old = f.GP64()
	}
	op := map[string]string{"add": "amoadd", "sub": "amoadd", "and": "amoand", "or": "amoor", "xor": "amoxor", "andnot": "amoand"}[u.Verb]
	fetch(f, amo(op, o, bits), v, p, old)
	return old
}

// updateInPart emits the same for a part of a word, and returns the register with the old
// word.
func updateInPart(f *emit.Func, u spec.Update, o spec.Order, x part, v reg.Register) reg.Register {
	if u.Verb == "andnot" {
		inverted := f.GP64()
		add(f, "NOT", v, inverted)
		v = inverted
	}
	op := map[string]string{"add": "ADD", "sub": "SUB", "and": "AND", "or": "OR", "xor": "XOR", "andnot": "AND"}[u.Verb]
	return exclusively(f, o, x.bits, x.p, func(found reg.Register) reg.Register {
		w := f.GP64()
		add(f, op, v, found, w)
		return x.merge(f, found, w)
	})
}

// SpinChunk is a number of spins of a conditional load that take about 20 us or less. A call
// with a whole chunk may sleep.
const SpinChunk = 250

// A comparison has the branch that is taken if the second of two registers compares so with
// the first, and whether the branch has them the other way around.
var comparisons = map[string]struct {
	opcode  string
	swapped bool
}{
	"==": {"BEQ", false}, "!=": {"BNE", false}, "<": {"BLTU", false}, ">=": {"BGEU", false}, ">": {"BLTU", true}, "<=": {"BGEU", true},
}

// A wait has what waits load, and what they ask of it.
type wait struct {
	f          *emit.Func
	u          spec.Await
	bits       int
	order      spec.Order
	p          reg.Register
	mask, want reg.Register
	found      reg.Register // what was loaded last
}

func newWait(f *emit.Func, r *spec.Row, o spec.Order) *wait {
	w := &wait{f: f, u: spec.Awaits[r.Op], bits: r.Width, order: o, p: arg(f, "p")}
	if w.u.Masked {
		w.mask = arg(f, "mask")
	}
	w.want, w.found = arg(f, "want"), f.GP64()
	return w
}

// holds branches if the condition holds for what was found.
func (w *wait) holds(label string) {
	v := w.found
	if w.u.Masked {
		v = w.f.GP64()
		add(w.f, "AND", w.mask, w.found, v)
	}
	is, on := comparisons[w.u.Is], ops(v, w.want)
	if is.swapped {
		on = ops(w.want, v)
	}
	branch(w.f, is.opcode, label, on...)
}

func (w *wait) load() { loadInto(w.f, w.order, w.bits, at(w.p), w.found) }

// look loads, and branches if the condition holds.
func (w *wait) look(label string) {
	w.load()
	w.holds(label)
}

// sleep waits in WRS.STO, for 20 us or for as long as the machine lets it sleep once. It
// branches to awake if the condition holds, and to poll if the wait is too short to sleep. When it
// ends, it has loaded what it leaves to the caller to test.
func (w *wait) sleep(spins reg.Register, awake, poll string) {
	f := w.f
	f.Comment("A wait of less than SpinChunk is too short to sleep.")
	branch(f, "BLTU", poll, spins, constant(f, SpinChunk))
	unlessZawrs(f, poll)
	start, now := f.GP64(), f.GP64()
	ticks := variable(f, "MOV", sleepTicks)
	add(f, "RDTIME", start)
	f.Label("sleep")
	f.Comment(
		"The load makes the reservation before the test. A store after the load ends the sleep, even",
		"if it comes before the sleep begins. Without one, the machine ends it soon.")
	add(f, atomic("lr", w.bits, w.order.Acquires(), false), at(w.p), w.found)
	w.holds(awake)
	bare(f, "wrs.sto")
	add(f, "RDTIME", now)
	f.Comment("The comparison is unsigned, so a counter that is set back ends the wait, too.")
	add(f, "SUB", start, now, now)
	branch(f, "BLTU", "sleep", now, ticks)
	w.load()
}

// spinsOf loads how often a wait may spin.
func spinsOf(f *emit.Func) reg.Register {
	spins := f.GP64()
	add(f, "MOVWU", f.Param("spins").Addr, spins)
	return spins
}

func await(f *emit.Func, r *spec.Row) {
	w := newWait(f, r, r.Order)
	spins := spinsOf(f)
	w.look("done")
	w.sleep(spins, "done", "poll")
	result(f, w.found, "v")
	ret(f)
	f.Label("relax")
	bare(f, "pause")
	w.look("done")
	f.Label("poll")
	add(f, "ADDI", immediate(-1), spins, spins)
	branch(f, "BGEZ", "relax", spins)
	f.Label("done")
	result(f, w.found, "v")
	ret(f)
}

// awaitThen waits as await does, and then tries to change what it has found. An exchange
// that comes too late counts as a spin.
func awaitThen(f *emit.Func, r *spec.Row) {
	f.Comment("Plain loads are enough, because the exchange that succeeds orders.")
	w := newWait(f, r, spec.Relaxed)
	v, spins := arg(f, "v"), spinsOf(f)
	end := func(ok bool) {
		result(f, w.found, "old")
		returnBool(f, "ok", ok)
	}
	w.look("holds")
	w.sleep(spins, "holds", "poll")
	w.holds("holds")
	f.Comment("The sleep has used up all spins.")
	end(false)
	f.Label("relax")
	bare(f, "pause")
	w.look("holds")
	f.Label("poll")
	add(f, "ADDI", immediate(-1), spins, spins)
	branch(f, "BGEZ", "relax", spins)
	end(false)
	f.Label("holds")
	new := v
	if w.u.Then != "set" {
		new = f.GP64()
		add(f, map[string]string{"add": "ADD", "sub": "SUB"}[w.u.Then], v, w.found, new)
	}
	dispatch(f, hasZacas, func() {
		now := f.GP64()
		add(f, "MOV", w.found, now)
		cas(f, r.Order, w.bits, now, w.p, new)
		branch(f, "BNE", "poll", now, w.found)
		end(true)
	}, func() {
		exclusively(f, r.Order, w.bits, w.p, func(now reg.Register) reg.Register {
			branch(f, "BNE", "poll", now, w.found)
			return new
		})
		end(true)
	})
}

func fence(f *emit.Func, r *spec.Row) {
	bare(f, map[spec.Order]string{spec.Acquire: readFence, spec.Release: writeFence, spec.AcqRel: tsoFence, spec.SeqCst: fullFence}[r.Order])
	ret(f)
}

func relax(f *emit.Func, _ *spec.Row) {
	bare(f, "pause")
	ret(f)
}

func cycleCount(f *emit.Func, _ *spec.Row) {
	f.Comment("RDCYCLE is not allowed since Linux 6.6.")
	ticks := f.GP64()
	add(f, "RDTIME", ticks)
	result(f, ticks, "ticks")
	ret(f)
}

func currentG(f *emit.Func, _ *spec.Row) {
	result(f, g, "gp")
	ret(f)
}

func currentGoid(f *emit.Func, _ *spec.Row) {
	result(f, loadGoid(f), "id")
	ret(f)
}

// withBool makes an emitter of a fast path that succeeds or not.
func withBool(path emit.FusedEmitter) emit.Emitter {
	return func(f *emit.Func, r *spec.Row) {
		path(f, r.On, emit.Places(r), func() { returnBool(f, "ok", true) }, func() { returnBool(f, "ok", false) })
	}
}

// withRest makes an emitter of a fast path that has n results, from 0.
func withRest(path emit.FusedEmitter, n int) emit.Emitter {
	return func(f *emit.Func, r *spec.Row) {
		ends := make([]func(), n)
		for rest := range ends {
			ends[rest] = func() {
				v := zero
				if rest != 0 {
					v = constant(f, int64(rest))
				}
				result(f, v, "rest")
				ret(f)
			}
		}
		path(f, r.On, emit.Places(r), ends[0], ends[1:]...)
	}
}

func lockPath(f *emit.Func, w *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	failed := otherwise[0]
	p, pending := arg(f, on[0].Param), w.Get("pending")
	// own ends the path on which locked was clear, unless a waiter has closed the lock: then it
	// goes on to what follows.
	own := func(suffix string) {
		found := f.GP64()
		add(f, "MOVBU", operand.Mem{Base: p, Disp: pending.Offset()}, found)
		if pending.Native() == 0 {
			add(f, "ANDI", immediate(int64(pending.Mask()>>(8*pending.Offset()))), found, found)
		}
		branch(f, "BNEZ", "closed"+suffix, found)
		add(f, "MOV", g, operand.Mem{Base: p, Disp: emit.OwnerOffset})
		done()
		f.Label("closed" + suffix)
		f.Comment("t,1,1 -> t,1,0", "A waiter has closed the lock, so give it back.",
			"The store releases, because the next owner must find the last owner's section.")
		storeTo(f, spec.Release, 8, zero, at(p))
	}
	f.Comment("t,p,l -> t,p,1")
	dispatch(f, hasZabha, func() {
		found := f.GP64()
		fetch(f, amo("amoswap", spec.Acquire, 8), constant(f, 1), p, found)
		branch(f, "BNEZ", "held", found)
		own("")
		f.Label("held")
		failed()
	}, func() {
		exclusively(f, spec.Acquire, 32, p, func(found reg.Register) reg.Register {
			w := f.GP64()
			add(f, "ANDI", immediate(0xff), found, w)
			branch(f, "BNEZ", "miss", w)
			add(f, "ORI", immediate(1), found, w)
			return w
		})
		own("_base")
		f.Label("miss")
		failed()
	})
}

func unlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p, holder := arg(f, on[0].Param), f.GP64()
	owner := operand.Mem{Base: p, Disp: emit.OwnerOffset}
	f.Comment("A waiter that polls may have the cache line. Ask for the line once, to write to it,",
		"instead of twice, to read the owner and then to write. Machines without the hint ignore it.")
	f.Add(&ir.Instruction{Opcode: "prefetch.w", Operands: ops(at(p)), Inputs: ops(p)}, nil)
	add(f, "MOV", owner, holder)
	branch(f, "BNE", "foreign", holder, g)
	add(f, "MOV", zero, owner)
	f.Comment("t,p,1 -> t,p,0", "No read-modify-write: the fence keeps the section's accesses before the store.")
	storeTo(f, spec.Release, 8, zero, at(p))
	done()
	f.Label("foreign")
	otherwise[0]()
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
	add(f, "MOVBU", operand.Mem{Base: p, Disp: emit.ClosedOffset}, closed)
	add(f, "ANDI", immediate(1<<emit.ClosedBit), closed, closed)
	branch(f, "BNEZ", "held", closed)
	f.Comment("0 -> id")
	replaceZero(f, o, p, id, "held", owned, held)
}

// replaceZero stores new in the 64 bits at p if they are 0. It calls done at the end of the
// path that succeeds, and failed at the end of the other one, which begins at the given
// label in the body with Zacas. It calls them for each body: their labels end with the
// suffix.
func replaceZero(f *emit.Func, o spec.Order, p, new reg.Register, label string, done, failed func(suffix string)) {
	dispatch(f, hasZacas, func() {
		found := constant(f, 0)
		cas(f, o, 64, found, p, new)
		branch(f, "BNEZ", label, found)
		done("")
		f.Label(label)
		failed("")
	}, func() {
		exclusively(f, o, 64, p, func(found reg.Register) reg.Register {
			branch(f, "BNEZ", "miss", found)
			return new
		})
		done("_base")
		f.Label("miss")
		failed("_base")
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
	f.Comment("Nobody else can make this goroutine the owner, or end its ownership.")
	owner := loadFrom(f, spec.Relaxed, 64, at(p))
	branch(f, "BNE", "foreign", owner, loadGoid(f))
}

// disown releases the lock at p, and branches to wake if somebody may be asleep.
func disown(f *emit.Func, p reg.Register) {
	f.Comment("id -> 0", "No read-modify-write: the fence keeps the section's accesses before the store.")
	storeTo(f, spec.Release, 64, zero, at(p))
	f.Comment("Does anybody sleep? Without the full fence the load could pass the store, and miss a waiter",
		"that has said so and then found the lock held.")
	branch(f, "BNEZ", "wake", look(f, p, 32, emit.SleeperOffset))
}

// look loads what is at p+offset, after all stores before it and before all that follows.
func look(f *emit.Func, p reg.Register, bits, offset int) reg.Register {
	return loadFrom(f, spec.SeqCst, bits, operand.Mem{Base: p, Disp: offset})
}

// lookAgain does so after another look.
func lookAgain(f *emit.Func, p reg.Register, offset int) reg.Register {
	return loadFrom(f, spec.Acquire, 32, operand.Mem{Base: p, Disp: offset})
}

// readerRow returns the row of the current goroutine, and the goroutine's id.
func readerRow(f *emit.Func, table operand.Mem) (row, id reg.Register) {
	address, mask, rows := f.GP64(), f.GP64(), f.GP64()
	f.Comment("The row is found by the g, which is at hand, and holds the id, which is never used again.")
	add(f, "SRL", immediate(emit.RowShift), g, address)
	add(f, "XOR", g, address, address)
	add(f, "MOV", table.Offset(emit.MaskOffset), mask)
	add(f, "MOV", table.Offset(emit.RowsOffset), rows)
	add(f, "AND", mask, address, address)
	add(f, "ADD", rows, address, address)
	return address, loadGoid(f)
}

func readLockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	row, id := readerRow(f, pointee(f, on[1]))
	f.Comment("0,0 -> lock,0 -> lock,id",
		"The look for an owner stays after the claim: a writer that does not find it is found.")
	replaceZero(f, spec.AcqRel, row, p, "refused", func(suffix string) {
		storeTo(f, spec.Release, 64, id, operand.Mem{Base: row, Disp: emit.IDOffset})
		f.Comment("Is there an owner?")
		branch(f, "BNEZ", "claimed"+suffix, look(f, p, 64, 0))
		f.Comment("Must readers be counted? That is the sign of the 32 bits.")
		branch(f, "BGEZ", "claimed"+suffix, lookAgain(f, p, emit.ReadersOffset))
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
	branch(f, "BNE", "other", loadFrom(f, spec.Relaxed, 64, at(row)), p)
	branch(f, "BNE", "other", loadFrom(f, spec.Relaxed, 64, holder), id)
	f.Comment("lock,id -> lock,0 -> 0,0",
		"No read-modify-write: the fence keeps the section's accesses, and the store before it,",
		"before the store.")
	storeTo(f, spec.Relaxed, 64, zero, holder)
	storeTo(f, spec.Release, 64, zero, at(row))
	f.Comment("Does the owner wait for readers? The load stays after the store.")
	branch(f, "BNEZ", "wake", look(f, p, 32, emit.DrainerOffset))
	done()
	f.Label("wake")
	otherwise[0]()
	f.Label("other")
	otherwise[1]()
}

func writeLockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	own(f, spec.AcqRel, p, func(suffix string) {
		f.Comment("May there be readers? The look stays after the exchange: a reader that does not find the",
			"owner is found.")
		branch(f, "BNEZ", "readers"+suffix, look(f, p, 32, emit.ReadersOffset))
		done()
	}, func(suffix string) {
		otherwise[0]()
		f.Label("readers" + suffix)
		otherwise[1]()
	})
}

func writeUnlockPath(f *emit.Func, _ *spec.Word, on []emit.Place, done func(), otherwise ...func()) {
	p := arg(f, on[0].Param)
	mine(f, p)
	f.Comment("Do readers wait? Then the caller has them in before it lets go of the lock. This look",
		"orders nothing, as one more follows.")
	branch(f, "BNEZ", "admit", loadFrom(f, spec.Relaxed, 32, operand.Mem{Base: p, Disp: emit.FirstOffset}))
	disown(f, p)
	f.Comment("Has a reader begun to wait meanwhile?")
	branch(f, "BNEZ", "wake", lookAgain(f, p, emit.FirstOffset))
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
		add(f, "MOV", zero, word)
	}
}
