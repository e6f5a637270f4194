package audit

// An arch is what the audit depends on of an architecture.
type arch struct {
	decode func(code []byte, pc uint64) inst
	// trim drops the padding behind a function's last instruction.
	trim func(code []byte) []byte
	// args lists the registers of Go's internal calling convention. Assembly has its
	// arguments on the stack.
	args []reg
	// g is the register that has the current g in both conventions, or noReg.
	g reg
	// reserved registers belong to the caller or the runtime.
	reserved map[reg]string
	// tso says that plain accesses acquire and release, and that no encoding has an
	// ordering.
	tso bool
	// relax lists what a spin consists of.
	relax []class
	// machines lists the kinds of machine that may run the binary.
	machines []machine
}

// A machine is a kind of machine, with the values that the run-time flags have on it.
type machine struct {
	name  string
	flags map[string]bool
}

// The flags of arm64 that code may branch on.
const (
	flagLSE         = "LSE"
	flagEventStream = "event stream"
)

// flagSymbols has the flags by the names of their variables. A name that begins with a
// dot is in the package that is audited.
var flagSymbols = map[string]string{
	".hasLSE":                 flagLSE,
	".hasEventStream":         flagEventStream,
	"runtime.arm64HasATOMICS": flagLSE, // what sync/atomic's inlined code asks
}

var archs = map[string]*arch{
	"amd64": {
		decode:   decodeAMD64,
		trim:     func(code []byte) []byte { return code },
		args:     []reg{rax, 3, 1, 7, 6, 8, 9, 10, 11},
		g:        noReg,
		reserved: map[reg]string{stackPointer: "SP", framePointer: "BP"},
		tso:      true,
		relax:    []class{pause},
		machines: []machine{{name: "amd64"}},
	},
	"arm64": {
		decode:   decodeARM64,
		trim:     trimARM64,
		args:     []reg{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		g:        28,
		reserved: map[reg]string{sp: "RSP", 18: "R18 (platform)", 28: "g", 29: "R29 (frame pointer)", 30: "R30 (return address)"},
		relax:    []class{pause, sync},
		machines: []machine{
			{"arm64 without LSE", map[string]bool{flagLSE: false, flagEventStream: false}},
			{"arm64 without LSE, with event stream", map[string]bool{flagLSE: false, flagEventStream: true}},
			{"arm64 with LSE", map[string]bool{flagLSE: true, flagEventStream: false}},
			{"arm64 with LSE and event stream", map[string]bool{flagLSE: true, flagEventStream: true}},
		},
	},
}
