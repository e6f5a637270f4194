package sim_test

import (
	"fmt"

	"github.com/rqlock/rqlock/rqlock/cmd/bench/internal/sim"
	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// Two cores store to one variable ten times each. Its cache line moves from one core to the
// other and back.
func Example() {
	word := new(struct {
		_ [64]byte
		v uint32
		_ [64]byte
	})
	core := func() {
		for range 10 {
			asm.StoreRelease32(0, &word.v, 1)
			mc.PauseFor(0, 100)
		}
	}
	var m sim.Machine
	m.Run([]func(){core, core})
	fmt.Println(m.Transfers, "transfers")
	// Output: 10 transfers
}
