// Package gallery has the tables of well-known locks, and of a deque, each of which is a
// package below: see docs/gallery.md.
package gallery

import "github.com/rqlock/rqlock/gen/engine"

// Tables lists the tables, in the order in which docs/gallery.md tells of them. They name
// no directory: each package's has its name.
func Tables() []engine.Table {
	return []engine.Table{ticket, mcs, clh, seqlock, rwlock, deque}
}
