// Package time is the twin of package time on the explorer's clock.
package time

import (
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// Duration is time.Duration.
type Duration = time.Duration

// The durations that the lock names.
const (
	Microsecond = time.Microsecond
	Millisecond = time.Millisecond
)

// Time is a time on the explorer's clock, which begins at 1 so that the zero Time is none.
type Time struct{ NS int64 }

// Now is time.Now.
func Now() Time { return Time{mc.Now() + 1} }

// Until is time.Until.
func Until(t Time) Duration { return t.Sub(Now()) }

// Add is Time.Add.
func (t Time) Add(d Duration) Time { return Time{t.NS + int64(d)} }

// Sub is Time.Sub.
func (t Time) Sub(u Time) Duration { return Duration(t.NS - u.NS) }

// IsZero is Time.IsZero.
func (t Time) IsZero() bool { return t.NS == 0 }

// Since is time.Since.
func Since(t Time) Duration { return Now().Sub(t) }

// Sleep is time.Sleep. The locks sleep only where they poll, so it is a Pause, or, for
// less than 1 ms, until store buffers have drained.
func Sleep(site mc.Site, d Duration) {
	if d < Millisecond && mc.Simulation == nil {
		mc.Drain(site, int64(d))
		return
	}
	mc.PauseFor(site, int64(d))
}
