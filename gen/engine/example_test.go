package engine_test

import (
	"os"

	"github.com/rqlock/rqlock/gen/engine"
)

// A table of one row, and with the flag -list what becomes of it on each machine. Main takes the
// flags from the command line; without flags it writes the package.
func ExampleRun() {
	engine.Run(engine.Table{
		Package: "ticket",
		Rows: []engine.Row{
			{Name: "LoadServing", Op: engine.Load, Width: 16, Order: engine.Acquire},
		},
	}, []string{"-list"}, os.Stdout, os.Stderr)
	// Output:
	// NAME         ORDERING  OPERATION  ARCH     INSTRUCTIONS
	// LoadServing  acquire   load 16    amd64    MOVWLZX RET
	//                                   arm64    LDARH RET
	//                                   riscv64  MOVHU fence r,rw RET
}
