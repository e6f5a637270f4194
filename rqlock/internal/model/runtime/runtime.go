// Package runtime is the twin of package runtime.
package runtime

import "github.com/rqlock/rqlock/rqlock/internal/model/mc"

// yield is the simulated time of a Gosched, ns.
const yield = 100

// Gosched ends a round of polling.
func Gosched(site mc.Site) { mc.PauseFor(site, yield) }
