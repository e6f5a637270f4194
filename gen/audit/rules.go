package audit

import (
	"slices"

	"github.com/rqlock/rqlock/gen/spec"
)

// A Rule is what a finding is about.
type Rule int

const (
	RuleSymbol      Rule = iota // the primitive is in the binary
	RuleInstruction             // only instructions that the audit knows
	RuleControl                 // no calls; nothing runs into other code
	RuleRegister                // registers of caller and runtime stay as they are
	RuleFrame                   // arguments and results are accessed as a whole
	RuleFence                   // accesses have their ordering, and nothing else has one
	RuleLock                    // no read-modify-write without LOCK
	RuleAddress                 // shared accesses go through a parameter
	RuleAccess                  // each access is one that the operation consists of
	RuleWidth                   // an access has exactly the width of the field or object
	RuleOffset                  // an access is exactly at the field or object
	RuleOrdering                // an access has the row's ordering, no less and no more
	RuleValue                   // what is stored is right, if it is a constant
	RuleMissing                 // nothing that the operation needs is missing
	RuleSequence                // accesses that must follow others do
	RuleRetry                   // an attempt that failed is repeated
	RuleWindow                  // nothing is between load-exclusive and store-exclusive or CLREX
	RuleDispatch                // LSE and LL/SC are for the machines that have them
	RuleLoop                    // every round of a wait has a spin hint
	RuleEventStream             // WFE is only where something ends it
)

var ruleNames = [...]string{
	"symbol", "instruction", "control flow", "register", "frame", "fence", "lock prefix", "address", "access", "width",
	"offset", "ordering", "value", "missing", "sequence", "retry", "exclusive", "dispatch", "wait loop", "event stream",
}

func (r Rule) String() string { return ruleNames[r] }

// Rules lists all rules.
func Rules() []Rule {
	all := make([]Rule, len(ruleNames))
	for r := range all {
		all[r] = Rule(r)
	}
	return all
}

// checkInstruction applies the rules that are the same for every machine.
func (c *checker) checkInstruction(n int) {
	i := &c.fn.code[n]
	switch i.class {
	case unknown:
		c.report(n, RuleInstruction, "not an instruction that a primitive may consist of")
	case call:
		c.report(n, RuleControl, "a primitive calls nothing")
	case fence:
		if c.row.Op == spec.Fence {
			break
		}
		c.report(n, RuleFence, "a fence: orderings belong to accesses")
	case plainUpdate:
		c.report(n, RuleLock, "a read-modify-write of memory without LOCK")
	case wait:
		if !c.row.Waits() {
			c.report(n, RuleEventStream, "WFE outside a wait loop")
		}
	}
	for _, r := range i.sets {
		if name := c.arch.reserved[r]; name != "" {
			c.report(n, RuleRegister, "writes %s", name)
		}
	}
	if c.fn.states[n] == nil {
		return // check reports code that no machine runs
	}
	if i.class == storeEx {
		c.checkStatus(n)
	}
	if c.target.LSE {
		c.checkNoDispatch(n)
	}
	if i.class.accesses() {
		c.checkAddress(n)
	}
}

// checkStatus checks that the status register is none of the operands, which would be
// unpredictable, and that the next instruction tests it.
func (c *checker) checkStatus(n int) {
	i := &c.fn.code[n]
	if i.status == i.data.reg || i.status == i.mem.base && i.mem.region == viaReg {
		c.report(n, RuleWindow, "the status register is also data or address")
	}
	if t := c.fn.code[n+1].test; t == nil || t.reg != i.status {
		c.report(n, RuleWindow, "the next instruction does not test the status")
	}
}

// checkNoDispatch checks that a build for machines with LSE does not ask for LSE.
func (c *checker) checkNoDispatch(n int) {
	if v := c.fn.value(n, c.fn.code[n].result); v == (value{kind: isFlag, name: flagLSE}) {
		c.report(n, RuleDispatch, "asks for LSE in a build for machines that have it")
	}
}

// checkAddress checks that an access to the stack is to one argument or result, one to
// a global to a flag, and one to thread-local storage to the current g, of which only
// the goroutine's id is loaded. Any other must be through a parameter.
func (c *checker) checkAddress(n int) {
	i := &c.fn.code[n]
	a := c.fn.address(n)
	switch {
	case i.mem.region == viaStack:
		s := c.fn.slotAt(i)
		if s == nil || s.result != (i.class == store) || i.class != load && i.class != store {
			c.report(n, RuleFrame, "the %d bits at %d are no argument to load or result to store", i.bits, i.mem.disp)
		}
	case i.mem.region == viaTLS:
		if i.class != load || i.bits != 64 || i.mem.disp != -8 {
			c.report(n, RuleAddress, "only the current g is loaded from thread-local storage")
		}
	case a.kind == isConst:
		if i.class != load || c.fn.flagAt(a.n) == "" {
			c.report(n, RuleAddress, "accesses a global that is no flag")
		}
	case a.kind == isG:
		if !isGoidAt(i, a) {
			c.report(n, RuleAddress, "only the goroutine's id is loaded from the current g")
		}
	case a.kind != isParam:
		c.report(n, RuleAddress, "the address does not come from a parameter")
	}
}

// shared reports whether the machine accesses memory through a parameter by
// instruction n, and through which.
func (c *checker) shared(n int) (value, bool) {
	if !c.live[n] || !c.fn.code[n].class.accesses() {
		return value{}, false
	}
	a := c.fn.address(n)
	return a, a.kind == isParam
}

// checkMachine applies the rules for the code that one kind of machine runs.
func (c *checker) checkMachine() {
	c.checkAccesses()
	c.checkFeatures()
	c.checkWindows()
	if c.row.Waits() {
		c.checkWaitLoop()
	}
	switch c.row.Op {
	case spec.Relax:
		for _, class := range c.arch.relax {
			c.require(class)
		}
	case spec.Fence:
		c.checkFence()
	case spec.CycleCount:
		c.require(counter)
	case spec.CurrentG:
		c.checkReturns(isG, "the current g")
	case spec.CurrentGoid:
		c.checkReturns(isGoid, "the goroutine's id")
	case spec.UnlockOwned, spec.ReadUnlock, spec.WriteUnlock:
		c.requireGoid()
	}
}

// require checks that the machine runs an instruction of a class.
func (c *checker) require(want class) {
	for n, i := range c.fn.code {
		if c.live[n] && i.class == want {
			return
		}
	}
	c.report(-1, RuleMissing, "no %s", want)
}

// checkFence checks that there is a fence that orders what the row says. On amd64 only
// sequential consistency needs one.
func (c *checker) checkFence() {
	if c.arch.tso && c.row.Order != spec.SeqCst {
		return
	}
	c.require(fence)
	for n, i := range c.fn.code {
		if c.live[n] && i.class == fence && c.row.Order.Releases() && !i.release {
			c.report(n, RuleOrdering, "does not release, want %s", c.row.Order)
		}
	}
}

func (c *checker) checkReturns(kind valueKind, what string) {
	for n, i := range c.fn.code {
		if c.live[n] && i.class == store && i.mem.region == viaStack && c.fn.value(n, i.data) == (value{kind: kind}) {
			return
		}
	}
	c.report(-1, RuleMissing, "no store of %s as the result", what)
}

// requireGoid: an operation that is the owner's alone knows who runs it.
func (c *checker) requireGoid() {
	for n := range c.fn.code {
		if c.live[n] && isGoidAt(&c.fn.code[n], c.fn.address(n)) {
			return
		}
	}
	c.report(-1, RuleMissing, "no load of the goroutine's id")
}

// checkFeatures checks that a machine without LSE runs none of its instructions, that
// one with LSE does not run LL/SC, and that the event stream ends every WFE.
func (c *checker) checkFeatures() {
	lse, event := c.machine.flags[flagLSE], c.machine.flags[flagEventStream]
	for n, i := range c.fn.code {
		switch {
		case !c.live[n]:
		case i.lse && !lse:
			c.report(n, RuleDispatch, "LSE where the machine has none")
		case (i.class == storeEx || i.class == loadEx && !c.row.Waits()) && lse:
			c.report(n, RuleDispatch, "LL/SC where the machine has LSE")
		case i.class == wait && !event:
			c.report(n, RuleEventStream, "WFE where no event stream ends it")
		}
	}
}

// checkWaitLoop checks that a wait loop is a loop, and that every round of it has a
// spin hint (on arm64 YIELD and ISB) or WFE.
func (c *checker) checkWaitLoop() {
	if c.fn.cycleWithout(c.machine, c.live, never) < 0 {
		c.report(-1, RuleLoop, "it does not loop")
	}
	for _, hint := range c.arch.relax {
		ends := func(i *inst) bool { return i.class == hint || i.class == wait }
		if n := c.fn.cycleWithout(c.machine, c.live, ends); n >= 0 {
			c.report(n, RuleLoop, "closes a loop without %s", hint)
		}
	}
}

// checkWindows checks that there is no other access between a load-exclusive and its
// store-exclusive, and that no path returns with the monitor set.
func (c *checker) checkWindows() {
	closes := func(i *inst) bool { return i.class == storeEx || i.class == clearEx }
	for n, i := range c.fn.code {
		if !c.live[n] || i.class != loadEx {
			continue
		}
		for at, in := range c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), closes) {
			if in {
				c.checkInWindow(n, at)
			}
		}
	}
	c.checkOrphans()
	c.checkFailures()
}

// checkInWindow judges instruction n, which runs while the load-exclusive at
// opened holds the monitor.
func (c *checker) checkInWindow(opened, n int) {
	i := &c.fn.code[n]
	switch {
	case i.class == ret && !c.asm: // the compiler leaves out CLREX, as the next LDXR sets the monitor again
	case i.class == ret:
		c.report(n, RuleWindow, "returns with the exclusive monitor set: CLREX is missing")
	case i.class == loadEx && c.row.Waits():
		// It arms the monitor again for the next WFE.
	case i.class == storeEx:
		o := &c.fn.code[opened]
		if c.fn.address(n) != c.fn.address(opened) || i.bits != o.bits {
			c.report(n, RuleWindow, "not the address or width of %s", o.text)
		}
	case i.class.accesses(), i.class == call, i.class == fence:
		c.report(n, RuleWindow, "inside the window of %s", c.fn.code[opened].text)
	}
}

// checkOrphans finds store-exclusives that no load-exclusive precedes since the entry
// or the last store-exclusive. They would always fail.
func (c *checker) checkOrphans() {
	from := []int{0}
	for n, i := range c.fn.code {
		if c.live[n] && (i.class == storeEx || i.class == clearEx) {
			from = append(from, c.fn.nextOn(c.machine, n)...)
		}
	}
	opens := func(i *inst) bool { return i.class == loadEx }
	for n, in := range c.fn.reach(c.machine, from, opens) {
		if in && c.fn.code[n].class == storeEx {
			c.report(n, RuleWindow, "no load-exclusive before it")
		}
	}
}

// checkFailures checks that the function does not return after a store-exclusive that
// has failed, and so has done nothing, before it tries again or finds another value.
func (c *checker) checkFailures() {
	opens := func(i *inst) bool { return i.class == loadEx }
	for n, i := range c.fn.code {
		if !c.live[n] || i.class != storeEx || c.fn.code[n+1].test == nil {
			continue
		}
		failed := c.fn.next[n+1][:1]
		if c.fn.code[n+1].test.nonzero {
			failed = c.fn.next[n+1][1:]
		}
		for at, in := range c.fn.reach(c.machine, failed, opens) {
			if in && c.fn.code[at].class == ret {
				c.report(n, RuleRetry, "returns without another attempt if this one fails")
			}
		}
	}
}

// dominated reports whether every path from from to instruction n has an instruction
// that on selects.
func (c *checker) dominated(from []int, n int, on func(*inst) bool) bool {
	reached := c.fn.reach(c.machine, from, on)
	return !reached[n] || on(&c.fn.code[n])
}

// matching lists the live instructions that make the access p.
func (c *checker) matching(p *prior) []int {
	var found []int
	for n := range c.fn.code {
		a, ok := c.shared(n)
		if ok && a.name == p.param && a.n == p.off && c.fn.code[n].class.writes() == p.writes {
			found = append(found, n)
		}
	}
	return found
}

// follows reports whether instruction n runs only after p.
func (c *checker) follows(n int, p *prior) bool {
	firsts := c.matching(p)
	isFirst := func(i *inst) bool {
		return slices.ContainsFunc(firsts, func(k int) bool { return &c.fn.code[k] == i })
	}
	if slices.Contains(firsts, n) || !c.dominated([]int{0}, n, isFirst) {
		return false
	}
	if !p.guarded {
		return true
	}
	var from []int
	for _, k := range firsts {
		from = append(from, c.fn.nextOn(c.machine, k)...)
	}
	dispatch := map[*inst]bool{} // branches on what the machine has, not on what was found
	for k := range c.fn.code {
		i := &c.fn.code[k]
		dispatch[i] = c.live[k] && i.test != nil && c.fn.states[k][i.test.reg].kind == isFlag
	}
	return c.dominated(from, n, func(i *inst) bool { return i.class == branch && !dispatch[i] })
}

// repeats reports whether instruction n can run again after itself.
func (c *checker) repeats(n int) bool {
	return c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), never)[n]
}
