// Package rqlock, at the top of the module, has no code. The lock is in package
// github.com/rqlock/rqlock/rqlock, the primitives that it is made of are in package
// github.com/rqlock/rqlock/asm, and their generator is github.com/rqlock/rqlock/gen.
package rqlock

//go:generate go run ./gen
//go:generate go generate -C rqlock/cmd/bench ./...
