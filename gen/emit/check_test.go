package emit

import (
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// These instructions are of no architecture, as the checks know none.

func end(f *Func) { f.Add(&ir.Instruction{Opcode: "RET", IsTerminal: true}, nil) }

func set(f *Func, r reg.Register) {
	f.Add(&ir.Instruction{Opcode: "SET", Operands: []operand.Op{r}, Outputs: []operand.Op{r}}, nil)
}

func use(f *Func, r reg.Register) {
	f.Add(&ir.Instruction{Opcode: "USE", Operands: []operand.Op{r}, Inputs: []operand.Op{r}}, nil)
}

func storeResult(f *Func, name string) {
	m := f.Result(name).Addr
	f.Add(&ir.Instruction{Opcode: "STORE", Operands: []operand.Op{m}, Outputs: []operand.Op{m}}, nil)
}

// storeError stores a register in the first word of the error.
func storeError(f *Func, r reg.Register) {
	m := f.ErrorResult()[0]
	f.Add(&ir.Instruction{Opcode: "STORE", Operands: []operand.Op{r, m}, Inputs: []operand.Op{r}, Outputs: []operand.Op{m}}, nil)
}

func jump(f *Func, opcode, label string) {
	f.Add(&ir.Instruction{
		Opcode: opcode, Operands: []operand.Op{operand.LabelRef(label)}, IsBranch: true, IsConditional: opcode != "JMP",
	}, nil)
}

func TestChecks(t *testing.T) {
	const plain, results = "func(p *uint32)", "func(p *uint32) (v uint32, ok bool)"
	const fails = "func(p *uint32) (err error)"
	for _, tt := range []struct {
		name string
		sig  string
		body func(f *Func)
		want string // "" = accepted
	}{
		{"ends", plain, end, ""},
		{"no instructions", plain, func(f *Func) {}, "f: no instructions"},
		{"falls off the end", plain, func(f *Func) { set(f, f.GP64()) }, "f: execution falls off the end after SET"},
		{"falls off after a branch", plain, func(f *Func) {
			f.Label("top")
			jump(f, "JNE", "top")
		}, "f: execution falls off the end after JNE"},
		{"loops for ever", plain, func(f *Func) {
			f.Label("top")
			jump(f, "JMP", "top")
		}, ""},

		{"results stored", results, func(f *Func) {
			storeResult(f, "ok")
			storeResult(f, "v")
			end(f)
		}, ""},
		{"result not stored", results, func(f *Func) {
			storeResult(f, "v")
			end(f)
		}, "f: RET without storing result ok"},
		{"first result not stored", results, func(f *Func) {
			storeResult(f, "ok")
			end(f)
		}, "f: RET without storing result v"},
		{"result stored on each path", results, func(f *Func) {
			storeResult(f, "v")
			jump(f, "JNE", "other")
			storeResult(f, "ok")
			end(f)
			f.Label("other")
			storeResult(f, "ok")
			end(f)
		}, ""},
		{"result stored on one path of two that join", results, func(f *Func) {
			storeResult(f, "v")
			jump(f, "JNE", "join")
			storeResult(f, "ok")
			f.Label("join")
			end(f)
		}, "f: RET without storing result ok"},
		{"each path stores another result", results, func(f *Func) {
			jump(f, "JNE", "other")
			storeResult(f, "v")
			jump(f, "JMP", "join")
			f.Label("other")
			storeResult(f, "ok")
			f.Label("join")
			end(f)
		}, "f: RET without storing result v"},
		{"result stored in the loop only", results, func(f *Func) {
			storeResult(f, "v")
			jump(f, "JMP", "test")
			f.Label("body")
			storeResult(f, "ok")
			f.Label("test")
			jump(f, "JNE", "body")
			end(f)
		}, "f: RET without storing result ok"},
		{"both words of an error stored at once", fails, func(f *Func) {
			r := f.XMM()
			set(f, r)
			storeError(f, r)
			end(f)
		}, ""},
		{"one word of an error stored", fails, func(f *Func) {
			r := f.GP64()
			set(f, r)
			storeError(f, r)
			end(f)
		}, "f: RET without storing result err_data"},

		{"register set", plain, func(f *Func) {
			r := f.GP64()
			set(f, r)
			use(f, r)
			end(f)
		}, ""},
		{"register not set", plain, func(f *Func) {
			f.GP64()
			use(f, f.GP64())
			end(f)
		}, "f: register 1 is read before it is written"},
		{"several registers not set", plain, func(f *Func) {
			first := f.GP64()
			for range 8 {
				use(f, f.GP64())
			}
			use(f, first)
			end(f)
		}, "f: register 0 is read before it is written"},
		{"register set on one path", plain, func(f *Func) {
			r := f.GP64()
			jump(f, "JNE", "join")
			set(f, r)
			f.Label("join")
			use(f, r)
			end(f)
		}, "f: register 0 is read before it is written"},
		{"pseudo register", plain, func(f *Func) {
			use(f, reg.FramePointer)
			end(f)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := NewFunc("f", tt.sig, nil)
			tt.body(f)
			if err := f.Err(); err != nil {
				t.Fatal(err)
			}
			err := check(f.IR)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("rejected: %v", err)
			case tt.want != "" && err == nil:
				t.Errorf("accepted, want %q", tt.want)
			case tt.want != "" && err.Error() != tt.want:
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}

// check runs the checks in the order of the back ends.
func check(fn *ir.Function) error {
	for _, p := range []func(*ir.Function) error{
		pass.LabelTarget, pass.CFG, CheckFallThrough, CheckResults, pass.Liveness, CheckUninitialised,
	} {
		if err := p(fn); err != nil {
			return err
		}
	}
	return nil
}

func TestFuncErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		body func(f *Func)
		want string
	}{
		{"parameter", func(f *Func) { f.Param("q") }, "f: unknown variable \"q\""},
		{"result", func(f *Func) { f.Result("v") }, "f: unknown variable \"v\""},
		{"first error sticks", func(f *Func) {
			f.Param("q")
			f.Param("r")
		}, "f: unknown variable \"q\""},
	} {
		f := NewFunc("f", "func(p *uint32)", nil)
		tt.body(f)
		if err := f.Err(); err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := NewFunc("f", "func(", nil).Err(); err == nil || !strings.HasPrefix(err.Error(), `f: signature "func(": `) {
		t.Errorf("bad signature: error %v", err)
	}
}
