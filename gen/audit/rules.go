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
	RuleRegister                // what belongs to caller and runtime stays untouched
	RuleFrame                   // arguments and results are accessed as what they are
	RuleFence                   // accesses carry their ordering, nothing else does
	RuleLock                    // no read-modify-write without LOCK
	RuleAddress                 // shared accesses go through a parameter
	RuleAccess                  // each access is one that the operation consists of
	RuleWidth                   // of exactly the field or object
	RuleOffset                  // at exactly the field or object
	RuleOrdering                // with the row's ordering, no less and no more
	RuleValue                   // stored where it is fixed
	RuleMissing                 // what the operation cannot do without
	RuleSequence                // accesses that must follow others
	RuleRetry                   // a failed attempt is made again
	RuleWindow                  // load-exclusive, nothing, store-exclusive or CLREX
	RuleDispatch                // LSE and LL/SC where the machine has them
	RuleLoop                    // a spin hint in every round of a wait
	RuleEventStream             // WFE only where something ends it
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

// checkInstruction applies the rules that hold on every machine.
func (c *checker) checkInstruction(n int) {
	i := &c.fn.code[n]
	switch i.class {
	case unknown:
		c.report(n, RuleInstruction, "not an instruction that a primitive may consist of")
	case call:
		c.report(n, RuleControl, "a primitive calls nothing")
	case fence:
		c.report(n, RuleFence, "a fence: orderings belong to accesses")
	case plainUpdate:
		c.report(n, RuleLock, "a read-modify-write of memory without LOCK")
	case wait:
		if c.row.Op != spec.CondLoad {
			c.report(n, RuleEventStream, "WFE outside a wait loop")
		}
	}
	for _, r := range i.sets {
		if name := c.arch.reserved[r]; name != "" {
			c.report(n, RuleRegister, "writes %s", name)
		}
	}
	if c.fn.states[n] == nil {
		return // checked as code that no machine runs
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

// checkStatus: the status register must be none of the operands (the result
// would be unpredictable), and the next instruction must look at it.
func (c *checker) checkStatus(n int) {
	i := &c.fn.code[n]
	if i.status == i.data.reg || i.status == i.mem.base && i.mem.region == viaReg {
		c.report(n, RuleWindow, "the status register is also data or address")
	}
	if t := c.fn.code[n+1].test; t == nil || t.reg != i.status {
		c.report(n, RuleWindow, "the next instruction does not test the status")
	}
}

// checkNoDispatch: a build that presumes LSE does not ask for it.
func (c *checker) checkNoDispatch(n int) {
	if v := c.fn.value(n, c.fn.code[n].result); v == (value{kind: isFlag, name: flagLSE}) {
		c.report(n, RuleDispatch, "asks for LSE in a build that presumes it")
	}
}

// checkAddress: stack accesses hit one argument or result, globals are flags,
// thread-local storage is the current g, and the rest goes through a parameter.
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
			c.report(n, RuleAddress, "touches a global that is no flag")
		}
	case a.kind != isParam:
		c.report(n, RuleAddress, "the address does not come from a parameter")
	}
}

// shared reports whether the machine runs instruction n and accesses memory
// through a parameter there, and through which.
func (c *checker) shared(n int) (value, bool) {
	if !c.live[n] || !c.fn.code[n].class.accesses() {
		return value{}, false
	}
	a := c.fn.address(n)
	return a, a.kind == isParam
}

// checkMachine applies the rules on the code that one kind of machine runs.
func (c *checker) checkMachine() {
	c.checkAccesses()
	c.checkFeatures()
	c.checkWindows()
	switch c.row.Op {
	case spec.CondLoad:
		c.checkWaitLoop()
	case spec.Relax:
		for _, class := range c.arch.relax {
			c.require(class)
		}
	case spec.CycleCount:
		c.require(counter)
	case spec.CurrentG:
		c.checkReturnsG()
	}
}

// require reports a class of instructions of which the machine runs none.
func (c *checker) require(want class) {
	for n, i := range c.fn.code {
		if c.live[n] && i.class == want {
			return
		}
	}
	c.report(-1, RuleMissing, "no %s", want)
}

func (c *checker) checkReturnsG() {
	for n, i := range c.fn.code {
		if c.live[n] && i.class == store && i.mem.region == viaStack && c.fn.value(n, i.data).kind == isG {
			return
		}
	}
	c.report(-1, RuleMissing, "no store of the current g as the result")
}

// checkFeatures: a machine without LSE must not meet its instructions, one with
// LSE need not take the long way; WFE needs the event stream to end it.
func (c *checker) checkFeatures() {
	lse, event := c.machine.flags[flagLSE], c.machine.flags[flagEventStream]
	for n, i := range c.fn.code {
		switch {
		case !c.live[n]:
		case i.lse && !lse:
			c.report(n, RuleDispatch, "LSE where the machine has none")
		case (i.class == storeEx || i.class == loadEx && c.row.Op != spec.CondLoad) && lse:
			c.report(n, RuleDispatch, "LL/SC where the machine has LSE")
		case i.class == wait && !event:
			c.report(n, RuleEventStream, "WFE where no event stream ends it")
		}
	}
}

// checkWaitLoop: a wait loop loops, and each way round passes a hint (on arm64
// YIELD and ISB) or WFE.
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

// checkWindows: between a load-exclusive and its store-exclusive lies no other
// access, and no way out leaves the monitor set.
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
	case i.class == ret && !c.asm: // the compiler spares CLREX: every LDXR sets the monitor anew
	case i.class == ret:
		c.report(n, RuleWindow, "returns with the exclusive monitor set: CLREX is missing")
	case i.class == loadEx && c.row.Op == spec.CondLoad:
		// Arms the monitor again for the next WFE.
	case i.class == storeEx:
		o := &c.fn.code[opened]
		if c.fn.address(n) != c.fn.address(opened) || i.bits != o.bits {
			c.report(n, RuleWindow, "not the address or width of %s", o.text)
		}
	case i.class.accesses(), i.class == call, i.class == fence:
		c.report(n, RuleWindow, "inside the window of %s", c.fn.code[opened].text)
	}
}

// checkOrphans finds store-exclusives that run without a load-exclusive since
// the entry or the last store-exclusive: they always fail.
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

// checkFailures: a store-exclusive that failed has done nothing, so the function
// must not return before it has tried again or found another value.
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

// dominated reports whether every way from from to instruction n passes one
// that on selects.
func (c *checker) dominated(from []int, n int, on func(*inst) bool) bool {
	seen := c.fn.reach(c.machine, from, on)
	return !seen[n] || on(&c.fn.code[n])
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
	return c.dominated(from, n, func(i *inst) bool { return i.class == branch })
}

// repeats reports whether instruction n can run again after itself.
func (c *checker) repeats(n int) bool {
	return c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), never)[n]
}
