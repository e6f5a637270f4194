package arm64

import (
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// compileBody runs all passes over a function with the given body.
func compileBody(t *testing.T, sig string, body func(f *emit.Func)) error {
	t.Helper()
	f := emit.NewFunc("f", sig, nil)
	body(f)
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	file := ir.NewFile()
	file.AddSection(f.IR)
	return compile.Execute(file)
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("rejected: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want an error with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("error %q, want %q in it", err, want)
	}
}

// llsc emits body as the LL/SC side of an empty function.
func llsc(f *emit.Func, body func()) { dispatch(f, func() { ret(f) }, body) }

// inWindow emits an LL/SC loop with body between load and store.
func inWindow(body func(f *emit.Func, p, old reg.Register)) func(f *emit.Func) {
	return func(f *emit.Func) {
		p := arg(f, "p")
		llsc(f, func() {
			exclusively(f, spec.Relaxed, 32, p, func(old reg.Register) reg.Register {
				body(f, p, old)
				return old
			})
			ret(f)
		})
	}
}

func TestChecks(t *testing.T) {
	const (
		pointer = "func(p *uint32)"
		boolean = "func(p *uint32) (ok bool)"
	)
	immediate := func(opcode string, v operand.Constant) func(f *emit.Func) {
		return inWindow(func(f *emit.Func, _, old reg.Register) { add(f, opcode, v, old, f.GP64()) })
	}
	for _, tt := range []struct {
		name string
		sig  string
		body func(f *emit.Func)
		want string // "" = accepted
	}{
		{"falls off the end", pointer, func(f *emit.Func) { bare(f, "YIELD") }, "falls off the end after YIELD"},
		{"no instruction", pointer, func(f *emit.Func) {}, "no instructions"},
		{"LSE body runs into LL/SC body", pointer, func(f *emit.Func) {
			dispatch(f, func() { bare(f, "YIELD") }, func() { ret(f) })
		}, "under GOARM64_LSE: f: execution falls off the end"},
		{"LL/SC body falls off the end", pointer, func(f *emit.Func) {
			llsc(f, func() { bare(f, "YIELD") })
		}, "f: execution falls off the end after YIELD"},
		{"LL/SC body falls through a plain #endif", pointer, func(f *emit.Func) {
			ret(f)
			bare(f, ifndefLSE)
			bare(f, "YIELD")
			bare(f, endif)
		}, "f: execution falls off the end after #endif"},
		{"LSE body jumps into LL/SC body", pointer, func(f *emit.Func) {
			dispatch(f, func() { jump(f, "llsc") }, func() { ret(f) })
		}, `unknown label "llsc"`},
		{"exclusive store in LSE body", pointer, func(f *emit.Func) {
			p := arg(f, "p")
			dispatch(f, func() {
				exclusively(f, spec.Relaxed, 32, p, func(old reg.Register) reg.Register { return old })
				ret(f)
			}, func() { ret(f) })
		}, "STXRW is left under GOARM64_LSE"},
		{"result not stored", boolean, func(f *emit.Func) { ret(f) }, "RET without storing result ok"},
		{"result stored on one path", boolean, func(f *emit.Func) {
			branch(f, "CBZW", "zero", arg(f, "p"))
			result(f, zr, "ok")
			f.Label("zero")
			ret(f)
		}, "RET without storing result ok"},
		{"uninitialised register", boolean, func(f *emit.Func) {
			result(f, f.GP64(), "ok")
			ret(f)
		}, "is read before it is written"},

		{"bare window", pointer, inWindow(func(*emit.Func, reg.Register, reg.Register) {}), ""},
		{"load in window", pointer, inWindow(func(f *emit.Func, p, _ reg.Register) {
			add(f, "MOVWU", at(p), f.GP64())
		}), "MOVWU (R0), R3: a memory access in an exclusive window"},
		{"store in window", pointer, inWindow(func(f *emit.Func, p, old reg.Register) {
			add(f, "MOVW", old, operand.Mem{Base: p, Disp: 4})
		}), "a memory access in an exclusive window"},
		{"argument in window", pointer, inWindow(func(f *emit.Func, _, _ reg.Register) {
			arg(f, "p")
		}), "a memory access in an exclusive window"},
		{"symbol in window", pointer, inWindow(func(f *emit.Func, _, _ reg.Register) {
			variable(f, "hasLSE")
		}), "a memory access in an exclusive window"},
		{"second window in window", pointer, inWindow(func(f *emit.Func, p, _ reg.Register) {
			add(f, "LDXRW", at(p), f.GP64())
		}), "a memory access in an exclusive window"},
		{"call in window", pointer, inWindow(func(f *emit.Func, _, _ reg.Register) {
			bare(f, "CALL", name("·g(SB)"))
		}), "a call in an exclusive window"},

		{"wide logical immediate in window", pointer, immediate("ORRW", operand.U32(0xfffefeff)), "takes more than one instruction"},
		{"logical immediate in window", pointer, immediate("ORRW", operand.U32(0xfffffe00)), ""},
		{"logical immediate of 32 bits in window", pointer, immediate("ORRW", operand.U32(0x80000001)), ""},
		{"the same of 64 bits in window", pointer, immediate("ORR", operand.U32(0x80000001)), "takes more than one instruction"},
		{"repeated logical immediate in window", pointer, immediate("AND", operand.U64(0x3c3c3c3c3c3c3c3c)), ""},
		{"irregular logical immediate in window", pointer, immediate("AND", operand.U64(0x00ff00ff00ff00fe)), "takes more than one instruction"},
		{"small logical non-immediate in window", pointer, immediate("EORW", operand.U8(5)), "takes more than one instruction"},
		{"zero as logical immediate in window", pointer, immediate("ANDW", operand.U8(0)), "takes more than one instruction"},
		{"add immediate in window", pointer, immediate("ADDW", operand.U16(4095)), ""},
		{"wide add immediate in window", pointer, immediate("ADDW", operand.U16(4097)), "takes more than one instruction"},
		{"shift in window", pointer, immediate("LSLW", operand.U8(31)), ""},
		{"unknown immediate in window", pointer, immediate("MULW", operand.U16(64)), "takes more than one instruction"},
		{"signed immediate in window", pointer, immediate("ADDW", operand.I32(-1)), "takes more than one instruction"},

		{"early exit with CLREX", boolean, func(f *emit.Func) {
			p := arg(f, "p")
			dispatch(f, func() { returnBool(f, "ok", true) }, func() {
				exclusively(f, spec.Relaxed, 32, p, func(old reg.Register) reg.Register {
					branch(f, "CBZW", "miss", old)
					return old
				})
				returnBool(f, "ok", true)
				giveUp(f, "miss")
			})
		}, ""},
		{"early exit without CLREX", pointer, inWindow(func(f *emit.Func, _, old reg.Register) {
			branch(f, "CBNZW", "go", old)
			ret(f)
			f.Label("go")
		}), "RET: leaves an exclusive window without CLREX"},
		{"sleep", pointer, func(f *emit.Func) {
			p, v := arg(f, "p"), f.GP64()
			sleep(f, func() {
				add(f, "LDXRW", at(p), v)
				branch(f, "CBZW", "awake", v)
			})
			ret(f)
		}, ""},
		{"sleep without CLREX", pointer, func(f *emit.Func) {
			p, v := arg(f, "p"), f.GP64()
			f.Label("sleep")
			add(f, "LDXRW", at(p), v)
			bare(f, "WFE")
			branch(f, "CBZW", "sleep", v)
			ret(f)
		}, "RET: leaves an exclusive window without CLREX"},

		{"store without load", pointer, func(f *emit.Func) {
			p, status := arg(f, "p"), constant(f, 0)
			llsc(f, func() {
				storeExclusive(f, "STXRW", zr, p, status)
				ret(f)
			})
		}, "no exclusive load before it"},
		{"store after CLREX", pointer, inWindow(func(f *emit.Func, _, _ reg.Register) {
			bare(f, "CLREX")
		}), "no exclusive load before it"},
		{"store of another width", pointer, func(f *emit.Func) {
			p, old, status := arg(f, "p"), f.GP64(), f.GP64()
			llsc(f, func() {
				loadExclusive(f, "LDXRW", p, old, status)
				storeExclusive(f, "STXRH", old, p, status)
				ret(f)
			})
		}, "does not store what LDXRW (R0), R1 loads"},
		{"store elsewhere", "func(p *uint32, q *uint32)", func(f *emit.Func) {
			p, q, old, status := arg(f, "p"), arg(f, "q"), f.GP64(), f.GP64()
			llsc(f, func() {
				loadExclusive(f, "LDXRW", p, old, status)
				storeExclusive(f, "STXRW", old, q, status)
				ret(f)
			})
		}, "does not store what LDXRW (R0), R0 loads"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, compileBody(t, tt.sig, tt.body), tt.want)
		})
	}
}

// TestEarlyClobber builds the same functions with the guard in loadExclusive and
// storeExclusive, and without it. Without it, avo's allocator gives the status a
// register that the store still reads.
func TestEarlyClobber(t *testing.T) {
	unguardedLoad := func(f *emit.Func, opcode string, p, old, _ reg.Register) { add(f, opcode, at(p), old) }
	unguardedStore := func(f *emit.Func, opcode string, v, p, status reg.Register) {
		f.Add(&ir.Instruction{Opcode: opcode, Operands: ops(v, at(p), status), Inputs: ops(v, p), Outputs: ops(status)}, nil)
	}
	type loader func(f *emit.Func, opcode string, p, old, status reg.Register)
	type storer func(f *emit.Func, opcode string, v, p, status reg.Register)
	for _, tt := range []struct {
		name string
		body func(f *emit.Func, p reg.Register, load loader, store storer)
	}{
		{"data dies", func(f *emit.Func, p reg.Register, load loader, store storer) {
			old, w, status := f.GP64(), f.GP64(), f.GP64()
			f.Label("retry")
			load(f, "LDAXRW", p, old, status)
			add(f, "ADDW", operand.U8(1), old, w)
			store(f, "STLXRW", w, p, status)
			branch(f, "CBNZW", "retry", status)
			add(f, "MOVW", old, at(p)) // p and old stay live: only the data's register is free
		}},
		{"address dies", func(f *emit.Func, p reg.Register, load loader, store storer) {
			old, status := f.GP64(), f.GP64()
			load(f, "LDAXRW", p, old, status)
			store(f, "STLXRW", zr, p, status)
			test(f, "CMPW", old, status)
		}},
	} {
		for _, guarded := range []bool{false, true} {
			load, store, want := loader(unguardedLoad), storer(unguardedStore), "the status register is also data or address"
			if guarded {
				load, store, want = loadExclusive, storeExclusive, ""
			}
			err := compileBody(t, "func(p *uint32)", func(f *emit.Func) {
				p := arg(f, "p")
				llsc(f, func() {
					tt.body(f, p, load, store)
					ret(f)
				})
			})
			t.Run(tt.name, func(t *testing.T) { wantError(t, err, want) })
		}
	}
}
