package sync

import (
	gosync "sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// These are package variables, as no compiler knows who uses them.
var (
	benchMutex Mutex
	benchRW    RWMutex
	benchRq    rqlock.Mutex
	benchRqRW  rqlock.RWMutex
	benchGo    gosync.Mutex
	benchCount int
)

// pairs are a Lock and Unlock without contention.
var pairs = map[string]func(n int){
	"sync.Mutex": func(n int) {
		for range n {
			benchMutex.Lock()
			benchCount++
			benchMutex.Unlock()
		}
	},
	"rqlock.Mutex": func(n int) {
		for range n {
			if err := benchRq.Lock(); err != nil {
				panic(err)
			}
			benchCount++
			benchRq.Unlock()
		}
	},
	"sync.RWMutex": func(n int) {
		for range n {
			benchRW.RLock()
			benchCount++
			benchRW.RUnlock()
		}
	},
	"rqlock.RWMutex": func(n int) {
		for range n {
			if err := benchRqRW.RLock(); err != nil {
				panic(err)
			}
			benchCount++
			benchRqRW.RUnlock()
		}
	},
	"Go's Mutex": func(n int) {
		for range n {
			benchGo.Lock()
			benchCount++
			benchGo.Unlock()
		}
	},
}

func BenchmarkPair(b *testing.B) {
	for name, f := range pairs {
		b.Run(name, func(b *testing.B) { f(b.N) })
	}
}

// TestPrice: a pair costs 1.05 of rqlock's at most. Of many short runs, one after the other, the
// fastest of each is compared, again and again until nothing else disturbs them. A pair that calls
// one function more does not get there.
func TestPrice(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector costs more than the lock")
	}
	const n = 2000
	timed := func(f func(int)) time.Duration {
		start := time.Now()
		f(n)
		return time.Since(start)
	}
	for _, kind := range []string{"Mutex", "RWMutex"} {
		own, rqs := pairs["sync."+kind], pairs["rqlock."+kind]
		ratio := 0.0
		for end := time.Now().Add(soon); time.Now().Before(end); {
			a, b := time.Hour, time.Hour
			for range 200 {
				a, b = min(a, timed(own)), min(b, timed(rqs))
			}
			if ratio = float64(a) / float64(b); ratio <= 1.05 {
				break
			}
		}
		t.Logf("%s: %.3f of rqlock's", kind, ratio)
		if ratio > 1.05 {
			t.Errorf("a pair of sync.%s costs %.2f of rqlock's", kind, ratio)
		}
	}
}
