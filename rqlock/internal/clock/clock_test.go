package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestNow: the clock goes on as time does, and is the same in a bubble, which is told.
func TestNow(t *testing.T) {
	wall := time.Now()
	before, bubble := Read()
	if bubble {
		t.Fatal("takes this for a bubble")
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour) // of the bubble's clock
		inside, bubble := Read()
		if !bubble || inside < before || inside > before+int64(30*time.Minute) {
			t.Errorf("the clock goes from %d to %d; in a bubble: %v", before, inside, bubble)
		}
	})
	time.Sleep(time.Millisecond)
	elapsed := time.Duration(Now() - before)
	if most := time.Since(wall); elapsed < time.Millisecond || elapsed > most {
		t.Errorf("%v by the clock, and %v by package time", elapsed, most)
	}
}
