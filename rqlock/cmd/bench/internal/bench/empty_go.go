//go:build !gc || !(amd64 || arm64)

package bench

// emptyCall is the cheapest call of a function where rqlock's fast paths are Go, too.
//
//go:noinline
func emptyCall(*uint64) {}
