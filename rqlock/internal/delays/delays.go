// Package delays adds up how long waits took: by the stack of who waited, and by the stack of the
// unlock that ended the wait.
package delays

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Delay is what waits have in common that have the same stack. The stack is shared, and must
// not be changed.
type Delay struct {
	Stack []runtime.Frame // innermost call first
	Count int64
	Time  time.Duration
}

// A Table has delays by stack.
type Table struct {
	mu sync.Mutex
	of map[stack]*Delay
}

// A stack is known by where its frames are: package report has equal ones in one place, but for
// those that it has forgotten meanwhile.
type stack struct {
	first *runtime.Frame
	n     int
}

// maxStacks is how many stacks a table has. What comes later is added up under another.
const maxStacks = 10_000

var others = []runtime.Frame{{Function: "(other stacks)"}}

// Waits has the delays by who waited, and Unlocks by the unlock.
var Waits, Unlocks Table

// Add adds one delay, which stands for so many.
func (t *Table) Add(frames []runtime.Frame, d time.Duration, times int) {
	if len(frames) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := stack{&frames[0], len(frames)}
	if t.of == nil {
		t.of = map[stack]*Delay{}
	}
	sum := t.of[key]
	if sum == nil {
		if len(t.of) >= maxStacks {
			frames, key = others, stack{&others[0], len(others)}
		}
		if sum = t.of[key]; sum == nil {
			sum = &Delay{Stack: frames}
			t.of[key] = sum
		}
	}
	sum.Count += int64(times)
	sum.Time += d * time.Duration(times)
}

// All returns what has been added up since the program started.
func (t *Table) All() []Delay {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Delay, 0, len(t.of))
	for _, d := range t.of {
		all = append(all, *d)
	}
	return all
}

// Rate returns which part of all waits is added up, one in so many, or 0 if none is. It is the
// runtime's own for its mutex profile.
func Rate() int { return runtime.SetMutexProfileFraction(-1) }

// Sampled reports whether this wait is the one in so many.
func Sampled(rate int) bool { return rate == 1 || rate > 1 && rand.IntN(rate) == 0 }

// Watched is called with the length of each wait of more than [Long], if it is not nil.
var Watched atomic.Pointer[func(time.Duration)]

// Long is how long a wait lasts at least that somebody wants to know of.
const Long = time.Millisecond
