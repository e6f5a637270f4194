// Package policy says what happens when a lock of package rqlock/sync is in a deadlock. It is
// apart from that package, so that who changes an import from sync to rqlock/sync and back need
// not change anything else.
//
// Set it once, before locks are used. The environment variable RQLOCK=panic, report, exit or off
// sets the policy without a rebuild, whatever [Set] says.
package policy

import (
	"log/slog"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/verdict"
)

// A Policy says what happens on a deadlock that has been confirmed. It is reported first, but for
// Off.
type Policy = verdict.Policy

const (
	// Panic has the goroutine panic that closed the cycle, with the *rqlock.DeadlockError. Its
	// deferred unlocks run, and the others go on. It is the default.
	Panic = verdict.Panic

	// Report has it wait on, for ever, or until another goroutine unlocks. The others of a cycle
	// wait on, too: it is reported once.
	Report = verdict.Report

	// Exit ends the process with status 2.
	Exit = verdict.Exit

	// Off reports nothing: all wait for ever. The runtime does not end a program in which nobody
	// can go on, as it does with Go's package sync.
	Off = verdict.Off
)

// DefaultConfirm is how long a deadlock is confirmed unless SetConfirm changes it.
const DefaultConfirm = verdict.DefaultConfirm

// Set sets the policy. It does nothing if the environment variable RQLOCK has set one.
func Set(p Policy) { verdict.Set(p) }

// SetConfirm sets for how long whoever finds a deadlock waits whether somebody unlocks after all,
// in real time. It panics if d is not positive.
func SetConfirm(d time.Duration) { verdict.SetConfirm(d) }

// SetLogger has l told of deadlocks, and of locks that are held for longer than the stall timeout
// (see rqlock.SetStallTimeout), in place of standard error. nil takes it back. If l panics, takes
// longer than a second, or would wait for a lock of the deadlock itself, standard error gets the
// report, too.
func SetLogger(l *slog.Logger) { verdict.SetLogger(l) }
