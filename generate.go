// Package generate holds the go:generate directives of the module and nothing
// else. The lock is in package rqlock/rqlock, its primitives in package asm.
package generate

//go:generate go run ./gen
//go:generate go generate -C rqlock/cmd/bench ./...
