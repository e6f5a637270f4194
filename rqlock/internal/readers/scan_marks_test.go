package readers

import "testing"

// TestAnyMarked: a writer sees a slot whatever marks it has beside the lock's address.
func TestAnyMarked(t *testing.T) {
	r, lock := Here(), uint64(0x7000)
	s := r.Claim(lock)
	defer r.Release(s)
	for _, deep := range []bool{false, true} {
		if deep {
			s.Again()
		}
		if _, held := r.Take(lock); !held {
			t.Fatal("the slot is not found")
		}
		any, _ := Any(lock)
		if none, _ := None(lock); !any || none || Count(lock) != 1 {
			t.Errorf("deep %v: a slot that its goroutine is about to change is not seen", deep)
		}
		s.Done()
	}
}
