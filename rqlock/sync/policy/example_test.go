package policy_test

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/rqlock/rqlock/rqlock/sync"
	"github.com/rqlock/rqlock/rqlock/sync/policy"
)

// A program sets the policy and the logger before it uses a lock.
func Example() {
	policy.Set(policy.Panic)
	policy.SetLogger(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: level})))
	defer policy.SetLogger(nil)

	defer func() { fmt.Println("panics:", recover() != nil) }()
	var mu sync.Mutex
	mu.Lock()
	defer mu.Unlock()
	mu.Lock() //rqvet:ignore selfdeadlock this is the example
	// Output:
	// level=ERROR msg="rqlock/sync: deadlock"
	// panics: true
}

// level leaves out what differs from run to run.
func level(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return a
	}
	return slog.Attr{}
}
