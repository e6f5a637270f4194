package audit

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
)

// TestARM64Decoder compares the decoder with GNU objdump.
func TestARM64Decoder(t *testing.T) {
	for _, g := range readGolden(t, "arm64.golden") {
		g.code = littleEndian(g.code)
		got := decodeARM64(g.code, g.pc)
		compareInst(t, g, got, oracleARM64(g))
		if got.lse && got.text != g.text {
			t.Errorf("%x: text %q, want %q", g.code, got.text, g.text)
		}
	}
}

// TestARM64Neighbours checks that words next to those that the decoder knows are
// not taken for them: what it reads as anything but a register operation is that.
// It may refuse to know a word, such as one with bits that should be ones.
func TestARM64Neighbours(t *testing.T) {
	for _, g := range readGolden(t, "arm64_neighbours.golden") {
		g.code = littleEndian(g.code)
		got, want := decodeARM64(g.code, g.pc), oracleARM64(g)
		switch {
		case got.class == unknown:
		case got.class != compute:
			compareInst(t, g, got, want)
		case want.class != compute && want.class != unknown:
			t.Errorf("%x %s: taken for a register operation", g.code, g.text)
		}
	}
}

// TestEncodings checks that the golden file has every row of the decoder's
// table, and no word that two rows claim.
func TestEncodings(t *testing.T) {
	hit := map[string]bool{}
	for _, g := range readGolden(t, "arm64.golden") {
		w := binary.BigEndian.Uint32(g.code)
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
	for _, g := range readGolden(t, "arm64.golden") {
		mnemonic, operands, _ := strings.Cut(g.text, " ")
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

var bareARM64 = map[string]class{
	"nop": compute, "yield": pause, "wfe": wait, "sev": compute, "sevl": compute, "isb": sync,
	"clrex": clearEx, "dmb": fence, "dsb": fence, "ssbb": fence, "pssbb": fence, "sb": fence, "ret": ret, "bl": call, "br": call, "blr": call,
	"cmp": compute, "cmn": compute, "tst": compute, "ccmp": compute,
}

// oracleARM64 derives from the text what the decoder must find in the bits.
func oracleARM64(g golden) inst {
	i := inst{pc: g.pc, size: 4, status: noReg}
	mnemonic, _, _ := strings.Cut(g.text, " ")
	switch {
	case lseText.MatchString(g.text):
		oracleLSE(&i, lseText.FindStringSubmatch(g.text))
	case exclusiveText.MatchString(g.text):
		oracleExclusive(&i, exclusiveText.FindStringSubmatch(g.text))
	case orderedText.MatchString(g.text):
		m := orderedText.FindStringSubmatch(g.text)
		i.bits, i.mem = oracleBits(m[2], m[3]), oracleMem(m[4], "")
		oraclePlain(&i, m[1] == "ldar", false, m[3])
		i.acquire, i.release = m[1] == "ldar", m[1] == "stlr"
	case plainText.MatchString(g.text):
		m := plainText.FindStringSubmatch(g.text)
		i.bits, i.mem = oracleBits(m[3], m[4]), oracleMem(m[5], m[6])
		oraclePlain(&i, m[1] == "ld", m[2] == "s", m[4])
	case prefetchText.MatchString(g.text):
		m := prefetchText.FindStringSubmatch(g.text)
		i.class, i.mem = prefetch, oracleMem(m[1], m[2])
	case literalText.MatchString(g.text):
		m := literalText.FindStringSubmatch(g.text)
		i.class, i.sets, i.bits = load, []reg{reg(number(m[3]))}, 64
		if m[2] == "w" {
			i.bits = 32
		}
		i.mem = mem{region: viaPC, disp: int64(address(m[4]))}
	case branchText.MatchString(g.text):
		oracleBranch(&i, branchText.FindStringSubmatch(g.text))
	case addText.MatchString(g.text):
		m := addText.FindStringSubmatch(g.text)
		n := number(m[5])
		if m[6] != "" {
			n <<= number(m[6])
		}
		if m[1] == "sub" {
			n = -n
		}
		oracleCompute(&i, m[3])
		if m[3][0] == 'x' && m[4] != "sp" {
			i.result = operand{fromReg, oracleReg(m[4]), n}
		}
	case movText.MatchString(g.text):
		oracleMove(&i, movText.FindStringSubmatch(g.text))
	case adrText.MatchString(g.text):
		oracleCompute(&i, "x3")
		i.result = operand{kind: constant, n: int64(address(adrText.FindStringSubmatch(g.text)[1]))}
	case strings.HasSuffix(g.text, ", cntvct_el0"):
		i.class, i.sets = counter, []reg{3}
	case strings.HasSuffix(g.text, ", cntfrq_el0"):
		oracleCompute(&i, "x3")
	case combineText.MatchString(g.text):
		m := combineText.FindStringSubmatch(g.text)
		oracleCompute(&i, m[2])
		kind := map[string]operandKind{"add": sum, "and": conjunction, "eor": difference}[m[1]]
		i.result, i.second = operand{kind: kind, reg: oracleReg(m[3])}, oracleReg(m[4])
		if m[5] != "" {
			i.result.n = number(m[5])
		}
	case computeText.MatchString(g.text):
		oracleCompute(&i, computeText.FindStringSubmatch(g.text)[1])
	default:
		i.class = bareARM64[mnemonic]
		i.release = mnemonic == "dmb" && !strings.HasSuffix(g.text, "ld") && !strings.HasSuffix(g.text, "st") && !strings.Contains(g.text, "#") // reserved
	}
	if mnemonic == "ldrsw" && i.class == load {
		i.bits = 32
	}
	return i
}

func oracleLSE(i *inst, m []string) {
	i.class, i.lse = update, true
	i.acquire, i.release = m[2] == "a", m[3] == "l"
	i.bits, i.mem = oracleBits(m[4], m[6]), oracleMem(m[7], "")
	first, second := oracleReg(m[5]), oracleReg(m[6])
	switch {
	case m[1] == "cas":
		i.form, i.data, i.sets = compare, operand{kind: fromReg, reg: second}, written(first)
		return
	case m[1] == "swp":
		i.form = exchange
	default:
		i.form = modify
	}
	if m[5] == "" { // the store alias
		first, second = second, zr
	}
	i.data = operand{kind: fromReg, reg: first}
	i.acquire = i.acquire && second != zr // architecture: acquires only what it returns
	i.sets = written(second)
}

func oracleExclusive(i *inst, m []string) {
	i.bits, i.mem = oracleBits(m[3], m[5]), oracleMem(m[6], "")
	i.acquire, i.release = m[2] == "a", m[2] == "l"
	if m[1] == "ld" {
		i.class, i.sets = loadEx, written(oracleReg(m[5]))
	} else {
		i.class, i.status, i.sets = storeEx, oracleReg(m[4]), written(oracleReg(m[4]))
		i.data = operand{kind: fromReg, reg: oracleReg(m[5])}
	}
}

func oraclePlain(i *inst, loads, signed bool, r string) {
	switch {
	case loads && signed:
		i.class, i.sets = load, []reg{oracleReg(r)}
	case loads:
		i.class, i.sets, i.result = load, []reg{oracleReg(r)}, operand{kind: loaded}
	default:
		i.class, i.data = store, operand{kind: fromReg, reg: oracleReg(r)}
	}
}

func oracleBranch(i *inst, m []string) {
	i.class, i.target = branch, address(m[4])
	switch {
	case m[1] == "b":
		i.class = jump
	case m[1][0] != 'b':
		bit := -1
		if m[3] != "" {
			bit = int(number(m[3]))
		}
		i.test = &test{oracleReg(m[2]), bit, strings.Contains(m[1], "n")}
	}
}

func oracleMove(i *inst, m []string) {
	oracleCompute(i, m[1])
	switch {
	case m[2] != "#" && m[3] == "sp", m[2] != "#" && m[1][0] == 'w':
	case m[2] != "#":
		i.result = operand{kind: fromReg, reg: oracleReg(m[3])}
	default:
		i.result = operand{kind: constant, n: number(m[3])}
	}
}

func oracleCompute(i *inst, dst string) {
	i.class = compute
	i.sets = written(oracleReg(dst))
}

func written(r reg) []reg {
	if r == zr {
		return nil
	}
	return []reg{r}
}

func oracleReg(name string) reg {
	switch {
	case name == "sp" || name == "wsp":
		return sp
	case name == "" || strings.HasSuffix(name, "zr"):
		return zr
	}
	return reg(number(name[1:]))
}

func oracleMem(base, disp string) mem {
	var m mem
	if disp != "" {
		m.disp = number(disp)
	}
	if base == "sp" {
		m.region = viaStack
	} else {
		m.base = oracleReg(base)
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
