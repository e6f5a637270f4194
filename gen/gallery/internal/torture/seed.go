package torture

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// seedEnv is the environment variable that sets the default of the flag -seed.
const seedEnv = "RQLOCK_SEED"

var fixed = flag.Uint64("seed", fromEnv(), "seed of the random tests; 0 = another one each time (or "+seedEnv+")")

func fromEnv() uint64 {
	text, ok := os.LookupEnv(seedEnv)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(seedEnv + " is " + strconv.Quote(text) + ": give an unsigned number, or unset it")
	}
	return n
}

// Seed returns the seed of a random test: the flag's, or a new one. The test's log has it.
func Seed(t testing.TB) uint64 {
	n := *fixed
	for n == 0 {
		n = rand.Uint64()
	}
	t.Logf("to repeat: -seed %d", n)
	return n
}
