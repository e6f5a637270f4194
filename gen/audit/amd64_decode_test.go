package audit

import (
	"regexp"
	"strings"
	"testing"
)

// TestAMD64Decoder compares the decoder with GNU objdump.
func TestAMD64Decoder(t *testing.T) {
	for _, g := range readGolden(t, "amd64.golden") {
		got, want := decodeAMD64(g.code, g.pc), oracleAMD64(g)
		want.status = noReg
		// Which registers an instruction sets is the oracle's only where the
		// audit depends on it.
		got.sets, got.result, got.second = nil, operand{}, 0
		if got.class == unknown {
			got.size = want.size // no further than this instruction
		}
		compareInst(t, g, got, want)
		if strings.HasPrefix(g.text, "lock ") && !strings.Contains(got.text, "LOCK") {
			t.Errorf("%x: text %q hides the LOCK of %s", g.code, got.text, g.text)
		}
	}
}

// TestAMD64Values checks what the analysis learns of registers.
func TestAMD64Values(t *testing.T) {
	want := map[string]struct {
		sets   []reg
		result operand
		second reg
	}{
		"mov %rax,%rcx":                   {[]reg{1}, operand{kind: fromReg, reg: 0}, 0},
		"mov %eax,%ecx":                   {[]reg{1}, operand{}, 0}, // half a pointer
		"mov $0x1,%ecx":                   {[]reg{1}, operand{kind: constant, n: 1}, 0},
		"xor %ecx,%ecx":                   {[]reg{1}, operand{kind: constant}, 0},
		"lea 0x2(%rcx),%rdx":              {[]reg{2}, operand{fromReg, 1, 2}, 0},
		"lea (%rcx,%rax,1),%rdx":          {[]reg{2}, operand{}, 0},
		"mov 0x8(%rsp),%rdx":              {[]reg{2}, operand{kind: loaded}, 0},
		"mov %fs:0xfffffffffffffff8,%rdx": {[]reg{2}, operand{kind: loaded}, 0},
		"movzbl (%rcx),%edx":              {[]reg{2}, operand{}, 0},
		"lock cmpxchg %edx,(%rcx)":        {[]reg{0}, operand{}, 0},
		"xchg %r9w,0x2(%r10)":             {[]reg{9}, operand{}, 0},
		"lock xadd %edx,(%rcx)":           {[]reg{2}, operand{}, 0},
		"sete %cl":                        {[]reg{1}, operand{}, 0},
		"rdtsc":                           {[]reg{0, 2}, operand{}, 0},
		"mov %rax,%rbp":                   {[]reg{framePointer}, operand{kind: fromReg, reg: 0}, 0},
		"sub $0x8,%rsp":                   {[]reg{stackPointer}, operand{}, 0},
		"cmp %edx,%ecx":                   {nil, operand{}, 0},
		"test %edx,%edx":                  {nil, operand{}, 0},
		"cmp (%rcx),%rdx":                 {nil, operand{}, 0},
		"shr $0x7,%rdx":                   {[]reg{2}, operand{shifted, 2, 7}, 0},
		"shr $0x7,%edx":                   {[]reg{2}, operand{}, 0},
		"shr %cl,%rdx":                    {[]reg{2}, operand{}, 0},
		"xor %rcx,%rdx":                   {[]reg{2}, operand{kind: difference, reg: 2}, 1},
		"xor %ecx,%edx":                   {[]reg{2}, operand{}, 0},
		"and %rcx,%rdx":                   {[]reg{2}, operand{kind: conjunction, reg: 2}, 1},
		"and 0x8(%rcx),%rdx":              {[]reg{2}, operand{kind: conjunction, reg: 2}, noReg},
		"and 0x8(%rcx),%edx":              {[]reg{2}, operand{}, 0},
		"add (%rcx),%rdx":                 {[]reg{2}, operand{kind: sum, reg: 2}, noReg},
		"add %rax,%rdx":                   {[]reg{2}, operand{kind: sum, reg: 2}, 0},
		"add $0x8,%rdx":                   {[]reg{2}, operand{}, 0},
	}
	for _, g := range readGolden(t, "amd64.golden") {
		w, ok := want[g.text]
		if !ok {
			continue
		}
		delete(want, g.text)
		got := decodeAMD64(g.code, g.pc)
		compareInst(t, g, inst{sets: got.sets, result: got.result, second: got.second}, inst{sets: w.sets, result: w.result, second: w.second})
	}
	for text := range want {
		t.Errorf("%s: not in testdata/amd64.golden", text)
	}
}

var (
	attText    = regexp.MustCompile(`^(lock )?(\w+)(?: (.*))?$`)
	attMem     = regexp.MustCompile(`^(-?0x\w+)?\(%(\w+)\)$`)
	attUpdates = regexp.MustCompile(`^(?:cmpxchg|xadd|(?:bt[src]|or|and|xor|add|sub|inc|dec|not|neg|adc|sbb)[bwlq]?)$`)
)

// attNames are registers that say the width of an access; the suffix does where
// there is none.
var attNames = map[string]int{
	"al": 8, "dl": 8, "sil": 8, "ax": 16, "dx": 16, "r9w": 16, "eax": 32, "edx": 32, "ecx": 32, "rax": 64, "rdx": 64, "rcx": 64,
}

var attRegs = map[string]reg{"rax": 0, "rcx": 1, "rdx": 2, "rsi": 6, "r10": 10, "al": 0, "dl": 2, "sil": 6, "ax": 0, "dx": 2, "r9w": 9, "eax": 0, "edx": 2}

// bareAMD64 classifies what the shape of the operands does not; what is in
// neither is unknown.
var bareAMD64 = map[string]class{
	"pause": pause, "nop": compute, "mfence": fence, "lfence": fence, "sfence": fence, "rdtsc": counter,
	"umwait": unknown, "tpause": unknown, "rdtscp": unknown, "cpuid": unknown, "serialize": unknown, "clflush": unknown,
	"prefetch": unknown, "monitor": unknown, "mwait": unknown, "push": unknown, "pop": unknown, "leave": unknown, "int3": unknown,
	"syscall": unknown, "rep": unknown, "movsb": unknown, "movnti": unknown, "movups": unknown, "movdqa": unknown,
	"xacquire": unknown, "xrelease": unknown, "cmove": unknown, "cmpxchg8b": unknown, "cmpxchg16b": unknown,
	"call": call, "ret": ret,
}

// oracleAMD64 derives from the text what the decoder must find in the bytes.
func oracleAMD64(g golden) inst {
	i := inst{pc: g.pc, size: len(g.code)}
	m := attText.FindStringSubmatch(g.text)
	lock, op, operands := m[1] != "", m[2], splitOperands(m[3])
	if c, ok := bareAMD64[op]; ok && (c != ret || m[3] == "") {
		i.class, i.release = c, op == "mfence"
		return i
	}
	if op[0] == 'j' {
		i.class = branch
		if op == "jmp" {
			i.class = jump
		}
		if strings.HasPrefix(m[3], "*") {
			i.class = call
		} else {
			i.target = address(m[3])
		}
		return i
	}
	if op == "ret" {
		return i // drops the caller's arguments
	}
	last := len(operands) - 1
	memAt := -1
	for n, o := range operands {
		if strings.Contains(o, "(") || strings.HasPrefix(o, "%fs:") {
			memAt = n
		}
	}
	updates := attUpdates.MatchString(op) || op == "xchg"
	switch {
	case memAt < 0 || op == "lea":
		i.class = compute
		if lock {
			i.class = unknown // #UD
		}
		return i
	case updates && memAt == last && (lock || op == "xchg"):
		i.class, i.form = update, attForm(op)
	case updates && memAt == last:
		i.class = plainUpdate
	case op == "prefetchw":
		i.class = prefetch
		i.mem = attAddress(operands[memAt], &i)
		return i
	case memAt == last && (strings.HasPrefix(op, "mov") || op == "sete"):
		i.class = store
	default:
		i.class = load
	}
	if lock && i.class != update {
		return inst{pc: g.pc, size: len(g.code)}
	}
	i.bits, i.mem = attBits(op, operands), attAddress(operands[memAt], &i)
	if i.class.writes() && (strings.HasPrefix(op, "mov") || op == "xchg" || op == "cmpxchg") {
		i.data = attData(operands[0])
	}
	return i
}

func attForm(op string) form {
	switch op {
	case "xchg":
		return exchange
	case "cmpxchg":
		return compare
	}
	return modify
}

func attData(o string) operand {
	if n, ok := strings.CutPrefix(o, "$"); ok {
		return operand{kind: constant, n: number(n)}
	}
	return operand{kind: fromReg, reg: attRegs[strings.TrimPrefix(o, "%")]}
}

func attBits(op string, operands []string) int {
	if strings.HasPrefix(op, "movz") || strings.HasPrefix(op, "movs") {
		op = op[:len(op)-1] // the source's width
	} else if op == "sete" {
		return 8
	} else if len(operands) == 2 && operands[0][0] == '%' && attNames[operands[0][1:]] != 0 {
		return attNames[operands[0][1:]]
	} else if len(operands) == 2 && operands[1][0] == '%' {
		return attNames[operands[1][1:]]
	}
	return map[byte]int{'b': 8, 'w': 16, 'l': 32, 'q': 64}[op[len(op)-1]]
}

func attAddress(o string, i *inst) mem {
	m := attMem.FindStringSubmatch(o)
	switch {
	case strings.HasPrefix(o, "%fs:"):
		return mem{region: viaTLS, disp: number(o[4:])}
	case m == nil:
		return mem{region: computed}
	}
	disp := number("0" + strings.TrimPrefix(m[1], "0"))
	switch m[2] {
	case "rip":
		return mem{region: viaPC, disp: int64(i.pc) + int64(i.size) + disp}
	case "rsp":
		return mem{region: viaStack, disp: disp}
	}
	return mem{base: attRegs[m[2]], disp: disp}
}

// splitOperands splits at the commas outside parentheses.
func splitOperands(s string) []string {
	var all []string
	depth, from := 0, 0
	for n, c := range s + "," {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			all = append(all, s[from:n])
			from = n + 1
		}
	}
	return all
}
