package mc

import "unsafe"

// What generated code calls, in the middle of expressions.

// Mark is [At], and returns the site for the call that is marked.
func Mark(site Site, live ...uint64) Site {
	At(site, live...)
	return site
}

// Read is [PlainRead] of *p, and returns p.
func Read[T any](p *T) *T {
	PlainRead(0, unsafe.Pointer(p), int(8*unsafe.Sizeof(*p)))
	return p
}

// Write is [PlainWrite] of *p, and returns p.
func Write[T any](p *T) *T {
	PlainWrite(0, unsafe.Pointer(p), int(8*unsafe.Sizeof(*p)))
	return p
}

// Keep reports whether a statement is executed: see [Dropped].
func Keep(statement int32) bool { return !Dropped(statement) }
