// Package asm is the twin of rqlock/asm in which the explorer makes the accesses.
package asm
