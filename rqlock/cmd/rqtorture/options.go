package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock/torture"
)

// options are the command line.
type options struct {
	*torture.Runner
	out      output
	duration time.Duration
	every    time.Duration
	json     bool
}

// parse returns nil if help was wanted and printed.
func parse(args []string) (*options, error) {
	kind := torture.Kinds[0]
	if name, ok := lockIn(args); ok {
		var err error
		if kind, err = torture.KindNamed(name); err != nil {
			return nil, err
		}
	}
	o := &options{}
	p := torture.Defaults(kind)
	fs := flag.NewFlagSet("rqtorture", flag.ContinueOnError)
	fs.SetOutput(os.Stdout)
	fs.String("lock", kind.Name, "`lock`: "+kinds())
	fs.DurationVar(&o.duration, "duration", time.Minute, "how long to go on (0 = until interrupted)")
	fs.DurationVar(&o.every, "stat-interval", 15*time.Second, "how often to print statistics (0 = at the end only)")
	fs.BoolVar(&o.json, "json", false, "print statistics as JSON, one object a line")
	p.Flags(fs)
	fs.Usage = func() {
		fmt.Println("usage: rqtorture [flags]\n\nTortures a lock. 0 turns off what a flag is for, unless it says otherwise; the defaults are those for the lock.")
		fs.PrintDefaults()
	}
	if wantsHelp(args) {
		fs.Usage()
		return nil, nil
	}
	fs.SetOutput(discard{}) // its errors are told in one line
	fs.Usage = func() {}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q: see -help", fs.Arg(0))
	case o.duration < 0 || o.every < 0:
		return nil, errors.New("duration and stat-interval must not be negative")
	}
	var err error
	o.Runner, err = torture.New(p)
	return o, err
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func wantsHelp(args []string) bool {
	for _, a := range args {
		if name := strings.TrimLeft(a, "-"); name != a && (name == "h" || name == "help") {
			return true
		}
	}
	return false
}

// lockIn returns the value of -lock, on which the other flags' defaults depend.
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

func kinds() string {
	var s []string
	for _, k := range torture.Kinds {
		s = append(s, k.Name+" ("+k.Doc+")")
	}
	return strings.Join(s, ", ")
}
