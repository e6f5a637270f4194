// Package seqlock has a sequence lock around two words: readers store nothing, and read
// again if a writer has come between.
package seqlock

import "runtime"

// Pair is two words that are read and written together. The zero value is two zeros. A
// Pair must not be copied.
type Pair struct {
	seq Sequence
	a   uint64
	b   uint64
}

// spins is how often a goroutine looks for a writer's end before it lets others run.
const spins = 100

// Load returns both words as one Store has left them.
func (p *Pair) Load() (a, b uint64) {
	for {
		seq := p.await()
		a, b = LoadData(&p.a), LoadData(&p.b)
		if LoadSequence(&p.seq.Val) == seq {
			return a, b
		}
	}
}

// Store replaces both words. One goroutine at a time does so, and others wait.
func (p *Pair) Store(a, b uint64) {
	for {
		seq := p.await()
		if TryWrite(&p.seq.Val, seq, seq+SequenceWritingVal) {
			StoreData(&p.a, a)
			StoreData(&p.b, b)
			EndWrite(&p.seq.Val, seq+SequenceCountVal)
			return
		}
	}
}

// await waits until nobody writes, and returns the sequence number.
func (p *Pair) await() uint64 {
	for {
		seq := AwaitEven(&p.seq.Val, SequenceWritingMask, 0, spins)
		if seq&SequenceWritingMask == 0 {
			return seq
		}
		runtime.Gosched()
	}
}
