package wait

import "testing"

// TestBackoff: yields first, then sleeps that never shrink, up to the longest.
func TestBackoff(t *testing.T) {
	var b Backoff
	last, yielded := b.Next(), 0
	for range 40 {
		d := b.Next()
		if d < last || d > longest {
			t.Errorf("a sleep of %v after one of %v", d, last)
		}
		if d == 0 {
			yielded++
		}
		last = d
	}
	if yielded != yields-1 || last != longest {
		t.Errorf("%d yields after the first, in the end sleeps of %v", yielded, last)
	}
}
