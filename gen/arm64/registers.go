package arm64

import (
	"fmt"

	"github.com/rqlock/rqlock/gen/emit"
)

// R0 to R15 are scratch registers in ABI0. R4 stays unused: see emit.Rename.
var rename = emit.Rename(func(number int) string { return fmt.Sprintf("R%d", number) })

var (
	zr = emit.Fixed("ZR")
	g  = emit.Fixed("g") // R28, which the assembler knows by this name only
)
