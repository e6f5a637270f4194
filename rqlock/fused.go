package rqlock

import "github.com/rqlock/rqlock/rqlock/internal/queue"

// unlockWake goes on where the fast path of Unlock has found that somebody may sleep.
func unlockWake(l *Mutex) { queue.Wake(&l.word) }

// The assembly of lockFused and unlockFused jumps to these, which tools that look for
// unused code cannot see.
var _, _, _ = lockContended, unlockForeign, unlockWake
