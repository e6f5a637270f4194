// Package audit checks the machine code of a generated package. It decodes the bytes
// of a linked binary, and checks that each primitive has the instructions that its
// row asks for, and no others.
//
// It has nothing but the table in common with the emitters. It learns from the bits of
// an instruction what the instruction does. It follows values through registers to
// learn what an access touches, and the control flow to learn on which machines the
// access runs. Code that it cannot follow is a finding, too.
package audit

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/spec"
)

// A Finding is a primitive that breaks a rule.
type Finding struct {
	Row     string
	Machine string // architecture, and the features of machines that run the code
	PC      uint64 // 0 if the primitive as a whole breaks the rule
	Inst    string
	Rule    Rule
	Detail  string
}

func (f Finding) String() string {
	at := ""
	if f.PC != 0 {
		at = fmt.Sprintf(" at %#x (%s)", f.PC, f.Inst)
	}
	return fmt.Sprintf("%s on %s%s: %s: %s", f.Row, f.Machine, at, f.Rule, f.Detail)
}

// Check audits every row's implementation in the package with import path pkg, linked into
// f for a build of the architecture.
func Check(a *machine.Arch, b machine.Build, pkg string, rows []*spec.Row, f *elf.File) ([]Finding, error) {
	bin, err := open(f, pkg, a.Flags)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	goarch, _, _ := strings.Cut(b.Name, " ")
	var all []Finding
	for _, r := range rows {
		c := &checker{arch: a, build: b, row: r}
		code, asm, err := bin.implementation(r, goarch)
		if err != nil {
			c.report(-1, RuleSymbol, "%v", err)
		} else {
			c.check(bin, code, asm)
		}
		all = append(all, c.findings...)
	}
	return all, nil
}

// A checker audits one row.
type checker struct {
	arch  *machine.Arch
	build machine.Build
	row   *spec.Row

	fused    *Fused // nil = the row's own function
	fn       *function
	asm      bool         // assembly, not inlined Go
	machine  machine.Kind // the kind of machine that is being checked
	live     []bool       // the code that it runs
	findings []Finding
}

// report adds a finding on instruction n, or on the whole primitive if n < 0. What is
// wrong on several machines is reported once.
func (c *checker) report(n int, rule Rule, format string, args ...any) {
	f := Finding{Row: c.row.Name, Machine: c.machine.Name, Rule: rule, Detail: fmt.Sprintf(format, args...)}
	if f.Machine == "" {
		f.Machine = c.build.Name
	}
	if n >= 0 {
		f.PC, f.Inst = c.fn.code[n].PC, c.fn.code[n].Text
	}
	same := func(o Finding) bool { return o.PC == f.PC && o.Rule == f.Rule && o.Detail == f.Detail }
	if !slices.ContainsFunc(c.findings, same) {
		c.findings = append(c.findings, f)
	}
}

// check decodes the code and applies the rules. First come those for every machine,
// then those for the code that each kind of machine runs.
func (c *checker) check(bin *image, code []byte, asm text) {
	c.asm = asm.abi0
	c.fn = &function{flagAt: bin.flagAt, extends: c.arch.Extends}
	for at := 0; at < len(code); {
		if c.arch.Padded && len(bytes.Trim(code[at:], "\x00")) == 0 {
			break
		}
		i := c.arch.Decode(code[at:], asm.start+uint64(at))
		c.fn.code = append(c.fn.code, i)
		at += i.Size
	}
	if c.arch.Join != nil {
		c.arch.Join(c.fn.code)
	}
	if c.fused != nil {
		c.fn.exits, c.fn.variable = c.fused.exits(bin, c.fn.code), c.fused.variable(bin)
	}
	if n := c.fn.connect(); n >= 0 {
		c.report(n, RuleControl, "control leaves the function here")
		return
	}
	if c.fused != nil {
		c.fn.frame = c.fused.frame()
	} else if c.asm {
		c.fn.frame = frame(c.row)
	}
	c.fn.follow(c.entry())
	for n := range c.fn.code {
		c.checkInstruction(n)
	}
	ran := make([]bool, len(c.fn.code))
	for _, m := range c.arch.Kinds {
		if slices.ContainsFunc(c.build.Has, func(feature string) bool { return !m.Has[feature] }) {
			continue
		}
		c.machine = m
		c.live = c.fn.reach(m, []int{0}, never)
		c.checkMachine()
		for n := range ran {
			ran[n] = ran[n] || c.live[n]
		}
	}
	c.machine = machine.Kind{}
	if n := slices.Index(ran, false); n >= 0 {
		c.report(n, RuleControl, "no machine runs this instruction")
	}
}

// entry returns what the registers hold when the function is called.
func (c *checker) entry() registers {
	var r registers
	if c.arch.Zero != machine.NoReg {
		r[c.arch.Zero] = value{kind: isConst}
	}
	if c.arch.G != machine.NoReg {
		r[c.arch.G] = value{kind: isG}
	}
	if !c.asm {
		for n, p := range c.row.Params() {
			r[c.arch.Args[n]] = value{kind: isParam, name: p.Name}
		}
	}
	return r
}

// frame returns the arguments and results of an assembly function that has no frame
// of its own. They follow the return address.
func frame(r *spec.Row) []slot {
	const base = 8
	var slots []slot
	end := int64(base)
	add := func(ps []spec.Param, result bool) {
		for _, p := range ps {
			size := sizeof(p.Type)
			end = (end + size - 1) / size * size
			slots = append(slots, slot{p.Name, end, int(8 * size), result})
			end += size
		}
	}
	add(r.Params(), false)
	end = (end + 7) / 8 * 8
	add(r.Results(), true)
	return slots
}

// sizeof returns the size of a type that signatures may have.
func sizeof(typ string) int64 {
	switch typ {
	case "bool", "uint8":
		return 1
	case "uint16":
		return 2
	case "uint32":
		return 4
	}
	return 8
}

// An image is a linked executable, and one package in it.
type image struct {
	file  *elf.File
	pkg   string
	texts map[string]elf.Symbol
	flags map[uint64]string // by address

	variables map[string]elf.Symbol
}

// A text is the position and calling convention of a function's code.
type text struct {
	start uint64
	abi0  bool
}

func open(f *elf.File, pkg string, flags map[string]string) (*image, error) {
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	b := &image{file: f, pkg: pkg, texts: map[string]elf.Symbol{}, flags: map[uint64]string{}, variables: map[string]elf.Symbol{}}
	for name, flag := range flags {
		if name[0] == '.' {
			name = pkg + name
		}
		for _, s := range symbols {
			if s.Name == name {
				b.flags[s.Value] = flag
			}
		}
	}
	for _, s := range symbols {
		switch elf.ST_TYPE(s.Info) {
		case elf.STT_FUNC:
			b.texts[s.Name] = s
		case elf.STT_OBJECT:
			b.variables[s.Name] = s
		}
	}
	return b, nil
}

func (b *image) flagAt(addr int64) string { return b.flags[uint64(addr)] }

// implementation returns the code of a row. That is its assembly function, or the
// public function into which sync/atomic was inlined.
func (b *image) implementation(r *spec.Row, goarch string) ([]byte, text, error) {
	if r.InlineOn(goarch) {
		return b.code(b.pkg+"."+r.Name, false)
	}
	return b.code(b.pkg+"."+r.Impl(), true)
}

// code returns the code of a function.
func (b *image) code(name string, asm bool) ([]byte, text, error) {
	s, ok := b.texts[name+".abi0"]
	if !ok || !asm {
		s, ok = b.texts[name]
	}
	if !ok || s.Size == 0 || int(s.Section) >= len(b.file.Sections) {
		return nil, text{}, fmt.Errorf("no code %s in the binary", name)
	}
	section := b.file.Sections[s.Section]
	code := make([]byte, s.Size)
	if _, err := section.ReadAt(code, int64(s.Value-section.Addr)); err != nil {
		return nil, text{}, fmt.Errorf("symbol %s: %w", name, err)
	}
	return code, text{s.Value, asm}, nil
}
