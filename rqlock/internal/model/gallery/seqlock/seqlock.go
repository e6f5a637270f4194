// Package seqlock is gen/gallery/seqlock as the explorer runs it: gen's copy in the z* files,
// and the hashes of its live variables.
package seqlock

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

func init() { mc.RegisterSites(FirstSite, Sites) }

func hashPairPtr(p *Pair) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

// Words returns both words, where nobody else runs.
func (p *Pair) Words() (a, b uint64) { return p.a, p.b }
