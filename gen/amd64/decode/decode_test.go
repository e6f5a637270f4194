package decode

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/machine"
	"github.com/rqlock/rqlock/gen/machine/golden"
)

// TestDecoder compares the decoder with GNU objdump.
func TestDecoder(t *testing.T) {
	for _, g := range golden.Read(t, "amd64.golden") {
		got, want := decode(g.Code, g.PC), oracleAMD64(g)
		want.Status = machine.NoReg
		// Which registers an instruction sets is the oracle's only where the
		// audit depends on it.
		got.Sets, got.Result, got.Second = nil, machine.Operand{}, 0
		if got.Class == machine.Unknown {
			got.Size = want.Size // no further than this instruction
		}
		golden.Compare(t, g, got, want)
		if strings.HasPrefix(g.Text, "lock ") && !strings.Contains(got.Text, "LOCK") {
			t.Errorf("%x: text %q hides the LOCK of %s", g.Code, got.Text, g.Text)
		}
	}
}

// TestValues checks what the analysis learns of registers.
func TestValues(t *testing.T) {
	want := map[string]struct {
		sets   []machine.Reg
		result machine.Operand
		second machine.Reg
	}{
		"mov %rax,%rcx":                   {[]machine.Reg{1}, machine.Operand{Kind: machine.FromReg, Reg: 0}, 0},
		"mov %eax,%ecx":                   {[]machine.Reg{1}, machine.Operand{}, 0}, // half a pointer
		"mov $0x1,%ecx":                   {[]machine.Reg{1}, machine.Operand{Kind: machine.Constant, N: 1}, 0},
		"xor %ecx,%ecx":                   {[]machine.Reg{1}, machine.Operand{Kind: machine.Constant}, 0},
		"lea 0x2(%rcx),%rdx":              {[]machine.Reg{2}, machine.Operand{Kind: machine.FromReg, Reg: 1, N: 2}, 0},
		"lea (%rcx,%rax,1),%rdx":          {[]machine.Reg{2}, machine.Operand{}, 0},
		"mov 0x8(%rsp),%rdx":              {[]machine.Reg{2}, machine.Operand{Kind: machine.Loaded}, 0},
		"mov %fs:0xfffffffffffffff8,%rdx": {[]machine.Reg{2}, machine.Operand{Kind: machine.Loaded}, 0},
		"movzbl (%rcx),%edx":              {[]machine.Reg{2}, machine.Operand{}, 0},
		"lock cmpxchg %edx,(%rcx)":        {[]machine.Reg{0}, machine.Operand{}, 0},
		"xchg %r9w,0x2(%r10)":             {[]machine.Reg{9}, machine.Operand{}, 0},
		"lock xadd %edx,(%rcx)":           {[]machine.Reg{2}, machine.Operand{}, 0},
		"sete %cl":                        {[]machine.Reg{1}, machine.Operand{}, 0},
		"rdtsc":                           {[]machine.Reg{0, 2}, machine.Operand{}, 0},
		"mov %rax,%rbp":                   {[]machine.Reg{framePointer}, machine.Operand{Kind: machine.FromReg, Reg: 0}, 0},
		"sub $0x8,%rsp":                   {[]machine.Reg{stackPointer}, machine.Operand{}, 0},
		"cmp %edx,%ecx":                   {nil, machine.Operand{}, 0},
		"test %edx,%edx":                  {nil, machine.Operand{}, 0},
		"cmp (%rcx),%rdx":                 {nil, machine.Operand{}, 0},
		"shr $0x7,%rdx":                   {[]machine.Reg{2}, machine.Operand{Kind: machine.Shifted, Reg: 2, N: 7}, 0},
		"shr $0x7,%edx":                   {[]machine.Reg{2}, machine.Operand{}, 0},
		"shr %cl,%rdx":                    {[]machine.Reg{2}, machine.Operand{}, 0},
		"xor %rcx,%rdx":                   {[]machine.Reg{2}, machine.Operand{Kind: machine.Difference, Reg: 2}, 1},
		"xor %ecx,%edx":                   {[]machine.Reg{2}, machine.Operand{}, 0},
		"and %rcx,%rdx":                   {[]machine.Reg{2}, machine.Operand{Kind: machine.Conjunction, Reg: 2}, 1},
		"and 0x8(%rcx),%rdx":              {[]machine.Reg{2}, machine.Operand{Kind: machine.Conjunction, Reg: 2}, machine.NoReg},
		"and 0x8(%rcx),%edx":              {[]machine.Reg{2}, machine.Operand{}, 0},
		"add (%rcx),%rdx":                 {[]machine.Reg{2}, machine.Operand{Kind: machine.Sum, Reg: 2}, machine.NoReg},
		"add %rax,%rdx":                   {[]machine.Reg{2}, machine.Operand{Kind: machine.Sum, Reg: 2}, 0},
		"add $0x8,%rdx":                   {[]machine.Reg{2}, machine.Operand{}, 0},
	}
	for _, g := range golden.Read(t, "amd64.golden") {
		w, ok := want[g.Text]
		if !ok {
			continue
		}
		delete(want, g.Text)
		got := decode(g.Code, g.PC)
		golden.Compare(t, g, machine.Inst{Sets: got.Sets, Result: got.Result, Second: got.Second}, machine.Inst{Sets: w.sets, Result: w.result, Second: w.second})
	}
	for text := range want {
		t.Errorf("%s: not in testdata/amd64.golden", text)
	}
}

var (
	attText    = regexp.MustCompile(`^(lock )?(\w+)(?: (.*))?$`)
	attMem     = regexp.MustCompile(`^(-?0x\w+)?\(%(\w+)\)$`)
	attBarrier = regexp.MustCompile(`^lock addl \$0x0,-0x8\(%rsp\)$`)
	attUpdates = regexp.MustCompile(`^(?:cmpxchg|xadd|(?:bt[src]|or|and|xor|add|sub|inc|dec|not|neg|adc|sbb)[bwlq]?)$`)
)

// attNames are registers that say the width of an access; the suffix does where
// there is none.
var attNames = map[string]int{
	"al": 8, "dl": 8, "sil": 8, "ax": 16, "dx": 16, "r9w": 16, "eax": 32, "edx": 32, "ecx": 32, "rax": 64, "rdx": 64, "rcx": 64,
}

var attRegs = map[string]machine.Reg{"rax": 0, "rcx": 1, "rdx": 2, "rsi": 6, "r10": 10, "al": 0, "dl": 2, "sil": 6, "ax": 0, "dx": 2, "r9w": 9, "eax": 0, "edx": 2}

// bareAMD64 classifies what the shape of the operands does not; what is in
// neither is unknown.
var bareAMD64 = map[string]machine.Class{
	"pause": machine.Pause, "nop": machine.Compute, "mfence": machine.Fence, "lfence": machine.Fence, "sfence": machine.Fence, "rdtsc": machine.Counter,
	"umwait": machine.Unknown, "tpause": machine.Unknown, "rdtscp": machine.Unknown, "cpuid": machine.Unknown, "serialize": machine.Unknown, "clflush": machine.Unknown,
	"prefetch": machine.Unknown, "monitor": machine.Unknown, "mwait": machine.Unknown, "push": machine.Unknown, "pop": machine.Unknown, "leave": machine.Unknown, "int3": machine.Unknown,
	"syscall": machine.Unknown, "rep": machine.Unknown, "movsb": machine.Unknown, "movnti": machine.Unknown, "movups": machine.Unknown, "movdqa": machine.Unknown,
	"xacquire": machine.Unknown, "xrelease": machine.Unknown, "cmove": machine.Unknown, "cmpxchg8b": machine.Unknown, "cmpxchg16b": machine.Unknown,
	"call": machine.Call, "ret": machine.Ret,
}

// oracleAMD64 derives from the text what the decoder must find in the bytes.
func oracleAMD64(g golden.Inst) machine.Inst {
	i := machine.Inst{PC: g.PC, Size: len(g.Code)}
	m := attText.FindStringSubmatch(g.Text)
	lock, op, operands := m[1] != "", m[2], splitOperands(m[3])
	if attBarrier.MatchString(g.Text) {
		i.Class, i.Acquire, i.Release, i.Stays = machine.Fence, true, true, true
		return i
	}
	if c, ok := bareAMD64[op]; ok && (c != machine.Ret || m[3] == "") {
		all := op == "mfence"
		i.Class, i.Acquire, i.Release, i.Stays = c, all, all, all
		return i
	}
	if op[0] == 'j' {
		i.Class = machine.Branch
		if op == "jmp" {
			i.Class = machine.Jump
		}
		if strings.HasPrefix(m[3], "*") {
			i.Class = machine.Call
		} else {
			i.Target = golden.Address(m[3])
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
		i.Class = machine.Compute
		if lock {
			i.Class = machine.Unknown // #UD
		}
		return i
	case updates && memAt == last && (lock || op == "xchg"):
		i.Class, i.Form = machine.Update, attForm(op)
	case updates && memAt == last:
		i.Class = machine.PlainUpdate
	case op == "prefetchw":
		i.Class = machine.Prefetch
		i.Mem = attAddress(operands[memAt], &i)
		return i
	case memAt == last && (strings.HasPrefix(op, "mov") || op == "sete"):
		i.Class = machine.Store
	default:
		i.Class = machine.Load
	}
	if lock && i.Class != machine.Update {
		return machine.Inst{PC: g.PC, Size: len(g.Code)}
	}
	i.Bits, i.Mem = attBits(op, operands), attAddress(operands[memAt], &i)
	if i.Class.Writes() && (strings.HasPrefix(op, "mov") || op == "xchg" || op == "cmpxchg") {
		i.Data = attData(operands[0])
	}
	return i
}

func attForm(op string) machine.Form {
	switch op {
	case "xchg":
		return machine.Exchange
	case "cmpxchg":
		return machine.Compare
	}
	return machine.Modify
}

func attData(o string) machine.Operand {
	if n, ok := strings.CutPrefix(o, "$"); ok {
		return machine.Operand{Kind: machine.Constant, N: golden.Number(n)}
	}
	return machine.Operand{Kind: machine.FromReg, Reg: attRegs[strings.TrimPrefix(o, "%")]}
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

func attAddress(o string, i *machine.Inst) machine.Mem {
	m := attMem.FindStringSubmatch(o)
	switch {
	case strings.HasPrefix(o, "%fs:"):
		return machine.Mem{Region: machine.ViaTLS, Disp: golden.Number(o[4:])}
	case m == nil:
		return machine.Mem{Region: machine.Computed}
	}
	disp := golden.Number("0" + strings.TrimPrefix(m[1], "0"))
	switch m[2] {
	case "rip":
		return machine.Mem{Region: machine.ViaPC, Disp: int64(i.PC) + int64(i.Size) + disp}
	case "rsp":
		return machine.Mem{Region: machine.ViaStack, Disp: disp}
	}
	return machine.Mem{Base: attRegs[m[2]], Disp: disp}
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

// TestBarrier: an addition to what is beside the top of the stack is a fence if it has LOCK and
// adds nothing.
func TestBarrier(t *testing.T) {
	for _, test := range []struct {
		text string
		code []byte
		want machine.Class
	}{
		{"lock addl $0x0,-0x8(%rsp)", []byte{0xf0, 0x83, 0x44, 0x24, 0xf8, 0x00}, machine.Fence},
		{"lock addl $0x0,(%rsp)", []byte{0xf0, 0x83, 0x04, 0x24, 0x00}, machine.Update},
		{"lock addl $0x0,-0x9(%rsp)", []byte{0xf0, 0x83, 0x44, 0x24, 0xf7, 0x00}, machine.Update},
		{"lock addq $0x0,-0x8(%rsp)", []byte{0xf0, 0x48, 0x83, 0x44, 0x24, 0xf8, 0x00}, machine.Update},
		{"lock addl $0x1,-0x8(%rsp)", []byte{0xf0, 0x83, 0x44, 0x24, 0xf8, 0x01}, machine.Update},
		{"lock addl $0x0,-0x8(%rsp,%rax,1)", []byte{0xf0, 0x83, 0x44, 0x04, 0xf8, 0x00}, machine.Update},
		{"lock addl $0x0,(%rcx)", []byte{0xf0, 0x83, 0x01, 0x00}, machine.Update},
		{"addl $0x0,-0x8(%rsp)", []byte{0x83, 0x44, 0x24, 0xf8, 0x00}, machine.PlainUpdate},
	} {
		if got := decode(test.code, 0); got.Class != test.want || got.Stays != (test.want == machine.Fence) {
			t.Errorf("%s is %v, full %v, want %v", test.text, got.Class, got.Stays, test.want)
		}
	}
}
