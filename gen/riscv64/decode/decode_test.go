package decode

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/riscv64/riscv64asm"

	"github.com/rqlock/rqlock/gen/machine"
)

// TestCompressed compares what every compressed instruction stands for with x/arch.
func TestCompressed(t *testing.T) {
	expanded := 0
	for c := range 1 << 16 {
		if c&3 == 3 || c == 0 { // the latter is no instruction, whatever x/arch says
			continue
		}
		var code [2]byte
		binary.LittleEndian.PutUint16(code[:], uint16(c))
		want, err := riscv64asm.Decode(code[:])
		w := expand(uint16(c))
		switch {
		case err != nil || w == 0:
			if err == nil && !slices.ContainsFunc([]string{"FL", "FS", "C.FL", "C.FS", "EBREAK", "C.UNIMP", "C.NOP", "C.EBREAK"}, func(p string) bool { return strings.HasPrefix(want.Op.String(), p) }) {
				t.Errorf("%#04x is unknown, want %s", c, want)
			}
			if i := decode(code[:], 0); err != nil && i.Class != machine.Unknown && i.Class != machine.Compute { // hints compute
				t.Errorf("%#04x is %+v, and nothing to x/arch", c, i)
			}
			continue
		case w.rd() == 0 && w.field(0, 7) == 0x13: // one of several ways to do nothing
			continue
		}
		expanded++
		if want.Op.String() == "JAL" { // see TestCompressedJumps: x/arch reads another distance
			continue
		}
		got, err := riscv64asm.Decode(little(w))
		if err != nil || normal(got) != normal(want) {
			t.Fatalf("%#04x stands for %#08x, %s, want %s", c, uint32(w), got, want)
		}
		if i := decode(code[:], 0); i.Size != 2 {
			t.Errorf("%#04x has %d bytes", c, i.Size)
		}
	}
	if expanded < 30_000 {
		t.Errorf("%d instructions", expanded)
	}
}

// TestCompressedJumps has distances as GNU's objdump shows them.
func TestCompressedJumps(t *testing.T) {
	for c, distance := range map[uint16]int64{0xa001: 0, 0xa011: 4, 0xa019: 6, 0xa029: 10, 0xa005: 32, 0xbff5: -4, 0xbfed: -6, 0xbfe5: -8} {
		i := decode(binary.LittleEndian.AppendUint16(nil, c), 0x10000)
		if i.Class != machine.Jump || int64(i.Target)-0x10000 != distance {
			t.Errorf("%#04x: %s by %d, want a jump by %d", c, i.Class, int64(i.Target)-0x10000, distance)
		}
	}
}

func little(w word) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(w)) }

// normal writes an instruction without what only its compressed form says: the width of an
// immediate, and a move by ADD.
func normal(i riscv64asm.Inst) string {
	text := i.Op.String()
	var args []string
	for _, a := range i.Args {
		if a == nil {
			break
		}
		args = append(args, a.String())
	}
	if text == "LUI" {
		n, _ := strconv.ParseUint(args[1], 0, 64)
		args[1] = fmt.Sprintf("%#x", n&0xfffff)
	}
	if text == "ADD" && args[1] == "x0" {
		text, args = "ADDI", []string{args[0], args[2], "0"}
	}
	return text + " " + strings.Join(args, ", ")
}

// TestDecoder compares random instructions of every opcode with x/arch. They are the same ones
// each time: no order of a map decides which instructions an opcode gets.
func TestDecoder(t *testing.T) {
	seen := map[string]bool{}
	for opcode := range opcodes {
		r := rand.New(rand.NewPCG(1, uint64(opcode)))
		for range 3000 {
			w := word(r.Uint32()&^0x7f | opcode)
			switch opcode {
			case 0x0f, 0x73: // x/arch has the bits of fences the other way round: see TestExtensions
				continue
			case 0x13, 0x1b, 0x33, 0x3b: // most have no function here
				w &^= word(r.Uint32()&0xfe000000) | word(r.Uint32())&0xfe000000
			case 0x2f:
				w = w&^0x6000 | 0x2000 // of 32 or 64 bits
				if r.IntN(4) == 0 {
					w = w&^0xf9f00000 | 0x10000000 // LR
				}
			case 0x67:
				w &^= 0x7000
			}
			x, err := riscv64asm.Decode(little(w))
			got := decode(little(w), 0x10000)
			if err != nil { // x/arch lacks the newer extensions
				continue
			}
			want, known := oracle(w, x)
			if !known {
				if got.Class != machine.Unknown && got.Class != machine.Compute && got.Class != machine.Prefetch {
					t.Fatalf("%#08x %s: %+v", uint32(w), x, got)
				}
				continue
			}
			seen[x.Op.String()] = true
			if got.Class != want.Class || got.Bits != want.Bits || got.Mem != want.Mem || got.Target != want.Target || !slices.Equal(got.Sets, want.Sets) ||
				got.Acquire != want.Acquire || got.Release != want.Release || got.Form != want.Form || got.Data != want.Data ||
				got.Condition != want.Condition || !reflect.DeepEqual(got.Compares, want.Compares) || !slices.Equal(got.Reads, want.Reads) || got.Unsigned != want.Unsigned {
				t.Fatalf("%#08x %s:\n got %+v\nwant %+v", uint32(w), x, got, want)
			}
		}
	}
	for _, op := range []string{"LB", "LD", "LWU", "SB", "SD", "LR.W", "LR.D.AQ", "SC.W.RL", "AMOSWAP.D.AQRL", "JAL", "JALR", "BEQ", "BGEU", "ADDI", "ANDI", "SLLI", "ADD", "XOR", "LUI", "AUIPC", "ADDIW", "SUBW"} {
		if !seen[op] {
			t.Errorf("no %s among them", op)
		}
	}
}

// oracle derives from x/arch's instruction what the decoder must find, if it must.
func oracle(w word, x riscv64asm.Inst) (i machine.Inst, known bool) {
	op, order, _ := strings.Cut(x.Op.String(), ".")
	reg := func(n int) machine.Reg { return machine.Reg(x.Args[n].(riscv64asm.Reg) - riscv64asm.X0) }
	sets := func(r machine.Reg) {
		if r != 0 {
			i.Sets = []machine.Reg{r}
		}
	}
	mem := func(a riscv64asm.RegOffset) machine.Mem {
		base := machine.Reg(a.OfsReg - riscv64asm.X0)
		if base == 2 {
			return machine.Mem{Region: machine.ViaStack, Disp: int64(a.Ofs.Imm)}
		}
		return machine.Mem{Base: base, Disp: int64(a.Ofs.Imm)}
	}
	widths := map[byte]int{'B': 8, 'H': 16, 'W': 32, 'D': 64}
	i.Reads = registersRead(x)
	switch {
	case op == "LUI" || op == "AUIPC":
		i.Class = machine.Compute
		sets(reg(0))
	case op == "LR" || op == "SC" || strings.HasPrefix(op, "AMO"):
		i.Class, i.Bits = machine.Update, widths[order[0]]
		at, end := machine.Mem{}, 1
		if op != "LR" {
			end = 2
		}
		for r := range machine.Reg(32) {
			if x.Args[end].String() == fmt.Sprintf("(%s)", riscv64asm.X0+riscv64asm.Reg(r)) {
				at.Base = r
			}
		}
		if at.Base == 2 {
			at = machine.Mem{Region: machine.ViaStack}
		}
		i.Mem = at
		i.Acquire, i.Release = strings.Contains(order, ".AQ"), strings.HasSuffix(order, "RL")
		sets(reg(0))
		switch {
		case op == "LR":
			i.Class = machine.LoadEx
			return i, true
		case op == "SC":
			i.Class = machine.StoreEx
		case op == "AMOSWAP":
			i.Form = machine.Exchange
		default:
			i.Form = machine.Modify
		}
		i.Data = machine.Operand{Kind: machine.FromReg, Reg: reg(1)}
	case op[0] == 'L' && len(op) <= 3:
		i.Class, i.Bits, i.Mem = machine.Load, widths[op[1]], mem(x.Args[1].(riscv64asm.RegOffset))
		i.Unsigned = op == "LWU"
		sets(reg(0))
	case op[0] == 'S' && len(op) == 2:
		i.Class, i.Bits, i.Mem = machine.Store, widths[op[1]], mem(x.Args[1].(riscv64asm.RegOffset))
		i.Data = machine.Operand{Kind: machine.FromReg, Reg: reg(0)}
	case op[0] == 'B' && slices.Contains([]string{"BEQ", "BNE", "BLT", "BGE", "BLTU", "BGEU"}, op):
		i.Class, i.Target = machine.Branch, 0x10000+uint64(int64(x.Args[2].(riscv64asm.Simm).Imm))
		i.Condition = map[string]machine.Condition{
			"BEQ": machine.Equal, "BNE": machine.NotEqual, "BLT": machine.Less, "BGE": machine.GreaterOrEqual, "BLTU": machine.Below, "BGEU": machine.AboveOrEqual,
		}[op]
		i.Compares = &machine.Comparison{Left: machine.Operand{Kind: machine.FromReg, Reg: reg(0)}, Right: machine.Operand{Kind: machine.FromReg, Reg: reg(1)}, Bits: 64}
	case op == "JAL":
		i.Class, i.Target = machine.Call, 0x10000+uint64(int64(x.Args[1].(riscv64asm.Simm).Imm))
		if reg(0) == 0 {
			i.Class = machine.Jump
		}
	case op == "JALR":
		i.Class = machine.Call
		if uint32(w) == 0x00008067 {
			i.Class = machine.Ret
		}
	case slices.Contains(strings.Fields("ADDI SLTI SLTIU XORI ANDI SLLI SRLI SRAI ADD SUB SLL SLT SLTU XOR SRL SRA OR AND ADDIW SLLIW SRLIW SRAIW ADDW SUBW SLLW SRLW SRAW"), op):
		i.Class = machine.Compute
		sets(reg(0))
	default: // ORI may be a prefetch
		return i, false
	}
	return i, true
}

// registersRead lists the registers that x/arch prints, but for the first one if it is written:
// the base of an address comes first.
func registersRead(x riscv64asm.Inst) (all []machine.Reg) {
	first := 1
	if op := x.Op.String(); op[0] == 'B' || slices.Contains([]string{"SB", "SH", "SW", "SD"}, op) {
		first = 0
	}
	for _, a := range x.Args[first:] {
		switch a := a.(type) {
		case riscv64asm.Reg:
			all = append(all, machine.Reg(a-riscv64asm.X0))
		case riscv64asm.RegOffset:
			all = append([]machine.Reg{machine.Reg(a.OfsReg - riscv64asm.X0)}, all...)
		case riscv64asm.AmoReg:
			var r int
			fmt.Sscanf(a.String(), "(x%d)", &r)
			all = append([]machine.Reg{machine.Reg(r)}, all...)
		}
	}
	return all
}

// TestFollowed has what the analysis follows of registers, and in which instructions.
func TestFollowed(t *testing.T) {
	formula := func(o machine.Operator, right machine.Reg, n int64) *machine.Formula {
		return &machine.Formula{Operator: o, Left: 6, Right: right, N: n, Bits: 64}
	}
	for _, tt := range []struct {
		word uint32
		text string
		want *machine.Formula
	}{
		{0xfff30293, "addi x5, x6, -1", formula(machine.Minus, machine.NoReg, 1)},
		{0x08037293, "andi x5, x6, 128", formula(machine.Masked, machine.NoReg, 128)},
		{0x007372b3, "and x5, x6, x7", formula(machine.Masked, 7, 0)},
		{0x407302b3, "sub x5, x6, x7", formula(machine.Minus, 7, 0)},
		{0x407352b3, "sra x5, x6, x7", nil},
		{0x407372b3, "andn x5, x6, x7", nil},
		{0x027302b3, "mul x5, x6, x7", nil},
		{0x027372b3, "remu x5, x6, x7", nil},
		{0x407302bb, "subw x5, x6, x7", nil},
		{0xfff3029b, "addiw x5, x6, -1", nil},
		{0x08036293, "ori x5, x6, 128", nil},
		{0x08034293, "xori x5, x6, 128", nil},
	} {
		if got := decode(little(word(tt.word)), 0); !reflect.DeepEqual(got.Formula, tt.want) || !slices.Equal(got.Sets, []machine.Reg{5}) {
			t.Errorf("%s: %+v, want %+v", tt.text, got.Formula, tt.want)
		}
	}
	cas := decode(little(0x2c62b3af), 0) // amocas.d.aq x7, x6, (x5)
	if want := []machine.Reg{5, 6, 7}; !slices.Equal(cas.Reads, want) {
		t.Errorf("amocas reads %v, want %v", cas.Reads, want)
	}
}

// TestExtensions has instructions that x/arch does not know, and what they are in GNU's
// binutils. All but the fences and hints ran on an emulator.
func TestExtensions(t *testing.T) {
	for _, tt := range []struct {
		word uint32
		text string
		want machine.Inst
	}{
		{0x0862a3af, "amoswap.w x7, x6, (x5)", machine.Inst{Class: machine.Update, Form: machine.Exchange, Bits: 32}},
		{0x0e6283af, "amoswap.b.aqrl x7, x6, (x5)", machine.Inst{Class: machine.Update, Form: machine.Exchange, Bits: 8, Acquire: true, Release: true, Needs: zabha}},
		{0x0c6293af, "amoswap.h.aq x7, x6, (x5)", machine.Inst{Class: machine.Update, Form: machine.Exchange, Bits: 16, Acquire: true, Needs: zabha}},
		{0x2e62a3af, "amocas.w.aqrl x7, x6, (x5)", machine.Inst{Class: machine.Update, Form: machine.Compare, Bits: 32, Acquire: true, Release: true, Needs: zacas}},
		{0x2e6283af, "amocas.b.aqrl x7, x6, (x5)", machine.Inst{Class: machine.Update, Form: machine.Compare, Bits: 8, Acquire: true, Release: true, Needs: zabha}},
		{0x1602a3af, "lr.w.aqrl x7, (x5)", machine.Inst{Class: machine.LoadEx, Bits: 32, Acquire: true, Release: true}},
		{0x00d00073, "sleep (0x00d00073)", machine.Inst{Class: machine.Wait, Needs: zawrs}}, // wrs.nto
		{0x01d00073, "sleep (0x01d00073)", machine.Inst{Class: machine.Wait, Needs: zawrs}}, // wrs.sto
		{0x0100000f, "spin hint (0x0100000f)", machine.Inst{Class: machine.Pause}},
		{0x0230000f, "fence (0x0230000f)", machine.Inst{Class: machine.Fence, Acquire: true}},
		{0x0310000f, "fence (0x0310000f)", machine.Inst{Class: machine.Fence, Release: true}},
		{0x0330000f, "fence (0x0330000f)", machine.Inst{Class: machine.Fence, Acquire: true, Release: true, Stays: true}},
		{0x8330000f, "fence (0x8330000f)", machine.Inst{Class: machine.Fence, Acquire: true, Release: true}}, // fence.tso
		{0x0220000f, "fence (0x0220000f)", machine.Inst{Class: machine.Fence}},                               // r,r
		{0x0032e013, "0x32e013", machine.Inst{Class: machine.Prefetch}},                                      // prefetch.w
		{0x0012e013, "0x12e013", machine.Inst{Class: machine.Compute}},                                       // prefetch.r
		{0xc00022f3, "0xc00022f3", machine.Inst{}},                                                           // rdcycle
		{0xc01022f3, "0xc01022f3", machine.Inst{Class: machine.Counter}},                                     // rdtime
		{0x00000073, "0x73", machine.Inst{}},       // ecall
		{0x0000100f, "0x100f", machine.Inst{}},     // fence.i
		{0x2e62c3af, "0x2e62c3af", machine.Inst{}}, // amocas.q
	} {
		got := decode(little(word(tt.word)), 0)
		if got.Text != tt.text && got.Text != fmt.Sprintf("%#08x", tt.word) {
			t.Errorf("%#08x is %q, want %q", tt.word, got.Text, tt.text)
		}
		got = machine.Inst{Class: got.Class, Form: got.Form, Bits: got.Bits, Acquire: got.Acquire, Release: got.Release, Stays: got.Stays, Needs: got.Needs}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%#08x (%s):\n got %+v\nwant %+v", tt.word, tt.text, got, tt.want)
		}
	}
}
