package qspin

// The assembly of lockFused jumps to it, which tools that look for unused code cannot see.
var _ = lockContended
