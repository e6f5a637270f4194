package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock/torture"
)

// options are the command line.
type options struct {
	*torture.Runner
	kind     torture.Kind
	out      output
	duration time.Duration
	every    time.Duration
	json     bool
	http     string // address of the page, or ""
}

// parse returns nil if help was asked for, and printed.
func parse(args []string) (*options, error) {
	o := &options{kind: torture.Kinds[0]}
	if name, ok := lockIn(args); ok {
		var err error
		if o.kind, err = torture.KindNamed(name); err != nil {
			return nil, err
		}
	}
	p := torture.Defaults(o.kind)
	fs := flag.NewFlagSet("rqtorture", flag.ContinueOnError)
	fs.String("lock", o.kind.Name, "`name` of the lock to torture")
	fs.DurationVar(&o.duration, "duration", time.Minute, "length of the run (0 = until interrupted)")
	fs.DurationVar(&o.every, "stat-interval", 15*time.Second, "time between two prints of statistics (0 = print them at the end only)")
	fs.BoolVar(&o.json, "json", false, "print statistics as JSON, one object a line")
	fs.StringVar(&o.http, "http", "", "`address` to serve /debug/rqlock/ at, where a browser shows the lock live, e.g. 127.0.0.1:6060 (empty = nowhere)")
	p.Flags(fs)
	if wantsHelp(args) {
		help(fs)
		return nil, nil
	}
	fs.SetOutput(io.Discard) // main prints the error, in one line
	fs.Usage = func() {}
	if err := fs.Parse(args); err != nil {
		return nil, fmt.Errorf("%w: see -help", err)
	}
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q: see -help", fs.Arg(0))
	case o.duration < 0 || o.every < 0:
		return nil, errors.New("duration and stat-interval must not be negative")
	}
	var err error
	o.Runner, err = torture.New(o.kind, p)
	return o, err
}

func help(fs *flag.FlagSet) {
	fmt.Print(`usage: rqtorture [flags]

Rqtorture tortures a lock: many goroutines acquire a few locks and nest them, while
goroutines are replaced, the garbage collector runs and GOMAXPROCS changes. Deadlocks
and stalls are injected; the lock must report each one exactly as it happened. Now and
then goroutines end while they hold a lock, storm it by TryLock, or wait in a long
chain, and the process is stopped for a while. If the lock has readers, all of that is
done by readers and by writers, and readers read again and wait in a ring that only
waiting writers close, where they must be let in.
The exit code is 0 if nothing failed, 1 if something did, 2 if a flag is wrong.

Locks:
`)
	for _, k := range torture.Kinds {
		fmt.Printf("  %-15s %s\n", k.Name, k.Doc)
	}
	fmt.Print(`
Flags (0 turns off what a flag is for, unless it says otherwise; the defaults are those
of the lock):
`)
	fs.SetOutput(os.Stdout)
	fs.PrintDefaults()
}

func wantsHelp(args []string) bool {
	for _, a := range args {
		if name := strings.TrimLeft(a, "-"); name != a && (name == "h" || name == "help") {
			return true
		}
	}
	return false
}

// lockIn returns the value of -lock, on which the defaults of other flags depend.
func lockIn(args []string) (name string, ok bool) {
	for i, a := range args {
		flag, value, inline := strings.Cut(strings.TrimLeft(a, "-"), "=")
		switch {
		case flag != "lock" || !strings.HasPrefix(a, "-"):
		case inline:
			name, ok = value, true
		case i+1 < len(args):
			name, ok = args[i+1], true
		}
	}
	return name, ok
}
