package audit

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/gen/machine"
)

// A function is the machine code of one primitive, with its flow of control and of
// values.
type function struct {
	code   []machine.Inst
	next   [][]int      // successors of each instruction, fall-through first
	states []*registers // what the registers hold before each instruction; nil = unreachable
	// The registers that were written on each way to an instruction, a bit for each.
	written []uint64
	frame   []slot // arguments and results on the stack, of assembly
	flagAt  func(addr int64) string
	extends bool // values of less bits than a register have their sign extended

	// Of a fused fast path: by which result instructions leave for Go, and where its
	// argument t is, which is a variable ("" = none).
	exits    map[int]int
	variable func(addr int64) (name string, offset int64)
}

// A slot is one argument or result in the caller's frame.
type slot struct {
	name   string
	offset int64
	bits   int
	result bool
}

// A value is what the analysis knows of a register.
type value struct {
	kind valueKind
	name string // of the parameter or flag
	n    int64  // constant, or offset from the parameter
}

type valueKind int

const (
	anything valueKind = iota
	isConst
	isParam // the parameter, or for a pointer n bytes behind it
	isFlag
	isG    // the current g, or its address and n
	isGoid // the goroutine's id, from the g
	// Parts of a word, which LL/SC changes by the word. They are of the parameter name, or
	// if it is "" where the constant n says.
	isAligned // the word around the parameter
	isPlace   // where in the word the part is, shifted left by n
	isMask    // of the part, which has n bits
	isMasked  // some bits of the part, and no others
	isMerged  // what was found, with other bits of the part

	// What was computed from the g and from what parameters point to, as name says. If n is
	// reserved, a load-exclusive has found it.
	isTerm
	// The parameter, or what is left of it after n was subtracted once or more.
	isCounter
	isComparison // what instruction n has compared
)

// registers has what each register holds, and what was compared last.
type registers [34]value

// compared is the place of that.
const compared = 33

// connect builds the control-flow graph. It returns the index of an instruction that
// leaves the function other than by a return, or -1.
func (f *function) connect() int {
	at := map[uint64]int{}
	for n, i := range f.code {
		at[i.PC] = n
	}
	f.next = make([][]int, len(f.code))
	for n, i := range f.code {
		if _, leaves := f.exits[n]; leaves {
			continue
		}
		if i.Class != machine.Jump && i.Class != machine.Ret {
			if n+1 == len(f.code) {
				return n
			}
			f.next[n] = append(f.next[n], n+1)
		}
		if i.Class == machine.Jump || i.Class == machine.Branch {
			t, ok := at[i.Target]
			if !ok {
				return n
			}
			f.next[n] = append(f.next[n], t)
		}
	}
	return -1
}

// follow computes states, given what the registers hold on entry.
func (f *function) follow(entry registers) {
	f.states = make([]*registers, len(f.code))
	f.written = slices.Repeat([]uint64{^uint64(0)}, len(f.code))
	f.states[0], f.written[0] = &entry, 0
	for work := []int{0}; len(work) > 0; {
		n := work[0]
		work = work[1:]
		out, written := f.after(n), f.written[n]
		for _, r := range f.code[n].Sets {
			written |= 1 << r
		}
		for _, s := range f.next[n] {
			fewer := f.written[s]&written != f.written[s]
			f.written[s] &= written
			if f.merge(s, out) || fewer {
				work = append(work, s)
			}
		}
	}
}

// merge merges the state after a predecessor into the state before instruction n, and
// reports whether that has changed.
func (f *function) merge(n int, in registers) bool {
	if f.states[n] == nil {
		f.states[n] = &in
		return true
	}
	changed := false
	for r := range in {
		if have := &f.states[n][r]; *have != in[r] && *have != (value{}) {
			if v := f.join(*have, in[r]); v != *have {
				*have, changed = v, true
			}
		}
	}
	return changed
}

// join returns what two values have in common: nothing, or that something was counted down.
func (f *function) join(v, w value) value {
	if v.kind == isParam {
		v, w = w, v
	}
	narrow := v.name == w.name && f.bitsOf(v.name) < 64
	switch {
	case v.kind == isTerm && w.kind == isTerm && v.name == w.name: // a reservation on one path
		return value{kind: isTerm, name: v.name}
	case narrow && v.kind == isCounter && w.kind == isParam && (w.n == 0 || w.n == -v.n):
		return v
	case narrow && v.kind == isParam && w.kind == isParam && max(v.n, w.n) == 0:
		return value{kind: isCounter, name: v.name, n: -min(v.n, w.n)}
	}
	return value{}
}

// unsigned begins the name of what was loaded with zeros where others have their sign extended.
const unsigned = "+"

// bitsOf returns the width of a parameter.
func (f *function) bitsOf(name string) int {
	for _, s := range f.frame {
		if s.name == strings.TrimPrefix(name, unsigned) {
			return s.bits
		}
	}
	return 64
}

// after returns the state after instruction n.
func (f *function) after(n int) registers {
	i, out := &f.code[n], *f.states[n]
	for _, r := range i.Sets {
		out[r] = value{}
	}
	if len(i.Sets) > 0 {
		out[i.Sets[0]] = f.received(n)
	}
	if c := i.Class; c == machine.Load || c == machine.LoadEx || c == machine.Update {
		out.outdate(i.Sets, f.loaded(n))
	}
	if i.Class == machine.Counter && len(i.Sets) == 2 { // in two halves
		out[i.Sets[0]], out[i.Sets[1]] = term("ticks.low"), term("ticks.high")
	}
	if i.Class != machine.Branch && i.Compares != nil {
		out[compared] = value{kind: isComparison, n: int64(n)}
	} else if i.SetsFlags {
		out[compared] = value{}
	}
	return out
}

// outdated begins the name of a term when what it was loaded from has been loaded again.
const outdated = "~"

// outdate marks what registers hold of an object that has just been loaded again, but for those
// that receive it.
func (r *registers) outdate(but []machine.Reg, again value) {
	if again.kind != isTerm {
		return
	}
	for k := range r {
		v := &r[k]
		if v.kind == isTerm && strings.Contains(v.name, again.name) && !strings.HasPrefix(v.name, outdated) && !slices.Contains(but, machine.Reg(k)) {
			v.name = outdated + v.name
		}
	}
}

// received returns what instruction n writes to the first of the registers that it sets.
func (f *function) received(n int) value {
	i := &f.code[n]
	v := f.value(n, i.Result)
	switch {
	case v != value{}:
		return v
	case i.Formula != nil:
		return f.computed(n, i.Formula)
	case i.Class == machine.LoadEx:
		v := f.loaded(n)
		v.n = reserved
		return v
	case i.Result.Kind == machine.Untracked && (i.Class == machine.Update || i.Class == machine.LoadEx):
		return f.loaded(n)
	case i.Class == machine.Counter && len(i.Sets) == 1 && f.loops(n):
		return term("now")
	case i.Class == machine.Counter && len(i.Sets) == 1:
		return term("ticks")
	}
	return value{}
}

// loops reports whether instruction n may run again after itself.
func (f *function) loops(n int) bool {
	seen := make([]bool, len(f.code))
	for work := f.next[n]; len(work) > 0; {
		at := work[len(work)-1]
		work = work[: len(work)-1 : len(work)-1]
		if !seen[at] {
			seen[at] = true
			work = append(work, f.next[at]...)
		}
	}
	return seen[n]
}

// value returns what an operand of instruction n holds.
func (f *function) value(n int, o machine.Operand) value {
	switch o.Kind {
	case machine.Constant:
		return value{kind: isConst, n: o.N}
	case machine.FromReg:
		v := f.states[n][o.Reg]
		if v.kind == isConst || v.kind == isParam || v.kind == isG {
			v.n += o.N
		} else if o.N != 0 {
			return value{}
		}
		return v
	case machine.Loaded:
		return f.loaded(n)
	case machine.Low32, machine.WithMask, machine.SetBits, machine.ShiftedLeft, machine.ShiftedBy:
		return f.part(n, o)
	case machine.Shifted:
		return shift(f.states[n][o.Reg], o.N)
	case machine.Sum, machine.Conjunction, machine.Difference:
		other := f.loaded(n)
		if second := f.code[n].Second; second != machine.NoReg {
			other = shift(f.states[n][second], o.N)
		}
		return combine(f.states[n][o.Reg], o.Kind, other)
	}
	return value{}
}

// term returns a value of kind isTerm.
func term(format string, args ...any) value {
	return value{kind: isTerm, name: fmt.Sprintf(format, args...)}
}

// longest is how long the name of a term may be. Code may double it.
const longest = 64

// expression writes a value as a part of a term, or returns "".
func (v value) expression() string {
	switch {
	case v == value{kind: isG}:
		return "g"
	case v.kind == isTerm && len(v.name) <= longest:
		return v.name
	}
	return ""
}

func shift(v value, n int64) value {
	if x := v.expression(); n != 0 && x != "" {
		return term("%s>>%d", x, n)
	} else if n != 0 {
		return value{}
	}
	return v
}

var operators = map[machine.OperandKind]string{machine.Sum: "+", machine.Conjunction: "&", machine.Difference: "^"}

// combine returns a term of two values, in one order for both, or the row of the current
// goroutine.
func combine(v value, op machine.OperandKind, w value) value {
	if merged := merge(v, op, w); merged != (value{}) {
		return merged
	}
	if op == machine.Sum && v.kind == isConst && w.kind == isConst {
		return value{kind: isConst, n: v.n + w.n}
	}
	x, y := v.expression(), w.expression()
	if x == "" || y == "" {
		return value{}
	}
	all := term("(%s%s%s)", min(x, y), operators[op], max(x, y))
	if all.name == rowTerm {
		return value{kind: isParam, name: "row"}
	}
	return all
}

// part follows how code finds the place of a part of a word, and its mask.
func (f *function) part(n int, o machine.Operand) value {
	v := f.states[n][o.Reg]
	switch {
	case o.Kind == machine.Low32 && v.kind == isConst:
		return value{kind: isConst, n: int64(int32(v.n + o.N))}
	case o.Kind == machine.ShiftedLeft && v.kind == isConst:
		return value{kind: isConst, n: v.n << o.N}
	case o.Kind == machine.ShiftedLeft && v.kind == isPlace:
		return value{kind: isPlace, name: v.name, n: v.n + o.N}
	case o.Kind == machine.WithMask && v.kind == isParam && o.N == -4:
		return value{kind: isAligned, name: v.name, n: v.n}
	case o.Kind == machine.WithMask && v.kind == isParam && o.N == 3 && v.n == 0:
		return value{kind: isPlace, name: v.name}
	case o.Kind == machine.SetBits && v.found():
		return value{kind: isMerged, n: o.N}
	case o.Kind == machine.ShiftedBy && v.kind == isConst:
		bits := int64(bits.Len64(uint64(v.n)))
		if by := f.states[n][f.code[n].Second]; v.n == 1<<bits-1 && by.kind == isPlace && by.n == 3 {
			return value{kind: isMask, name: by.name, n: bits}
		}
	}
	return value{}
}

// reserved marks a term.
const reserved = 1

func (v value) found() bool { return v.kind == isTerm && v.n == reserved }

// merge follows how code changes the bits of a part: it masks them, and flips those in what
// was found.
func merge(v value, op machine.OperandKind, w value) value {
	for _, pair := range [][2]value{{v, w}, {w, v}} {
		x, y := pair[0], pair[1]
		switch {
		case op == machine.Conjunction && (y.kind == isMask || y.kind == isConst):
			return value{kind: isMasked, name: y.name, n: y.n}
		case op == machine.Difference && x.found() && y.kind == isMasked:
			return value{kind: isMerged, name: y.name, n: y.n}
		}
	}
	return value{}
}

// merged returns the part of a word that store-exclusive n changes: how many bits, and how
// many bytes behind the address of the word, or of the parameter that is in the word.
func (f *function) merged(n int) (size int, offset int64, ok bool) {
	i := &f.code[n]
	v, at := f.value(n, i.Data), f.address(n)
	switch {
	case i.Class != machine.StoreEx || v.kind != isMerged:
		return 0, 0, false
	case at.kind == isAligned:
		return int(v.n), 0, v.name == at.name
	case v.name != "" || v.n == 0:
		return 0, 0, false
	}
	mask := uint64(v.n) << (64 - i.Bits) >> (64 - i.Bits)
	low, top := bits.TrailingZeros64(mask), bits.Len64(mask)
	offset = int64(low / 8)
	for _, size := range []int{8, 16, 32} {
		if low >= int(8*offset) && top <= int(8*offset)+size && int(8*offset)%size == 0 {
			return size, offset, true
		}
	}
	return 0, 0, false
}

// rowTerm is where a table t has the current goroutine's row: its mask is at 8, and the
// first of the rows at what it has at 0.
const rowTerm = "(((g^g>>7)&t[8])+t[0])"

// loaded returns what instruction n loads.
func (f *function) loaded(n int) value {
	v := f.contents(n)
	if f.code[n].Unsigned && (v.kind == isParam || v.kind == isTerm) {
		v.name = unsigned + v.name
	}
	return v
}

// contents is the same, however it fills the register.
func (f *function) contents(n int) value {
	i := &f.code[n]
	switch a := f.address(n); {
	case i.Mem.Region == machine.ViaTLS:
		return value{kind: isG}
	case i.Mem.Region == machine.ViaStack:
		if s := f.slotAt(i); s != nil && !s.result {
			return value{kind: isParam, name: s.name}
		}
	case isGoidAt(i, a):
		return value{kind: isGoid}
	case a.kind == isConst && f.flagAt(a.n) != "":
		return value{kind: isFlag, name: f.flagAt(a.n)}
	case a.kind == isAligned:
		return term("%s[%d&-4]:%d", a.name, a.n, i.Bits)
	case a.kind == isParam && i.Class.Accesses() && i.Class != machine.Store && i.Bits == 64:
		return term("%s[%d]", a.name, a.n)
	case a.kind == isParam && i.Class.Accesses() && i.Class != machine.Store:
		return term("%s[%d]:%d", a.name, a.n, i.Bits)
	}
	return value{}
}

// goidOffset is where the runtime's g has the goroutine's id, on a 64-bit machine.
const goidOffset = 0x98

// isGoidAt reports whether i loads the goroutine's id, given what it accesses.
func isGoidAt(i *machine.Inst, a value) bool {
	return i.Class == machine.Load && i.Bits == 64 && a == value{kind: isG, n: goidOffset}
}

// address returns what instruction n accesses: a parameter, the current g, a constant
// address, or anything. It knows nothing of the stack and of thread-local storage.
func (f *function) address(n int) value {
	m := f.code[n].Mem
	switch m.Region {
	case machine.ViaReg:
		v := f.value(n, machine.Operand{Kind: machine.FromReg, Reg: m.Base, N: m.Disp})
		if v.kind == isConst {
			return f.global(v.n)
		}
		return v
	case machine.ViaPC:
		return f.global(m.Disp)
	}
	return value{}
}

// global returns what is at a constant address.
func (f *function) global(addr int64) value {
	if f.variable != nil {
		if name, offset := f.variable(addr); name != "" {
			return value{kind: isParam, name: name, n: offset}
		}
	}
	return value{kind: isConst, n: addr}
}

// slotAt returns the argument or result that i accesses as a whole, or nil.
func (f *function) slotAt(i *machine.Inst) *slot {
	for n := range f.frame {
		if s := &f.frame[n]; s.offset == i.Mem.Disp && s.bits == i.Bits {
			return s
		}
	}
	return nil
}

// reach marks the instructions that machine m can reach from those in from. It marks
// the instructions that stop selects, but does not go beyond them.
func (f *function) reach(m machine.Kind, from []int, stop func(*machine.Inst) bool) []bool {
	reached := make([]bool, len(f.code))
	for work := from; len(work) > 0; {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		if reached[n] {
			continue
		}
		reached[n] = true
		if !stop(&f.code[n]) {
			work = append(work[:len(work):len(work)], f.nextOn(m, n)...)
		}
	}
	return reached
}

func never(*machine.Inst) bool { return false }

// nextOn returns the successors of instruction n on machine m, whose flags decide some
// branches.
func (f *function) nextOn(m machine.Kind, n int) []int {
	i := &f.code[n]
	if i.Test == nil || len(f.next[n]) < 2 || i.Test.Bit > 0 {
		return f.next[n]
	}
	v := f.states[n][i.Test.Reg]
	on, known := m.Has[v.name]
	if v.kind != isFlag || !known {
		return f.next[n]
	}
	if on == i.Test.Nonzero {
		return f.next[n][1:]
	}
	return f.next[n][:1]
}

// cycleWithout returns an instruction that closes a cycle in the live code of machine
// m, or -1. The cycle has none of the instructions that avoid selects.
func (f *function) cycleWithout(m machine.Kind, live []bool, avoid func(*machine.Inst) bool) int {
	const onPath, done = 1, 2
	state := make([]int, len(f.code))
	var visit func(n int) int
	visit = func(n int) int {
		state[n] = onPath
		for _, s := range f.nextOn(m, n) {
			if avoid(&f.code[s]) || state[s] == done {
				continue
			}
			if state[s] == onPath {
				return n
			}
			if found := visit(s); found >= 0 {
				return found
			}
		}
		state[n] = done
		return -1
	}
	for n := range f.code {
		if live[n] && state[n] == 0 && !avoid(&f.code[n]) {
			if found := visit(n); found >= 0 {
				return found
			}
		}
	}
	return -1
}
