package audit

import "fmt"

// A function is the machine code of one primitive, with its flow of control and of
// values.
type function struct {
	code   []inst
	next   [][]int      // successors of each instruction, fall-through first
	states []*registers // what the registers hold before each instruction; nil = unreachable
	frame  []slot       // arguments and results on the stack, of assembly
	flagAt func(addr int64) string
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
	isTerm // what was computed from the g and from what parameters point to, as name says
)

type registers [33]value

// connect builds the control-flow graph. It returns the index of an instruction that
// leaves the function other than by a return, or -1.
func (f *function) connect() int {
	at := map[uint64]int{}
	for n, i := range f.code {
		at[i.pc] = n
	}
	f.next = make([][]int, len(f.code))
	for n, i := range f.code {
		if i.class != jump && i.class != ret {
			if n+1 == len(f.code) {
				return n
			}
			f.next[n] = append(f.next[n], n+1)
		}
		if i.class == jump || i.class == branch {
			t, ok := at[i.target]
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
	f.states[0] = &entry
	for work := []int{0}; len(work) > 0; {
		n := work[0]
		work = work[1:]
		out := f.after(n)
		for _, s := range f.next[n] {
			if f.merge(s, out) {
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
			*have, changed = value{}, true
		}
	}
	return changed
}

// after returns the state after instruction n.
func (f *function) after(n int) registers {
	i, out := &f.code[n], *f.states[n]
	for _, r := range i.sets {
		out[r] = value{}
	}
	if len(i.sets) > 0 {
		out[i.sets[0]] = f.value(n, i.result)
	}
	return out
}

// value returns what an operand of instruction n holds.
func (f *function) value(n int, o operand) value {
	switch o.kind {
	case constant:
		return value{kind: isConst, n: o.n}
	case fromReg:
		v := f.states[n][o.reg]
		if v.kind == isConst || v.kind == isParam || v.kind == isG {
			v.n += o.n
		} else if o.n != 0 {
			return value{}
		}
		return v
	case loaded:
		return f.loaded(n)
	case shifted:
		return shift(f.states[n][o.reg], o.n)
	case sum, conjunction, difference:
		other := f.loaded(n)
		if second := f.code[n].second; second != noReg {
			other = shift(f.states[n][second], o.n)
		}
		return combine(f.states[n][o.reg], o.kind, other)
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

var operators = map[operandKind]string{sum: "+", conjunction: "&", difference: "^"}

// combine returns a term of two values, in one order for both, or the row of the current
// goroutine.
func combine(v value, op operandKind, w value) value {
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

// rowTerm is where a table t has the current goroutine's row: its mask is at 8, and the
// first of the rows at what it has at 0.
const rowTerm = "(((g^g>>7)&t[8])+t[0])"

func (f *function) loaded(n int) value {
	i := &f.code[n]
	switch a := f.address(n); {
	case i.mem.region == viaTLS:
		return value{kind: isG}
	case i.mem.region == viaStack:
		if s := f.slotAt(i); s != nil && !s.result {
			return value{kind: isParam, name: s.name}
		}
	case isGoidAt(i, a):
		return value{kind: isGoid}
	case a.kind == isConst && f.flagAt(a.n) != "":
		return value{kind: isFlag, name: f.flagAt(a.n)}
	case a.kind == isParam && i.class == load && i.bits == 64:
		return term("%s[%d]", a.name, a.n)
	}
	return value{}
}

// goidOffset is where the runtime's g has the goroutine's id, on a 64-bit machine.
const goidOffset = 0x98

// isGoidAt reports whether i loads the goroutine's id, given what it accesses.
func isGoidAt(i *inst, a value) bool {
	return i.class == load && i.bits == 64 && a == value{kind: isG, n: goidOffset}
}

// address returns what instruction n accesses: a parameter, the current g, a constant
// address, or anything. It knows nothing of the stack and of thread-local storage.
func (f *function) address(n int) value {
	m := f.code[n].mem
	switch m.region {
	case viaReg:
		return f.value(n, operand{fromReg, m.base, m.disp})
	case viaPC:
		return value{kind: isConst, n: m.disp}
	}
	return value{}
}

// slotAt returns the argument or result that i accesses as a whole, or nil.
func (f *function) slotAt(i *inst) *slot {
	for n := range f.frame {
		if s := &f.frame[n]; s.offset == i.mem.disp && s.bits == i.bits {
			return s
		}
	}
	return nil
}

// reach marks the instructions that machine m can reach from those in from. It marks
// the instructions that stop selects, but does not go beyond them.
func (f *function) reach(m machine, from []int, stop func(*inst) bool) []bool {
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

func never(*inst) bool { return false }

// nextOn returns the successors of instruction n on machine m, whose flags decide some
// branches.
func (f *function) nextOn(m machine, n int) []int {
	i := &f.code[n]
	if i.test == nil || len(f.next[n]) < 2 || i.test.bit > 0 {
		return f.next[n]
	}
	v := f.states[n][i.test.reg]
	on, known := m.flags[v.name]
	if v.kind != isFlag || !known {
		return f.next[n]
	}
	if on == i.test.nonzero {
		return f.next[n][1:]
	}
	return f.next[n][:1]
}

// cycleWithout returns an instruction that closes a cycle in the live code of machine
// m, or -1. The cycle has none of the instructions that avoid selects.
func (f *function) cycleWithout(m machine, live []bool, avoid func(*inst) bool) int {
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
