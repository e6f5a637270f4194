package sim

import (
	"testing"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

var cells [4][64]byte

// TestTransfers: a line moves when a core needs it that may not use it.
func TestTransfers(t *testing.T) {
	p := unsafe.Pointer(&cells[1])
	read := func() { mc.Simulation.Access("", p, false) }
	write := func() { mc.Simulation.Access("", p, true) }
	later := func(d int64) { mc.PauseFor(0, d) }
	for _, test := range []struct {
		name string
		a, b func()
		want int64
	}{
		{"alone", func() { write(); read(); write() }, func() {}, 0},
		{"read once", write, func() { later(500); read(); read() }, 1},
		{"written by the other", write, func() { later(500); write(); write() }, 1},
		{"to and fro", func() { write(); later(1000); write() }, func() { later(500); write() }, 2},
		{"shared, then written", func() { write(); later(1000); read(); write() }, func() { later(500); read() }, 2},
	} {
		var m Machine
		m.Run([]func(){test.a, test.b})
		if m.Transfers != test.want {
			t.Errorf("%s: %d transfers, want %d", test.name, m.Transfers, test.want)
		}
	}
}

// TestBlock: a blocked core runs again after a token, or when its time has come.
func TestBlock(t *testing.T) {
	token := false
	var woken, late bool
	var at int64
	var m Machine
	m.Run([]func(){
		func() {
			woken = mc.BlockUntil(0, "", func() bool { return token }, mc.Never)
			at = mc.Now()
			late = mc.BlockUntil(0, "", func() bool { return false }, at+700)
			at = mc.Now() - at
		},
		func() {
			mc.PauseFor(0, 100)
			mc.Simulation.Access("Signal", unsafe.Pointer(&cells[2]), true)
			token = true
		},
	})
	if !woken || late || at != 700 {
		t.Errorf("woken by the token: %v, by a time: %v, after %d ns; want true, false, 700", woken, late, at)
	}
}
