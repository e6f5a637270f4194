package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/progress"
	"github.com/rqlock/rqlock/rqlock/torture"
)

// run tortures, shows the progress, and reports whether nothing failed.
func (o *options) run(ctx context.Context) bool {
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	o.begin()
	result := make(chan torture.Stats)
	go func() { result <- o.Run(ctx) }()
	total := int64(o.duration)
	if total == 0 {
		total = -1 // until interrupted
	}
	bar := progress.New(os.Stderr, total)
	lines, steps := ticker(o.every), time.NewTicker(time.Second/4)
	for {
		select {
		case <-lines:
			bar.Clear()
			s := o.Stats()
			o.print(&s, "stats")
		case <-steps.C:
			s := o.Stats()
			bar.Describe(fmt.Sprintf("%s  total %d  fail %d", o.kind.Name, s.Total, s.Fail))
			bar.Set64(min(int64(s.Elapsed), max(1, int64(o.duration))))
		case s := <-result:
			bar.Clear()
			return o.finish(&s)
		}
	}
}

// ticker returns a channel that never ticks if d is 0.
func ticker(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.Tick(d)
}

// finish prints the end, and reports whether nothing failed.
func (o *options) finish(s *torture.Stats) bool {
	o.print(s, "end")
	verdict := "SUCCESS"
	if s.Err() != nil {
		verdict = "FAILURE"
	}
	o.banner("End of test: " + verdict)
	return s.Err() == nil
}

// begin prints the parameters, for the case that nothing can be printed later.
func (o *options) begin() {
	o.banner("Start of test")
	if o.json {
		o.object("start", nil)
	}
}

// banner prints the parameters, as locktorture does.
func (o *options) banner(what string) {
	if !o.json {
		o.printf("--- %s: duration=%v %v %s race=%v", what, o.duration, o.Params(), platform, raceEnabled)
	}
}

const platform = runtime.GOOS + "/" + runtime.GOARCH

func (o *options) print(s *torture.Stats, what string) {
	if o.json {
		o.object(what, s)
		return
	}
	for _, line := range s.Lines() {
		o.printf(" %s", line)
	}
	if what == "end" {
		for _, f := range s.Failures {
			o.printf(" !!! %v", f)
		}
	}
}

// object prints statistics, or nil at the start, as JSON.
func (o *options) object(what string, s *torture.Stats) {
	object := struct {
		What     string         `json:"what"` // start, stats or end
		Lock     string         `json:"lock"`
		Ok       *bool          `json:"ok,omitempty"`
		Duration string         `json:"duration"`
		Platform string         `json:"platform"`
		Race     bool           `json:"race"`
		Params   torture.Params `json:"params"`
		*torture.Stats
	}{what, o.kind.Name, nil, o.duration.String(), platform, raceEnabled, o.Params(), s}
	if s != nil {
		ok := s.Err() == nil
		object.Ok = &ok
	}
	json.NewEncoder(&o.out).Encode(object) // o.out keeps the error
}

func (o *options) printf(format string, args ...any) {
	fmt.Fprintf(&o.out, o.kind.Name+"-torture:"+format+"\n", args...)
}

// An output is standard output, and the first error of a write to it.
type output struct{ err error }

func (o *output) Write(p []byte) (int, error) {
	n, err := os.Stdout.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}
