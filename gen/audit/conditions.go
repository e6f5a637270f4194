package audit

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/spec"
)

// A condition is what a branch of an operation asks, in the words of predicate, and what
// comes of it.
type condition struct {
	text      string
	yes, no   int  // the result with which the function ends then at once, or goesOn
	many      bool // any number of branches asks this, or else exactly one
	sleepless bool // if so, the function must not sleep
}

// goesOn says that more branches follow.
const goesOn = -1

// noResult is what is no result of an operation.
const noResult = -2

// conditions lists what the branches of an operation ask, in the order of its accesses (nil =
// nothing is said of its branches). Results are numbered as their constants are, and those of
// an operation that returns a bool: 0 is success.
func (c *checker) conditions() []condition {
	closed := condition{text: "(w[15]:8&0x80) == 0x0", yes: goesOn, no: 1}
	owned := condition{text: "goid == w[0]", yes: goesOn, no: 2}
	switch c.row.Op {
	case spec.LockFast:
		return []condition{{text: "w[0]:8 == 0x0", yes: goesOn, no: 1}, {text: c.pendingIsClear(), yes: 0, no: 1}}
	case spec.UnlockFast:
		return []condition{{text: "g == w[8]", yes: 0, no: 1}}
	case spec.LockOwned:
		return []condition{closed, {text: "w[0] == 0x0", yes: 0, no: 1}}
	case spec.UnlockOwned:
		return []condition{owned, {text: "w[12]:32 == 0x0", yes: 0, no: 1}}
	case spec.ReadLock:
		return []condition{
			{text: "row[0] == 0x0", yes: goesOn, no: 1}, {text: "w[0] == 0x0", yes: goesOn, no: 2},
			{text: "(w[16]:32&0x80000000) == 0x0", yes: 2, no: 0},
		}
	case spec.ReadUnlock:
		return []condition{
			{text: "row[0] == w", yes: goesOn, no: 2}, {text: "goid == row[24]", yes: goesOn, no: 2},
			{text: "w[24]:32 == 0x0", yes: 0, no: 1},
		}
	case spec.WriteLock:
		return []condition{closed, {text: "w[0] == 0x0", yes: goesOn, no: 1}, {text: "w[16]:32 == 0x0", yes: 0, no: 2}}
	case spec.WriteUnlock:
		return []condition{
			owned, {text: "w[20]:32 == 0x0", yes: goesOn, no: 3}, {text: "w[12]:32 == 0x0", yes: goesOn, no: 1},
			{text: "w[20]:32 == 0x0", yes: 0, no: 1},
		}
	}
	if c.row.Waits() && !c.row.Writes() {
		return c.waits()
	}
	return nil
}

// pendingIsClear asks for a field that is a part of a byte, or all of it.
func (c *checker) pendingIsClear() string {
	pending := c.row.On.Get("pending")
	if mask := uint64(1)<<pending.Bits - 1; pending.Bits < 8 {
		return fmt.Sprintf("(w[%d]:8&%#x) == 0x0", pending.Offset(), mask<<(pending.Shift%8))
	}
	return fmt.Sprintf("w[%d]:8 == 0x0", pending.Offset())
}

// usedUp is the condition that a wait has used up its spins. Where all comparisons are of
// registers as a whole, it is that the number is below 0 after the last.
func (c *checker) usedUp() condition {
	if c.arch.Extends {
		return condition{text: "((+spins-n*1)&0x8000000000000000) == 0x0", yes: goesOn, no: 0}
	}
	return condition{text: "(spins-n*1) < 0x1", yes: 0, no: goesOn}
}

// waits lists the conditions of a wait: that it is over, that its spins are used up, that it
// is too short to sleep, and if it sleeps on the machine, that it has slept for long enough.
func (c *checker) waits() []condition {
	await := spec.Awaits[c.row.Op]
	object := c.loadedObject()
	if await.Masked {
		object = fmt.Sprintf("(mask&%s)", object)
	}
	over := condition{yes: 0, no: goesOn, many: true}
	switch await.Is {
	case "==":
		over.text = sorted(object, "want")
	case "!=":
		over.text, over.yes, over.no = sorted(object, "want"), goesOn, 0
	case "<":
		over.text = object + " < want"
	case ">=":
		over.text, over.yes, over.no = object+" < want", goesOn, 0
	case ">":
		over.text = "want < " + object
	case "<=":
		over.text, over.yes, over.no = "want < "+object, goesOn, 0
	}
	all := []condition{over, c.usedUp()}
	spins, ticks := "spins", fmt.Sprintf("(frequency/%#x)", c.arch.SleepsFor)
	if c.arch.Extends {
		spins = unsigned + spins
	}
	if c.arch.SleepTicks != "" {
		ticks = c.arch.SleepTicks
	}
	if c.arch.SleepsFrom > 0 {
		all = append(all, condition{text: fmt.Sprintf("%s < %#x", spins, c.arch.SleepsFrom), yes: goesOn, no: goesOn, sleepless: c.sleeps()})
	}
	if c.sleeps() {
		all = append(all, condition{text: "(now-ticks) < " + ticks, yes: goesOn, no: 0})
	}
	return all
}

// loadedObject is the term for what a wait has loaded.
func (c *checker) loadedObject() string {
	if c.row.Width == 64 {
		return "p[0]"
	}
	return fmt.Sprintf("p[0]:%d", c.row.Width)
}

// sleeps reports whether waits sleep on the machine.
func (c *checker) sleeps() bool {
	for _, i := range c.fn.code {
		if i.Class == machine.Wait && c.machine.Has[i.Needs] {
			return true
		}
	}
	return false
}

// sorted writes that two operands are equal, a constant last.
func sorted(x, y string) string {
	if constant(x) || !constant(y) && y < x {
		x, y = y, x
	}
	return x + " == " + y
}

func constant(x string) bool { return strings.HasPrefix(x, "0x") }

// checkConditions compares what live branches ask, and what comes of it, with what those of
// the operation ask. What the machine has decides some branches, and whether an exclusive
// store has failed, others.
func (c *checker) checkConditions() {
	wants := c.conditions()
	if wants == nil || !c.arch.Compares || !c.asm {
		return
	}
	asked := make([]int, len(wants))
	for n, i := range c.fn.code {
		if !c.live[n] || i.Class != machine.Branch || len(c.fn.nextOn(c.machine, n)) < 2 || c.asksStatus(n) {
			continue
		}
		text, holds := c.fn.predicate(n)
		next := c.fn.next[n]
		yes, no := next[0], next[1]
		if holds {
			yes, no = no, yes
		}
		k := 0
		for k < len(wants) && !(wants[k].text == text && (wants[k].many || c.ends(yes) == wants[k].yes && c.ends(no) == wants[k].no)) {
			k++
		}
		switch {
		case k == len(wants):
			c.report(n, RuleCondition, "asks for %s, and goes on as %s does not", text, c.row.Op)
			continue
		case c.ends(yes) != wants[k].yes || c.ends(no) != wants[k].no:
			c.report(n, RuleCondition, "%s: goes on where it must return, or the other way round", text)
		case wants[k].sleepless && (c.reachesWait(yes) || !c.reachesWait(no)):
			c.report(n, RuleCondition, "%s: sleeps if so, or does not sleep if not", text)
		}
		asked[k]++
	}
	for k, w := range wants {
		if asked[k] == 0 || asked[k] > 1 && !w.many {
			c.report(-1, RuleCondition, "%d branches ask for %s", asked[k], w.text)
		}
	}
	if c.row.Waits() {
		c.checkLooks(wants[0].text)
		c.checkResult(term("%s", c.loadedObject()))
	}
}

// checkResult checks that nothing else is returned. How it was loaded does not matter.
func (c *checker) checkResult(want value) {
	for n, i := range c.fn.code {
		if !c.live[n] || i.Class != machine.Store || i.Mem.Region != machine.ViaStack {
			continue
		}
		if v := c.fn.value(n, i.Data); v.kind != want.kind || v.name != want.name {
			c.report(n, RuleValue, "returns something else than it has loaded last")
		}
	}
}

// checkLooks checks that a wait compares what it has loaded before it does anything else but
// return that.
func (c *checker) checkLooks(text string) {
	compares := func(i *machine.Inst) bool {
		n := c.index(i)
		if i.Class != machine.Branch {
			return false
		}
		asks, _ := c.fn.predicate(n)
		return asks == text
	}
	for n := range c.fn.code {
		if _, ok := c.shared(n); !ok {
			continue
		}
		for at, in := range c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), compares) {
			if i := &c.fn.code[at]; in && !compares(i) && (i.Class.Accesses() && i.Class != machine.Store || i.Class == machine.Wait || i.Class == machine.Pause) {
				c.report(n, RuleCondition, "what it has loaded is not compared at once")
				return
			}
		}
	}
}

func (c *checker) index(i *machine.Inst) int {
	for n := range c.fn.code {
		if &c.fn.code[n] == i {
			return n
		}
	}
	return -1
}

// asksStatus reports whether branch n asks whether the exclusive store before it has failed.
func (c *checker) asksStatus(n int) bool {
	return n > 0 && c.fn.code[n-1].Class == machine.StoreEx && c.fn.code[n].Test != nil && c.fn.code[n].Test.Reg == c.fn.code[n-1].Status
}

func (c *checker) reachesWait(n int) bool {
	for at, in := range c.fn.reach(c.machine, []int{n}, never) {
		if in && c.fn.code[at].Class == machine.Wait {
			return true
		}
	}
	return false
}

// ends returns the result with which the function ends if it goes on at instruction n, or
// goesOn if a branch decides that. An exclusive store does not fail.
func (c *checker) ends(n int) int {
	result := 0
	for range c.fn.code {
		i := &c.fn.code[n]
		next := c.fn.nextOn(c.machine, n)
		exit, leaves := c.fn.exits[n]
		switch {
		case leaves:
			return exit
		case i.Class == machine.Ret:
			return result
		case i.Class == machine.Store && i.Mem.Region == machine.ViaStack && c.fused == nil:
			v := c.fn.value(n, i.Data)
			switch {
			case v.kind != isConst && !c.row.Waits():
				result = noResult
			case i.Bits == 8:
				result = 1 - int(v.n)
			case v.kind == isConst:
				result = int(v.n)
			}
		case i.Class == machine.Wait, i.Class == machine.Pause:
			return goesOn
		case len(next) == 2 && c.asksStatus(n):
			next = next[:1]
			if !i.Test.Nonzero {
				next = c.fn.next[n][1:]
			}
		case len(next) != 1:
			return goesOn
		}
		n = next[0]
	}
	return goesOn
}

// predicate returns what branch n asks, and whether it is taken if that holds.
func (f *function) predicate(n int) (text string, taken bool) {
	i, at := &f.code[n], n
	if i.Compares == nil {
		v := f.states[n][compared]
		if v.kind != isComparison {
			return "something that is not known", true
		}
		at = int(v.n)
	}
	cmp := *f.code[at].Compares
	left, right := f.text(at, cmp.Left, cmp.Bits), f.text(at, cmp.Right, cmp.Bits)
	if _, bits := f.name(f.value(at, cmp.Left)); f.extends && bits == 32 && !strings.Contains(left, unsigned) { // it has its sign in each bit above
		cmp.Bits = bits
	}
	return phrase(left, right, &cmp, i.Condition)
}

// phrase writes a condition on two operands, always as ==, unsigned <, or a test of bits.
func phrase(left, right string, cmp *machine.Comparison, cond machine.Condition) (text string, taken bool) {
	sign := fmt.Sprintf("%#x", uint64(1)<<(cmp.Bits-1))
	if cmp.Conjunction {
		if all := fmt.Sprintf("%#x", ^uint64(0)>>(64-cmp.Bits)); left == all {
			left = right
		} else if left != right && right != all {
			left = masked(left, right)
		}
		right = "0x0"
	}
	if right == "0x0" && (cond == machine.Less || cond == machine.GreaterOrEqual || cond == machine.Negative || cond == machine.NotNegative) {
		return masked(left, sign) + " == 0x0", cond == machine.GreaterOrEqual || cond == machine.NotNegative
	}
	switch cond {
	case machine.Equal, machine.NotEqual:
		return sorted(left, right), cond == machine.Equal
	case machine.Below, machine.AboveOrEqual:
		return left + " < " + right, cond == machine.Below
	case machine.Above, machine.BelowOrEqual:
		return right + " < " + left, cond == machine.Above
	}
	return "something that no operation asks for", true
}

// masked writes the bits that two operands have, a constant last.
func masked(x, y string) string {
	if constant(x) || !constant(y) && y < x {
		x, y = y, x
	}
	return "(" + x + "&" + y + ")"
}

// text writes an operand of a comparison of so many bits at instruction n.
func (f *function) text(n int, o machine.Operand, width int) string {
	v := f.value(n, o)
	if o.Kind == machine.Constant {
		v.n = int64(uint64(v.n) & (^uint64(0) >> (64 - width)))
	}
	name, known := f.name(v)
	if !f.extends && v.kind != isConst && known != width && max(known, 32) != width {
		return fmt.Sprintf("%d bits of %s", width, name)
	}
	return name
}

// name writes a value, and returns its width.
func (f *function) name(v value) (string, int) {
	switch v.kind {
	case isConst:
		return fmt.Sprintf("%#x", uint64(v.n)), 64
	case isParam:
		if v.n != 0 {
			return fmt.Sprintf("(%s%+d)", v.name, v.n), f.bitsOf(v.name)
		}
		return v.name, f.bitsOf(v.name)
	case isCounter:
		return fmt.Sprintf("(%s-n*%d)", v.name, v.n), f.bitsOf(v.name)
	case isG:
		if v.n == 0 {
			return "g", 64
		}
	case isGoid:
		return "goid", 64
	case isFlag:
		return v.name, 64
	case isTerm:
		return v.name, f.widthOf(v.name)
	}
	return "?", 64
}

// widthOf returns the width of a term: what was loaded has it behind a colon.
func (f *function) widthOf(name string) int {
	name = strings.TrimRight(name, ")")
	if _, width, ok := strings.Cut(name[strings.LastIndex(name, "[")+1:], ":"); ok {
		if n, err := strconv.Atoi(width); err == nil {
			return n
		}
	}
	return 64
}

// computed returns what a formula computes at instruction n.
func (f *function) computed(n int, by *machine.Formula) value {
	if by.Operator == machine.Frequency {
		return term("frequency")
	}
	if by.Left == machine.NoReg {
		return f.loaded(n)
	}
	left, right := f.states[n][by.Left], value{kind: isConst, n: by.N}
	if by.Right != machine.NoReg {
		right = f.states[n][by.Right]
	}
	if f.fits(left, by.Bits) && by.Operator == machine.Copy {
		return left
	}
	if !f.fits(left, by.Bits) || !f.fits(right, by.Bits) {
		return value{}
	}
	x, _ := f.name(left)
	y, _ := f.name(right)
	if len(x)+len(y) > longest || x == "?" || y == "?" {
		return value{}
	}
	switch by.Operator {
	case machine.Masked:
		if all := strings.TrimSuffix(x, ":32"); f.extends && all != x && !strings.Contains(all, "&") && y == "0xff" {
			return term("%s:8", all) // the lowest byte
		}
		return term("%s", masked(x, y))
	case machine.Quotient:
		return term("(%s/%s)", x, y)
	case machine.Higher:
		return term("(%s<<%s)", x, y)
	case machine.Joined:
		if all := "(" + min(x, y) + "|" + max(x, y) + ")"; all != "((ticks.high<<0x20)|ticks.low)" {
			return term("%s", all)
		}
		return term("ticks")
	case machine.Minus:
		switch {
		case right.kind != isConst:
			return term("(%s-%s)", x, y)
		case left.kind == isCounter && left.n == right.n:
			return left
		case left.kind == isParam && left.n == 0:
			return value{kind: isParam, name: left.name, n: -right.n}
		}
	}
	return value{}
}

// fits reports whether a value is one of so many bits, extended by zeros.
func (f *function) fits(v value, width int) bool {
	if v.kind == isConst {
		return bits.Len64(uint64(v.n)) <= width
	}
	_, known := f.name(v)
	return v.kind != anything && (known == width || known < width && (v.kind == isTerm || f.extends))
}
