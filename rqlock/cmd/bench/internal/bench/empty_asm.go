//go:build gc && (amd64 || arm64)

package bench

// emptyCall is the cheapest call of an assembly function. rqlock's fast paths are such calls.
//
//go:noescape
func emptyCall(word *uint64)
