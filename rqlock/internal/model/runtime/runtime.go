// Package runtime is the twin of package runtime.
package runtime

import "github.com/rqlock/rqlock/rqlock/internal/model/mc"

// yield is the simulated time of a Gosched, ns.
const yield = 100

// Gosched takes a while in a simulation. In an exploration other threads may run at any
// time, so it does nothing.
func Gosched(site mc.Site) {
	if mc.Simulation != nil {
		mc.PauseFor(site, yield)
	} else if mc.OnPause != nil {
		mc.OnPause()
	}
}
