package riscv64

import (
	"fmt"

	"github.com/rqlock/rqlock/gen/emit"
)

// X5 to X20 are scratch registers in ABI0. X9 stays unused: see emit.Rename.
const first = 5

var rename = emit.Rename(func(number int) string { return fmt.Sprintf("X%d", first+number) })

var (
	zero = emit.Fixed("ZERO")
	g    = emit.Fixed("g") // X27, which the assembler knows by this name only
)
