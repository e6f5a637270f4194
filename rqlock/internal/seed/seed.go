// Package seed gives random tests their seed, and takes it back when a test that
// failed is to be run again:
//
//	go test ./rqlock/hashtab -run TestTorture -seed 12345
//	RQLOCK_SEED=12345 go test ./...
package seed

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
)

// Env is the environment variable that sets the flag's default. It reaches every
// package of one go test, also those that have no random test and no flag.
const Env = "RQLOCK_SEED"

var fixed = flag.Uint64("seed", fromEnv(), "seed of the random tests; 0 = another one each time (or "+Env+")")

func fromEnv() uint64 {
	text, ok := os.LookupEnv(Env)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(Env + " is " + strconv.Quote(text) + ": give an unsigned number, or unset it")
	}
	return n
}

// given has the seed of each test that runs and has asked for it.
var given sync.Map // from testing.TB to uint64

// Of returns the seed of a random test, the same one each time that t asks: the
// flag's, or a new one. The test's log has it, which go test shows when the test
// fails.
func Of(t testing.TB) uint64 {
	t.Helper()
	if n, ok := given.Load(t); ok {
		return n.(uint64)
	}
	n := *fixed
	for n == 0 {
		n = rand.Uint64()
	}
	given.Store(t, n)
	t.Cleanup(func() { given.Delete(t) })
	t.Logf("to repeat: -seed %d", n)
	return n
}

// Rand returns a generator that begins with the seed of a random test. It serves
// one goroutine.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	return New(Of(t), 0)
}

// New returns the generator number i of a seed, for tests whose goroutines have
// one each.
func New(seed uint64, i int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(i))) }
