//go:build race || !amd64

package words

import "sync/atomic"

// StoreRelease stores v. Whoever loads it finds what was written before. A later load of another
// variable may be done before the store.
func StoreRelease(p *atomic.Uint64, v uint64) { p.Store(v) }
