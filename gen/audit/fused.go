package audit

import (
	"debug/elf"
	"fmt"
	"slices"

	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/spec"
)

// Fused is a function that does what a row does, and jumps to Go where it would return
// something else than success.
type Fused struct {
	Name  string
	Row   *spec.Row
	Table string   // the variable that stands for the parameter t ("" = there is none)
	Error bool     // it returns an error, which is nil
	Else  []string // what it jumps to, by the row's result
}

// CheckFused audits fused functions of the package with import path pkg as Check audits rows.
// Their only parameter points to what their row has as w.
func CheckFused(a *machine.Arch, b machine.Build, pkg string, fused []Fused, f *elf.File) ([]Finding, error) {
	bin, err := open(f, pkg, a.Flags)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var all []Finding
	for k := range fused {
		u := &fused[k]
		row := *u.Row
		row.Name = u.Name
		c := &checker{arch: a, build: b, row: &row, fused: u}
		code, asm, err := bin.code(pkg+"."+u.Name, true)
		if err != nil {
			c.report(-1, RuleSymbol, "%v", err)
		} else {
			c.check(bin, code, asm)
		}
		all = append(all, c.findings...)
	}
	return all, nil
}

// exits turns jumps to Go into returns, and says with which results they return.
func (u *Fused) exits(bin *image, code []machine.Inst) map[int]int {
	all := map[int]int{}
	for n := range code {
		if code[n].Class != machine.Jump {
			continue
		}
		k := slices.IndexFunc(u.Else, func(name string) bool {
			s, ok := bin.texts[bin.pkg+"."+name+".abi0"]
			if !ok {
				s = bin.texts[bin.pkg+"."+name]
			}
			return s.Value == code[n].Target
		})
		if k >= 0 {
			all[n], code[n].Class = k+1, machine.Ret
		}
	}
	return all
}

// variable returns a function that says what is at an address.
func (u *Fused) variable(bin *image) func(addr int64) (string, int64) {
	return func(addr int64) (string, int64) {
		if u.Table == "" {
			return "", 0
		}
		s := bin.variables[bin.pkg+"."+u.Table]
		if offset := addr - int64(s.Value); offset >= 0 && offset < int64(s.Size) {
			return "t", offset
		}
		return "", 0
	}
}

// frame returns the parameter, and the error as a whole and as two words.
func (u *Fused) frame() []slot {
	slots := []slot{{"w", 8, 64, false}}
	if u.Error {
		slots = append(slots, slot{"err", 16, 128, true}, slot{"err_itable", 16, 64, true}, slot{"err_data", 24, 64, true})
	}
	return slots
}

// checkNilError checks that a function that returns without a jump to Go has stored both words
// of a nil error.
func (c *checker) checkNilError() {
	for n, i := range c.fn.code {
		if !c.live[n] {
			continue
		}
		if i.Class == machine.Store && i.Mem.Region == machine.ViaStack && !c.holds(n, value{kind: isConst}) {
			c.report(n, RuleValue, "stores an error that is not nil")
		}
		if _, leaves := c.fn.exits[n]; leaves || i.Class != machine.Ret {
			continue
		}
		for _, word := range []int64{16, 24} {
			stores := func(i *machine.Inst) bool {
				return i.Class == machine.Store && i.Mem.Region == machine.ViaStack && i.Mem.Disp <= word && word < i.Mem.Disp+int64(i.Bits/8)
			}
			if !c.dominated([]int{0}, n, stores) {
				c.report(n, RuleMissing, "returns an error of which a word is not stored")
			}
		}
	}
}
