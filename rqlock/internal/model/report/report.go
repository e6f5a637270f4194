// Package report is the twin of rqlock/internal/report. It records no stacks.
package report

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// Stack is report.Stack.
type Stack struct{ lines [3][8]uint64 }

// Record is Stack.Record. A simulation counts its cache lines.
func (s *Stack) Record() {
	if mc.Simulation != nil {
		for i := range s.lines {
			mc.Simulation.Access("stack", unsafe.Pointer(&s.lines[i]), true)
		}
	}
}
