package decode

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/machine/golden"
)

// TestDecoder compares the decoder with GNU objdump.
func TestDecoder(t *testing.T) {
	for _, g := range golden.Read(t, "arm64.golden") {
		g.Code = littleEndian(g.Code)
		got := decode(g.Code, g.PC)
		golden.Compare(t, g, got, oracleARM64(g))
		if got.Needs == lse && got.Text != g.Text {
			t.Errorf("%x: text %q, want %q", g.Code, got.Text, g.Text)
		}
	}
}

// TestNeighbours checks that words next to those that the decoder knows are
// not taken for them: what it reads as anything but a register operation is that.
// It may refuse to know a word, such as one with bits that should be ones.
func TestNeighbours(t *testing.T) {
	for _, g := range golden.Read(t, "arm64_neighbours.golden") {
		g.Code = littleEndian(g.Code)
		got, want := decode(g.Code, g.PC), oracleARM64(g)
		switch {
		case got.Class == machine.Unknown:
		case got.Class != machine.Compute:
			golden.Compare(t, g, got, want)
		case want.Class != machine.Compute && want.Class != machine.Unknown:
			t.Errorf("%x %s: taken for a register operation", g.Code, g.Text)
		}
	}
}

// TestEncodings checks that the golden file has every row of the decoder's
// table, and no word that two rows claim.
func TestEncodings(t *testing.T) {
	hit := map[string]bool{}
	for _, g := range golden.Read(t, "arm64.golden") {
		w := binary.BigEndian.Uint32(g.Code)
		claims := ""
		for _, e := range encodings {
			if w&e.mask == e.value {
				if claims != "" {
					t.Errorf("%#08x: both %s and %s", w, claims, e.name)
				}
				claims = e.name
				hit[e.name] = true
			}
		}
	}
	for _, e := range encodings {
		if e.value&^e.mask != 0 {
			t.Errorf("%s: value has bits outside the mask", e.name)
		}
		if !hit[e.name] {
			t.Errorf("%s: not in testdata/arm64.golden", e.name)
		}
	}
}

// TestEveryOrderingIsGolden checks that the file has all widths and orderings
// of the accesses that primitives may consist of.
func TestEveryOrderingIsGolden(t *testing.T) {
	have := map[string]bool{}
	for _, g := range golden.Read(t, "arm64.golden") {
		mnemonic, operands, _ := strings.Cut(g.Text, " ")
		have[mnemonic] = true
		have[mnemonic+" "+operands[:min(1, len(operands))]] = true
	}
	for _, op := range append(ldops[:], "swp", "cas") {
		for _, order := range []string{"", "a", "l", "al"} {
			for _, width := range []string{"b", "h", " w", " x"} {
				if !have[op+order+width] {
					t.Errorf("no %s%s%s", op, order, width)
				}
			}
		}
	}
	for _, op := range []string{"ldxr", "ldaxr", "stxr", "stlxr", "ldar", "stlr"} {
		for _, width := range []string{"b", "h", ""} {
			if !have[op+width] {
				t.Errorf("no %s%s", op, width)
			}
		}
	}
}

func littleEndian(b []byte) []byte { return []byte{b[3], b[2], b[1], b[0]} }

// What oracleARM64 reads from objdump's text.
var (
	lseText       = regexp.MustCompile(`^(swp|cas|(?:ld|st)(?:add|clr|eor|set|smax|smin|umax|umin))(a?)(l?)([bh]?) (?:(\w+), )?(\w+), \[(\w+)\]$`)
	exclusiveText = regexp.MustCompile(`^(ld|st)([al]?)xr([bh]?) (?:(\w+), )?(\w+), \[(\w+)\]$`)
	orderedText   = regexp.MustCompile(`^(ldar|stlr)([bh]?) (\w+), \[(\w+)\]$`)
	plainText     = regexp.MustCompile(`^(ld|st)u?r(s?)([bhw]?) ([wx]\w+), \[(\w+)(?:, #(-?\d+))?\]$`)
	prefetchText  = regexp.MustCompile(`^prfm pstl1keep, \[(\w+)(?:, #(\d+))?\]$`)
	literalText   = regexp.MustCompile(`^ldr(s?)w? ([wx])(\d+), ([0-9a-f]+)$`)
	branchText    = regexp.MustCompile(`^(b|b\.\w+|cbn?z|tbn?z)(?: (\w+),)?(?: #(\d+),)? ([0-9a-f]+)$`)
	addText       = regexp.MustCompile(`^(add|sub)(s?) (\w+), (\w+), #(\w+)(?:, lsl #(\d+))?$`)
	movText       = regexp.MustCompile(`^(?:mov|orr) (\w+), (?:[wx]zr, )?(#?)(-?\w+)$`)
	combineText   = regexp.MustCompile(`^(add|and|eor) (x\w+), (x\w+), (x\w+)(?:, lsr #(\w+))?$`)
	adrText       = regexp.MustCompile(`^adrp? x3, ([0-9a-f]+)$`)
	computeText   = regexp.MustCompile(`^(?:add|sub|subs|neg|adc|and|ands|orr|eor|eon|bic|mvn|cset|csel|csinv|lsl|lsr|ubfx|bfi|uxtb|extr|udiv|rbit|clz|mul|umulh|movk) (\w+), `)
)

var bareARM64 = map[string]machine.Class{
	"nop": machine.Compute, "yield": machine.Pause, "wfe": machine.Wait, "sev": machine.Compute, "sevl": machine.Compute, "isb": machine.Sync,
	"clrex": machine.ClearEx, "dmb": machine.Fence, "dsb": machine.Fence, "ssbb": machine.Fence, "pssbb": machine.Fence, "sb": machine.Fence, "ret": machine.Ret, "bl": machine.Call, "br": machine.Call, "blr": machine.Call,
	"cmp": machine.Compute, "cmn": machine.Compute, "tst": machine.Compute, "ccmp": machine.Compute,
}

// oracleARM64 derives from the text what the decoder must find in the bits.
func oracleARM64(g golden.Inst) machine.Inst {
	i := machine.Inst{PC: g.PC, Size: 4, Status: machine.NoReg}
	mnemonic, _, _ := strings.Cut(g.Text, " ")
	if mnemonic == "wfe" {
		i.Needs = eventStream
	}
	switch {
	case lseText.MatchString(g.Text):
		oracleLSE(&i, lseText.FindStringSubmatch(g.Text))
	case exclusiveText.MatchString(g.Text):
		oracleExclusive(&i, exclusiveText.FindStringSubmatch(g.Text))
	case orderedText.MatchString(g.Text):
		m := orderedText.FindStringSubmatch(g.Text)
		i.Bits, i.Mem = oracleBits(m[2], m[3]), oracleMem(m[4], "")
		oraclePlain(&i, m[1] == "ldar", false, m[3])
		i.Acquire, i.Release = m[1] == "ldar", m[1] == "stlr"
	case plainText.MatchString(g.Text):
		m := plainText.FindStringSubmatch(g.Text)
		i.Bits, i.Mem = oracleBits(m[3], m[4]), oracleMem(m[5], m[6])
		oraclePlain(&i, m[1] == "ld", m[2] == "s", m[4])
	case prefetchText.MatchString(g.Text):
		m := prefetchText.FindStringSubmatch(g.Text)
		i.Class, i.Mem = machine.Prefetch, oracleMem(m[1], m[2])
	case literalText.MatchString(g.Text):
		m := literalText.FindStringSubmatch(g.Text)
		i.Class, i.Sets, i.Bits = machine.Load, []machine.Reg{machine.Reg(golden.Number(m[3]))}, 64
		if m[2] == "w" {
			i.Bits = 32
		}
		i.Mem = machine.Mem{Region: machine.ViaPC, Disp: int64(golden.Address(m[4]))}
	case branchText.MatchString(g.Text):
		oracleBranch(&i, branchText.FindStringSubmatch(g.Text))
	case addText.MatchString(g.Text):
		m := addText.FindStringSubmatch(g.Text)
		n := golden.Number(m[5])
		if m[6] != "" {
			n <<= golden.Number(m[6])
		}
		if m[1] == "sub" {
			n = -n
		}
		oracleCompute(&i, m[3])
		if m[3][0] == 'x' && m[4] != "sp" {
			i.Result = machine.Operand{Kind: machine.FromReg, Reg: oracleReg(m[4]), N: n}
		}
	case movText.MatchString(g.Text):
		oracleMove(&i, movText.FindStringSubmatch(g.Text))
	case adrText.MatchString(g.Text):
		oracleCompute(&i, "x3")
		i.Result = machine.Operand{Kind: machine.Constant, N: int64(golden.Address(adrText.FindStringSubmatch(g.Text)[1]))}
	case strings.HasSuffix(g.Text, ", cntvct_el0"):
		i.Class, i.Sets = machine.Counter, []machine.Reg{3}
	case strings.HasSuffix(g.Text, ", cntfrq_el0"):
		oracleCompute(&i, "x3")
	case combineText.MatchString(g.Text):
		m := combineText.FindStringSubmatch(g.Text)
		oracleCompute(&i, m[2])
		kind := map[string]machine.OperandKind{"add": machine.Sum, "and": machine.Conjunction, "eor": machine.Difference}[m[1]]
		i.Result, i.Second = machine.Operand{Kind: kind, Reg: oracleReg(m[3])}, oracleReg(m[4])
		if m[5] != "" {
			i.Result.N = golden.Number(m[5])
		}
	case computeText.MatchString(g.Text):
		oracleCompute(&i, computeText.FindStringSubmatch(g.Text)[1])
	default:
		i.Class = bareARM64[mnemonic]
		known := mnemonic == "dmb" && !strings.Contains(g.Text, "#") // reserved
		i.Acquire = known && !strings.HasSuffix(g.Text, "st")
		i.Release = i.Acquire && !strings.HasSuffix(g.Text, "ld")
		i.Stays = i.Release
	}
	if mnemonic == "ldrsw" && i.Class == machine.Load {
		i.Bits = 32
	}
	return i
}

func oracleLSE(i *machine.Inst, m []string) {
	i.Class, i.Needs = machine.Update, lse
	i.Acquire, i.Release = m[2] == "a", m[3] == "l"
	i.Bits, i.Mem = oracleBits(m[4], m[6]), oracleMem(m[7], "")
	first, second := oracleReg(m[5]), oracleReg(m[6])
	switch {
	case m[1] == "cas":
		i.Form, i.Data, i.Sets = machine.Compare, machine.Operand{Kind: machine.FromReg, Reg: second}, written(first)
		return
	case m[1] == "swp":
		i.Form = machine.Exchange
	default:
		i.Form = machine.Modify
	}
	if m[5] == "" { // the store alias
		first, second = second, zr
	}
	i.Data = machine.Operand{Kind: machine.FromReg, Reg: first}
	i.Acquire = i.Acquire && second != zr // architecture: acquires only what it returns
	i.Sets = written(second)
}

func oracleExclusive(i *machine.Inst, m []string) {
	i.Bits, i.Mem = oracleBits(m[3], m[5]), oracleMem(m[6], "")
	i.Acquire, i.Release = m[2] == "a", m[2] == "l"
	if m[1] == "ld" {
		i.Class, i.Sets = machine.LoadEx, written(oracleReg(m[5]))
	} else {
		i.Class, i.Status, i.Sets = machine.StoreEx, oracleReg(m[4]), written(oracleReg(m[4]))
		i.Data = machine.Operand{Kind: machine.FromReg, Reg: oracleReg(m[5])}
	}
}

func oraclePlain(i *machine.Inst, loads, signed bool, r string) {
	switch {
	case loads && signed:
		i.Class, i.Sets = machine.Load, []machine.Reg{oracleReg(r)}
	case loads:
		i.Class, i.Sets, i.Result = machine.Load, []machine.Reg{oracleReg(r)}, machine.Operand{Kind: machine.Loaded}
	default:
		i.Class, i.Data = machine.Store, machine.Operand{Kind: machine.FromReg, Reg: oracleReg(r)}
	}
}

func oracleBranch(i *machine.Inst, m []string) {
	i.Class, i.Target = machine.Branch, golden.Address(m[4])
	switch {
	case m[1] == "b":
		i.Class = machine.Jump
	case m[1][0] != 'b':
		bit := -1
		if m[3] != "" {
			bit = int(golden.Number(m[3]))
		}
		i.Test = &machine.Test{Reg: oracleReg(m[2]), Bit: bit, Nonzero: strings.Contains(m[1], "n")}
	}
}

func oracleMove(i *machine.Inst, m []string) {
	oracleCompute(i, m[1])
	switch {
	case m[2] != "#" && m[3] == "sp", m[2] != "#" && m[1][0] == 'w':
	case m[2] != "#":
		i.Result = machine.Operand{Kind: machine.FromReg, Reg: oracleReg(m[3])}
	default:
		i.Result = machine.Operand{Kind: machine.Constant, N: golden.Number(m[3])}
	}
}

func oracleCompute(i *machine.Inst, dst string) {
	i.Class = machine.Compute
	i.Sets = written(oracleReg(dst))
}

func written(r machine.Reg) []machine.Reg {
	if r == zr {
		return nil
	}
	return []machine.Reg{r}
}

func oracleReg(name string) machine.Reg {
	switch {
	case name == "sp" || name == "wsp":
		return sp
	case name == "" || strings.HasSuffix(name, "zr"):
		return zr
	}
	return machine.Reg(golden.Number(name[1:]))
}

func oracleMem(base, disp string) machine.Mem {
	var m machine.Mem
	if disp != "" {
		m.Disp = golden.Number(disp)
	}
	if base == "sp" {
		m.Region = machine.ViaStack
	} else {
		m.Base = oracleReg(base)
	}
	return m
}

func oracleBits(suffix, r string) int {
	switch {
	case suffix == "b":
		return 8
	case suffix == "h":
		return 16
	case suffix == "w" || r[0] == 'w':
		return 32
	}
	return 64
}
