// Package ticket is gen/gallery/ticket as the explorer runs it: gen's copy in the z* files, and
// the hashes of its live variables.
package ticket

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

func init() { mc.RegisterSites(FirstSite, Sites) }

func hashLockPtr(l *Lock) uint64 { return uint64(uintptr(unsafe.Pointer(l))) }
