// Rqbench measures rqlock beside other locks: see package bench.
package main

import (
	"os"

	"github.com/rqlock/rqlock/rqlock/cmd/bench/internal/bench"
)

func main() { os.Exit(bench.Main()) }
