package rqlock

// The assembly of lockFused and unlockFused jumps to these, which tools that look for
// unused code cannot see.
var _, _, _ = lockContended, unlockForeign, unlockWake
