package sync

import (
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"os/exec"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/sync/policy"
)

// These are package variables, as no compiler knows who uses them.
var (
	benchMutex Mutex
	benchRW    RWMutex
	benchRq    rqlock.Mutex
	benchRqRW  rqlock.RWMutex
	benchGo    gosync.Mutex
	benchCount int
)

// pairs are a Lock and Unlock without contention.
var pairs = map[string]func(n int){
	"sync.Mutex": func(n int) {
		for range n {
			benchMutex.Lock()
			benchCount++
			benchMutex.Unlock()
		}
	},
	"rqlock.Mutex": func(n int) {
		for range n {
			if err := benchRq.Lock(); err != nil {
				panic(err)
			}
			benchCount++
			benchRq.Unlock()
		}
	},
	"sync.RWMutex": func(n int) {
		for range n {
			benchRW.RLock()
			benchCount++
			benchRW.RUnlock()
		}
	},
	"rqlock.RWMutex": func(n int) {
		for range n {
			if err := benchRqRW.RLock(); err != nil {
				panic(err)
			}
			benchCount++
			benchRqRW.RUnlock()
		}
	},
	"Go's Mutex": func(n int) {
		for range n {
			benchGo.Lock()
			benchCount++
			benchGo.Unlock()
		}
	},
}

func BenchmarkPair(b *testing.B) {
	defer policy.Set(policy.Panic)
	for name, f := range pairs {
		policy.Set(policy.Panic)
		b.Run(name, func(b *testing.B) { f(b.N) })
		if strings.HasPrefix(name, "sync.") {
			policy.Set(policy.Off)
			b.Run(name+", off", func(b *testing.B) { f(b.N) })
		}
	}
}

// BenchmarkPrice reports what a pair costs of rqlock's, at most 1.05. Of many short runs, one
// after the other, the fastest of each is compared. TestInline checks that nothing has come in
// between: a pair that calls one function more does not get there.
func BenchmarkPrice(b *testing.B) {
	timed := func(f func(int)) time.Duration {
		start := time.Now()
		f(2000)
		return time.Since(start)
	}
	for _, kind := range []string{"Mutex", "RWMutex"} {
		b.Run(kind, func(b *testing.B) {
			own, rqs := time.Hour, time.Hour
			for b.Loop() {
				own, rqs = min(own, timed(pairs["sync."+kind])), min(rqs, timed(pairs["rqlock."+kind]))
			}
			b.ReportMetric(float64(own)/float64(rqs), "of-rqlock's")
		})
	}
}

// TestInline: Lock, Unlock, RLock and RUnlock are one call of a fast path in assembly, and are
// inlined themselves. So a pair makes two calls, as rqlock's does, whatever the policy: what build
// tag rqlocktrace adds is empty without it. (BenchmarkPrice compares what that costs.)
func TestInline(t *testing.T) {
	startsItself(t)
	goroot(t)
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for file, calls := range map[string]map[string]string{
		"mutex.go": {
			"(*Mutex).Lock":   "lockFused(l)\nl.took()",
			"(*Mutex).Unlock": "l.gives()\nunlockFused(l)",
		},
		"rwmutex.go": {
			"(*RWMutex).Lock":    "wlockFused(l)\nl.took(waiter.ForWriting)",
			"(*RWMutex).Unlock":  "l.gives(waiter.ForWriting)\nwunlockFused(l)",
			"(*RWMutex).RLock":   "rlockFused(l)\nl.took(waiter.ForReading)",
			"(*RWMutex).RUnlock": "l.gives(waiter.ForReading)\nrunlockFused(l)",
		},
		"trace_off.go": {"(*Mutex).took": "", "(*Mutex).gives": "", "(*RWMutex).took": "", "(*RWMutex).gives": ""},
	} {
		bodies := methods(t, file)
		for name, call := range calls {
			if !strings.Contains(string(out), ": can inline "+name+"\n") {
				t.Errorf("%s is not inlined", name)
			}
			if got := bodies[name]; got != call {
				t.Errorf("%s does %q, want %q and nothing else", name, got, call)
			}
		}
	}
}

// methods returns what the methods of a file do, without comments.
func methods(t *testing.T, file string) map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv == nil {
			continue
		}
		var body strings.Builder
		if err := printer.Fprint(&body, fset, fn.Body.List); err != nil {
			t.Fatal(err)
		}
		bodies["("+types.ExprString(fn.Recv.List[0].Type)+")."+fn.Name.Name] = body.String()
	}
	return bodies
}
