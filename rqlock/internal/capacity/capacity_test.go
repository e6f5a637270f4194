package capacity_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/capacity"
)

func message(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

// TestMessages: each panic names the package, the constructor and the number.
func TestMessages(t *testing.T) {
	for want, f := range map[string]func(){
		"<nil>": func() { capacity.Check("p.New", "values", 1, 1, 1) },
		"rqlock/p: capacity 0 cannot be made: New wants 1 to 8 values":                       func() { capacity.Check("p.New", "values", 0, 1, 8) },
		"rqlock/p: capacity 0 cannot be made: New wants 1 or more values":                    func() { capacity.Check("p.New", "values", 0, 1, math.MaxInt) },
		"rqlock/p: capacity 9 cannot be made: New wants 1 to 8 values":                       func() { capacity.Check("p.New", "values", 9, 1, 8) },
		"rqlock/p: T was not made by New: call New":                                          func() { capacity.NotMade("p.T", "New") },
		fmt.Sprintf("rqlock/p: capacity %d cannot be allocated: give New less", math.MaxInt): func() { capacity.Make[int]("p.New", math.MaxInt) },
	} {
		if got := message(f); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if n := len(capacity.Make[struct{}]("p.New", math.MaxInt)); n != math.MaxInt {
		t.Errorf("Make returns %d elements", n)
	}
}
