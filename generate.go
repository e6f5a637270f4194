// Package rqlock, at the top of the module, has no code. The lock is in package
// github.com/rqlock/rqlock/rqlock, the primitives that it is made of are in package
// github.com/rqlock/rqlock/asm, and their generator is github.com/rqlock/rqlock/gen.
package rqlock

// What the caller builds for makes no difference to the files, but the programs that make
// them run here.
//go:generate env GOOS= GOARCH= GOFLAGS= GOWORK=off go run ./gen
//go:generate env GOOS= GOARCH= GOFLAGS= GOWORK=off go generate -C rqlock/cmd/bench ./...
