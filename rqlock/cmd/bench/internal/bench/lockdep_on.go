//go:build lockdep

package bench

// lockdep: gvisor's checker of lock orders is compiled in.
const lockdep = true
