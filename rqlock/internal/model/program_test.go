package model

import (
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// TestBypass: once the door is closed one more may come in, until it is opened.
func TestBypass(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func()
		want string
	}{
		{"one", func() { bypass(1, 0) }, ""},
		{"two", func() { bypass(1, 0); bypass(2, 0) }, "passes the door"},
		{"who has closed it", func() { bypass(1, 0); bypass(0, 0); bypass(2, 0) }, ""},
		{"another door", func() { bypass(1, 0); bypass(2, 1) }, ""},
		{"closed again", func() { bypass(1, 0); opens(0, 0); bench.door[0] = 3; bypass(1, 0) }, ""},
		{"opened by another", func() { opens(1, 0) }, "opens the door"},
	} {
		p := &mc.Program{
			Name: test.name, Threads: []func(){func() { mc.Block(0, "nothing", func() bool { return true }); test.do() }},
			Setup: func() { bench.door, bench.bypasses = [maxLocks]int{1}, [maxLocks]int{} },
		}
		r := mc.World{}.Run(p, mc.Exhaustive())
		got := ""
		if r.Failure != nil {
			got = r.Failure.Message
		}
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
