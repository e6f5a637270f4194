// Package gate is the twin of rqlock/internal/gate for a model of locks without readers.
package gate

import "github.com/rqlock/rqlock/rqlock/internal/model/asm"

// Lock is gate.Lock.
type Lock struct{}

// Of is gate.Of.
func Of(*asm.Owned) Lock { return Lock{} }

// AdmitPast is Lock.AdmitPast: nobody waits to read.
func (Lock) AdmitPast(any, uint32) bool { return false }
