// Package verdict decides what becomes of the waits of package rqlock/sync that do not end well.
package verdict

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// A Policy says what happens on a confirmed deadlock, see package policy.
type Policy int32

const (
	Panic Policy = iota
	Report
	Exit
	Off
)

// names has the policies as the environment variable says them.
var names = map[string]Policy{"panic": Panic, "report": Report, "exit": Exit, "off": Off}

// Variable is the environment variable that sets the policy, whatever the program does.
const Variable = "RQLOCK"

// DefaultConfirm is how long a verdict is confirmed unless SetConfirm changes it.
const DefaultConfirm = 100 * time.Millisecond

var settings struct {
	policy  atomic.Int32
	fixed   bool // by the environment
	confirm atomic.Int64
	logger  atomic.Pointer[slog.Logger]
}

func init() {
	settings.confirm.Store(int64(DefaultConfirm))
	readEnvironment(os.Getenv(Variable), os.Stderr)
}

// readEnvironment sets the policy that the environment variable has.
func readEnvironment(value string, complaints io.Writer) {
	if value == "" {
		return
	}
	p, known := names[value]
	if !known {
		fmt.Fprintf(complaints, "rqlock/sync: %s=%q is ignored: want off, report, panic or exit\n", Variable, value)
		return
	}
	settings.policy.Store(int32(p))
	settings.fixed = true
}

// Set sets the policy, unless the environment has.
func Set(p Policy) {
	if p < Panic || p > Off {
		panic(fmt.Sprintf("rqlock/sync/policy: Set: there is no policy %d", p))
	}
	if !settings.fixed {
		settings.policy.Store(int32(p))
	}
}

// SetConfirm sets for how long a verdict is confirmed.
func SetConfirm(d time.Duration) {
	if d <= 0 {
		panic("rqlock/sync/policy: SetConfirm: the time must be positive")
	}
	settings.confirm.Store(int64(d))
}

// SetLogger sets where reports go; nil is standard error.
func SetLogger(l *slog.Logger) { settings.logger.Store(l) }

func current() Policy { return Policy(settings.policy.Load()) }
