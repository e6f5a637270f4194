package audit

import (
	"slices"

	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/spec"
)

// A Rule is what a finding is about.
type Rule int

const (
	RuleSymbol      Rule = iota // the primitive is in the binary
	RuleInstruction             // only instructions that the audit knows
	RuleControl                 // no calls; nothing runs into other code
	RuleRegister                // registers of caller and runtime stay as they are, and what is read was written
	RuleFrame                   // arguments and results are accessed as a whole
	RuleFence                   // accesses have their ordering, and nothing else has one
	RuleAtomic                  // read-modify-writes are atomic
	RuleAddress                 // shared accesses go through a parameter
	RuleAccess                  // each access is one that the operation consists of
	RuleWidth                   // an access has exactly the width of the field or object
	RuleOffset                  // an access is exactly at the field or object
	RuleOrdering                // an access has the row's ordering, no less and no more
	RuleValue                   // what is stored is right, if it is a constant
	RuleMissing                 // nothing that the operation needs is missing
	RuleSequence                // accesses that must follow others do
	RuleRetry                   // an attempt that failed is repeated
	RuleCondition               // branches ask what the operation asks
	RuleWindow                  // nothing is between load-exclusive and store-exclusive, and no reservation is left
	RuleDispatch                // each body is for the machines that have what it needs
	RuleLoop                    // every round of a wait has a spin hint
	RuleSleep                   // a sleep is only where something ends it
)

var ruleNames = [...]string{
	"symbol", "instruction", "control flow", "register", "frame", "fence", "atomicity", "address", "access", "width",
	"offset", "ordering", "value", "missing", "sequence", "retry", "condition", "exclusive", "dispatch", "wait loop", "sleep",
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
	switch i.Class {
	case machine.Unknown:
		c.report(n, RuleInstruction, "not an instruction that a primitive may consist of")
	case machine.Call:
		c.report(n, RuleControl, "a primitive calls nothing")
	case machine.Fence:
		if c.row.Op == spec.Fence {
			break
		}
		c.report(n, RuleFence, "a fence: orderings belong to accesses")
	case machine.PlainUpdate:
		c.report(n, RuleAtomic, "a read-modify-write of memory that is not atomic")
	case machine.Wait:
		if !c.row.Waits() {
			c.report(n, RuleSleep, "a sleep outside a wait loop")
		}
	}
	for _, r := range i.Sets {
		if name := c.arch.Reserved[r]; name != "" {
			c.report(n, RuleRegister, "writes %s", name)
		}
	}
	if c.fn.states[n] == nil {
		return // check reports code that no machine runs
	}
	if i.Class == machine.StoreEx {
		c.checkStatus(n)
	}
	for _, r := range i.Reads {
		if c.asm && c.fn.written[n]&(1<<r) == 0 && c.arch.Reserved[r] == "" && r != c.arch.G && r != c.arch.Zero {
			c.report(n, RuleRegister, "reads a register that nothing was written to")
		}
	}
	c.checkNoDispatch(n)
	c.checkRead(n)
	c.checkSign(n)
	if i.Class.Accesses() {
		c.checkAddress(n)
	}
}

// checkStatus checks that the status register is none of the operands, which would be
// unpredictable, and that the next instruction tests it.
func (c *checker) checkStatus(n int) {
	i := &c.fn.code[n]
	if c.arch.Exclusives.Apart && (i.Status == i.Data.Reg || i.Status == i.Mem.Base && i.Mem.Region == machine.ViaReg) {
		c.report(n, RuleWindow, "the status register is also data or address")
	}
	if t := c.fn.code[n+1].Test; t == nil || t.Reg != i.Status {
		c.report(n, RuleWindow, "the next instruction does not test the status")
	}
}

// checkRead checks that somebody reads what a load has loaded, before it is overwritten.
func (c *checker) checkRead(n int) {
	i := &c.fn.code[n]
	if !c.asm || !c.arch.Compares || i.Class != machine.Load && i.Class != machine.LoadEx || len(i.Sets) != 1 {
		return
	}
	touches := func(i2 *machine.Inst) bool {
		return slices.Contains(i2.Reads, i.Sets[0]) || slices.Contains(i2.Sets, i.Sets[0])
	}
	for at, in := range c.fn.reach(machine.Kind{}, c.fn.next[n], touches) {
		if in && slices.Contains(c.fn.code[at].Reads, i.Sets[0]) {
			return
		}
	}
	c.report(n, RuleValue, "nobody reads what it has loaded")
}

// checkSign checks that values of 32 bits have their sign extended, but for the number of spins,
// where the architecture compares registers as a whole.
func (c *checker) checkSign(n int) {
	i := &c.fn.code[n]
	if !c.asm || !c.arch.Extends || i.Class != machine.Load || i.Bits != 32 {
		return
	}
	s := c.fn.slotAt(i)
	spins := i.Mem.Region == machine.ViaStack && s != nil && s.name == "spins"
	if i.Unsigned != spins {
		c.report(n, RuleWidth, "extended by zeros, or the number of spins by its sign")
	}
}

// checkNoDispatch checks that a build does not ask for what all of its machines have.
func (c *checker) checkNoDispatch(n int) {
	v := c.fn.value(n, c.fn.code[n].Result)
	if v.kind == isFlag && slices.Contains(c.build.Has, v.name) {
		c.report(n, RuleDispatch, "asks for %s in a build for machines that have it", v.name)
	}
}

// checkAddress checks that an access to the stack is to one argument or result, one to
// a global to a flag, and one to thread-local storage to the current g, of which only
// the goroutine's id is loaded. Any other must be through a parameter.
func (c *checker) checkAddress(n int) {
	i := &c.fn.code[n]
	a := c.fn.address(n)
	switch {
	case i.Mem.Region == machine.ViaStack:
		s := c.fn.slotAt(i)
		if s == nil || s.result != (i.Class == machine.Store) || i.Class != machine.Load && i.Class != machine.Store {
			c.report(n, RuleFrame, "the %d bits at %d are no argument to load or result to store", i.Bits, i.Mem.Disp)
		}
	case i.Mem.Region == machine.ViaTLS:
		if i.Class != machine.Load || i.Bits != 64 || i.Mem.Disp != c.arch.TLS {
			c.report(n, RuleAddress, "only the current g is loaded from thread-local storage")
		}
	case a.kind == isConst:
		if i.Class != machine.Load || c.fn.flagAt(a.n) == "" {
			c.report(n, RuleAddress, "accesses a global that is no flag")
		} else if _, boolean := c.arch.Kinds[0].Has[c.fn.flagAt(a.n)]; boolean && i.Bits != 8 {
			c.report(n, RuleWidth, "%d bits of a flag, want 8", i.Bits)
		} else if !boolean && i.Bits != 64 {
			c.report(n, RuleWidth, "%d bits of a number of ticks, want 64", i.Bits)
		}
	case a.kind == isG:
		if !isGoidAt(i, a) {
			c.report(n, RuleAddress, "only the goroutine's id is loaded from the current g")
		}
	case a.kind == isAligned:
		if _, _, ok := c.part(n); !ok {
			c.report(n, RuleAddress, "accesses more than the parameter points to")
		}
	case a.kind != isParam:
		c.report(n, RuleAddress, "the address does not come from a parameter")
	}
}

// shared reports whether the machine accesses memory through a parameter by
// instruction n, and through which.
func (c *checker) shared(n int) (value, bool) {
	if !c.live[n] || !c.fn.code[n].Class.Accesses() {
		return value{}, false
	}
	a := c.fn.address(n)
	if _, _, part := c.part(n); part && a.kind == isAligned {
		a.kind = isParam
	}
	return a, a.kind == isParam
}

// part returns the part of a word that exclusive n is about, if it is not the whole.
func (c *checker) part(n int) (size int, offset int64, ok bool) {
	if c.fn.code[n].Class != machine.LoadEx {
		return c.fn.merged(n)
	}
	for at, in := range c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), exclusive) {
		if in && c.fn.code[at].Class == machine.StoreEx {
			return c.fn.merged(at)
		}
	}
	return 0, 0, false
}

// exclusive selects what opens or closes a window.
func exclusive(i *machine.Inst) bool { return i.Class == machine.LoadEx || i.Class == machine.StoreEx }

// checkMachine applies the rules for the code that one kind of machine runs.
func (c *checker) checkMachine() {
	c.checkAccesses()
	c.checkFeatures()
	c.checkWindows()
	c.checkConditions()
	if c.fused == nil {
		c.checkResults()
	} else if c.fused.Error {
		c.checkNilError()
	}
	if c.row.Waits() {
		c.checkWaitLoop()
	}
	switch c.row.Op {
	case "": // it chooses between bodies
		c.checkConstants()
	case spec.Relax:
		for _, class := range c.arch.Relax {
			c.require(class)
		}
	case spec.Fence:
		c.checkFence()
	case spec.CycleCount:
		c.require(machine.Counter)
		c.checkReturns(term("ticks"), "the whole counter")
	case spec.CurrentG:
		c.checkReturns(value{kind: isG}, "the current g")
	case spec.CurrentGoid:
		c.checkReturns(value{kind: isGoid}, "the goroutine's id")
	case spec.UnlockOwned, spec.ReadUnlock, spec.WriteUnlock:
		c.requireGoid()
	}
}

// require checks that the machine runs an instruction of a class.
func (c *checker) require(want machine.Class) {
	for n, i := range c.fn.code {
		if c.live[n] && i.Class == want {
			return
		}
	}
	c.report(-1, RuleMissing, "no %s", want)
}

// checkFence checks that there is a fence that orders what the row says. With TSO only
// sequential consistency needs one.
func (c *checker) checkFence() {
	if c.arch.TSO && c.row.Order != spec.SeqCst {
		return
	}
	c.require(machine.Fence)
	for n, i := range c.fn.code {
		if !c.live[n] || i.Class != machine.Fence {
			continue
		}
		switch o := c.row.Order; {
		case o.Releases() && !i.Release, o.Acquires() && !i.Acquire, o == spec.SeqCst && !i.Stays:
			c.report(n, RuleOrdering, "orders less than %s", o)
		}
	}
}

func (c *checker) checkReturns(v value, what string) {
	for n, i := range c.fn.code {
		if c.live[n] && i.Class == machine.Store && i.Mem.Region == machine.ViaStack && c.fn.value(n, i.Data) == v {
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

// checkConstants checks that what is returned is yes or no, and not what was at hand.
func (c *checker) checkConstants() {
	for n, i := range c.fn.code {
		if !c.live[n] || i.Class != machine.Store || i.Mem.Region != machine.ViaStack {
			continue
		}
		if v := c.fn.value(n, i.Data); v.kind != isConst || v.n != 0 && v.n != 1 {
			c.report(n, RuleValue, "returns something else than yes or no")
		}
	}
}

// checkResults checks that each result is stored before the function returns, and only once.
func (c *checker) checkResults() {
	for k := range c.fn.frame {
		s := &c.fn.frame[k]
		stores := func(i *machine.Inst) bool {
			return i.Class == machine.Store && i.Mem.Region == machine.ViaStack && c.fn.slotAt(i) == s
		}
		for n, i := range c.fn.code {
			if s.result && c.live[n] && i.Class == machine.Ret && !c.dominated([]int{0}, n, stores) {
				c.report(n, RuleMissing, "returns without a store of %s", s.name)
			}
			if s.result && c.live[n] && stores(&c.fn.code[n]) && c.fn.again(n, stores) {
				c.report(n, RuleFrame, "%s is stored again", s.name)
			}
		}
	}
}

// again reports whether an instruction that is selected may run after instruction n.
func (f *function) again(n int, selected func(*machine.Inst) bool) bool {
	for at, in := range f.reach(machine.Kind{}, f.next[n], never) {
		if in && selected(&f.code[at]) {
			return true
		}
	}
	return false
}

// checkFeatures checks that a machine runs no instruction that needs what it lacks, no LL/SC
// if it has something better, and no sleep that nothing ends.
func (c *checker) checkFeatures() {
	has := c.machine.Has
	outdated := c.outdated()
	for n, i := range c.fn.code {
		switch {
		case !c.live[n]:
		case (i.Class == machine.StoreEx || i.Class == machine.LoadEx && !c.row.Waits()) && outdated:
			c.report(n, RuleDispatch, "LL/SC where the machine has better")
		case i.Needs == "" || has[i.Needs]:
		case i.Class == machine.Wait:
			c.report(n, RuleSleep, "a sleep where no %s ends it", i.Needs)
		default:
			c.report(n, RuleDispatch, "%s where the machine has none", i.Needs)
		}
	}
}

// outdated reports whether the machine has something better for the row than exclusives. A
// value that is computed from what was found, and no instruction computes, needs them.
func (c *checker) outdated() bool {
	if c.arch.Exclusives.Outdated == nil || !c.asm && c.arch.Exclusives.Left {
		return false // or it is the compiler's to know
	}
	for _, w := range c.wants() {
		if w.class == machine.Update && (!w.retry || !c.arch.Exclusives.Left) {
			return c.arch.Exclusives.Outdated(c.machine.Has, w.form, w.bits)
		}
	}
	return false
}

// checkWaitLoop checks that a wait loop is a loop, and that every round of it has a
// spin hint (on arm64 YIELD and ISB) or WFE, or tries an exclusive store again, which fails
// for as long as others succeed.
func (c *checker) checkWaitLoop() {
	if c.fn.cycleWithout(c.machine, c.live, never) < 0 {
		c.report(-1, RuleLoop, "it does not loop")
	}
	if c.sleeps() {
		c.require(machine.Wait)
	}
	looks := func(i *machine.Inst) bool {
		_, ok := c.shared(c.index(i))
		return ok && i.Class.Accesses() && i.Class != machine.Store
	}
	if n := c.fn.cycleWithout(c.machine, c.live, looks); n >= 0 {
		c.report(n, RuleLoop, "closes a loop that does not load")
	}
	for n, i := range c.fn.code {
		if !c.live[n] || i.Class != machine.Wait && i.Class != machine.Pause {
			continue
		}
		for at, in := range c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), looks) {
			if in && c.fn.code[at].Class == machine.Ret {
				c.report(n, RuleLoop, "returns without another look")
				break
			}
		}
	}
	c.checkCounted()
	for _, hint := range c.arch.Relax {
		ends := func(i *machine.Inst) bool {
			return i.Class == hint || i.Class == machine.Wait || i.Class == machine.StoreEx
		}
		if n := c.fn.cycleWithout(c.machine, c.live, ends); n >= 0 {
			c.report(n, RuleLoop, "closes a loop without %s", hint)
		}
	}
}

// checkCounted checks that a spin is counted before it is made.
func (c *checker) checkCounted() {
	if !c.arch.Compares || !c.asm || c.row.Writes() {
		return
	}
	counts := func(i *machine.Inst) bool {
		if i.Class != machine.Branch {
			return false
		}
		text, _ := c.fn.predicate(c.index(i))
		return text == c.usedUp().text
	}
	for n, in := range c.fn.reach(c.machine, []int{0}, counts) {
		if in && c.fn.code[n].Class == machine.Pause {
			c.report(n, RuleLoop, "a spin that is not counted")
		}
	}
}

// checkWindows checks that there is no other access between a load-exclusive and its
// store-exclusive, and that no path returns with the reservation held.
func (c *checker) checkWindows() {
	closes := func(i *machine.Inst) bool { return i.Class == machine.StoreEx || i.Class == machine.ClearEx }
	for n, i := range c.fn.code {
		if !c.live[n] || i.Class != machine.LoadEx {
			continue
		}
		inside := 1
		for at, in := range c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), closes) {
			if in && c.closed(at) {
				inside++
				c.checkInWindow(n, at)
			}
		}
		if most := c.arch.Exclusives.Most; most > 0 && !c.row.Waits() && inside+1 > most {
			c.report(n, RuleWindow, "the loop has %d instructions, of at most %d", inside+1, most)
		}
	}
	c.checkOrphans()
	c.checkSleeps()
	c.checkFailures()
}

// checkInWindow judges instruction n, which runs while the load-exclusive at
// opened holds the reservation.
func (c *checker) checkInWindow(opened, n int) {
	i := &c.fn.code[n]
	switch {
	case i.Class == machine.Ret && !c.asm: // the compiler leaves the reservation to the next load-exclusive
	case i.Class == machine.Ret:
		c.report(n, RuleWindow, "returns with the reservation held: what drops it is missing")
	case i.Class == machine.LoadEx && c.row.Waits():
		// It makes the reservation again for the next sleep.
	case i.Class == machine.StoreEx:
		o := &c.fn.code[opened]
		if c.fn.address(n) != c.fn.address(opened) || i.Bits != o.Bits {
			c.report(n, RuleWindow, "not the address or width of %s", o.Text)
		}
	case i.Class.Accesses(), i.Class == machine.Call, i.Class == machine.Fence, i.Complex:
		c.report(n, RuleWindow, "inside the window of %s", c.fn.code[opened].Text)
	case c.arch.Exclusives.Most > 0 && !c.row.Waits() && (i.Class == machine.Jump || i.Class == machine.Branch) && i.Target <= i.PC:
		c.report(n, RuleWindow, "jumps back inside the window of %s", c.fn.code[opened].Text)
	}
}

// closed reports whether what instruction n belongs to ends with a store-exclusive or a
// sleep, or the reservation must be dropped.
func (c *checker) closed(n int) bool {
	if !c.arch.Exclusives.Left {
		return true
	}
	if exclusive(&c.fn.code[n]) || c.fn.code[n].Class == machine.Wait {
		return true
	}
	for at, in := range c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), exclusive) {
		if class := c.fn.code[at].Class; in && (class == machine.StoreEx || class == machine.Wait) {
			return true
		}
	}
	return false
}

// checkSleeps finds sleeps that no load-exclusive precedes since the entry or the last
// sleep. Nothing but their time would end them.
func (c *checker) checkSleeps() {
	from := []int{0}
	for n, i := range c.fn.code {
		if c.live[n] && i.Class == machine.Wait {
			from = append(from, c.fn.nextOn(c.machine, n)...)
		}
	}
	for n, in := range c.fn.reach(c.machine, from, exclusive) {
		if in && c.fn.code[n].Class == machine.Wait {
			c.report(n, RuleSleep, "no load-exclusive before it")
		}
	}
}

// checkOrphans finds store-exclusives that no load-exclusive precedes since the entry
// or the last store-exclusive. They would always fail.
func (c *checker) checkOrphans() {
	from := []int{0}
	for n, i := range c.fn.code {
		if c.live[n] && (i.Class == machine.StoreEx || i.Class == machine.ClearEx) {
			from = append(from, c.fn.nextOn(c.machine, n)...)
		}
	}
	opens := func(i *machine.Inst) bool { return i.Class == machine.LoadEx }
	for n, in := range c.fn.reach(c.machine, from, opens) {
		if in && c.fn.code[n].Class == machine.StoreEx {
			c.report(n, RuleWindow, "no load-exclusive before it")
		}
		if in && c.fn.code[n].Class == machine.ClearEx {
			c.report(n, RuleWindow, "drops a reservation that there is not always")
		}
	}
}

// checkFailures checks that a store-exclusive that has failed, and so has done nothing, is tried
// again from its load-exclusive on, and that the function does not return before.
func (c *checker) checkFailures() {
	opens := func(i *machine.Inst) bool { return i.Class == machine.LoadEx }
	for n, i := range c.fn.code {
		if !c.live[n] || i.Class != machine.StoreEx || c.fn.code[n+1].Test == nil {
			continue
		}
		failed := c.fn.next[n+1][:1]
		if c.fn.code[n+1].Test.Nonzero {
			failed = c.fn.next[n+1][1:]
		}
		if c.asm && c.fn.code[failed[0]].Class != machine.LoadEx {
			c.report(n, RuleRetry, "does not begin with the load-exclusive again if this fails")
		}
		for at, in := range c.fn.reach(c.machine, failed, opens) {
			if in && c.fn.code[at].Class == machine.Ret {
				c.report(n, RuleRetry, "returns without another attempt if this one fails")
			}
		}
	}
}

// dominated reports whether every path from from to instruction n has an instruction
// that on selects.
func (c *checker) dominated(from []int, n int, on func(*machine.Inst) bool) bool {
	reached := c.fn.reach(c.machine, from, on)
	return !reached[n] || on(&c.fn.code[n])
}

// matching lists the live instructions that make the access p.
func (c *checker) matching(p *prior) []int {
	var found []int
	for n := range c.fn.code {
		a, ok := c.shared(n)
		if ok && a.name == p.param && a.n == p.off && c.fn.code[n].Class.Writes() == p.writes {
			found = append(found, n)
		}
	}
	return found
}

// follows reports whether instruction n runs only after p.
func (c *checker) follows(n int, p *prior) bool {
	firsts := c.matching(p)
	isFirst := func(i *machine.Inst) bool {
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
	dispatch := map[*machine.Inst]bool{} // branches on what the machine has, not on what was found
	for k := range c.fn.code {
		i := &c.fn.code[k]
		dispatch[i] = c.live[k] && i.Test != nil && c.fn.states[k][i.Test.Reg].kind == isFlag
	}
	return c.dominated(from, n, func(i *machine.Inst) bool { return i.Class == machine.Branch && !dispatch[i] })
}

// triesAgain reports whether compare-and-exchange n expects what was found last, and whether the
// next branch asks if that was there.
func (c *checker) triesAgain(n int) bool {
	found := c.fn.loaded(n)
	if !c.arch.Compares || !c.asm || c.row.Waits() { // a wait also tries again what it has waited for
		return true
	}
	i := &c.fn.code[n]
	expects := c.fn.value(n, machine.Operand{Kind: machine.FromReg, Reg: i.Sets[0]})
	if expects.kind != isTerm || expects.name != found.name {
		return false
	}
	at := n
	for next := c.fn.nextOn(c.machine, at); len(next) == 1; next = c.fn.nextOn(c.machine, at) {
		at = next[0]
	}
	text, _ := c.fn.predicate(at)
	x := found.name
	return text == sorted(x, x) && c.fn.code[n].Compares != nil || text == sorted(x, outdated+x)
}

// repeats reports whether instruction n can run again after itself.
func (c *checker) repeats(n int) bool {
	return c.fn.reach(c.machine, c.fn.nextOn(c.machine, n), never)[n]
}
