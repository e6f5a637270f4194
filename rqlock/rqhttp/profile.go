package rqhttp

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/delays"
)

// The values of each sample.
const (
	waiters = iota
	waiting
	holders
	holding
	contentions
	delay
	unlocks
	unlockDelay
	values
)

var sampleTypes = [values]profile.ValueType{
	{Type: "waiters", Unit: "count"},
	{Type: "waiting", Unit: "nanoseconds"},
	{Type: "holders", Unit: "count"},
	{Type: "holding", Unit: "nanoseconds"},
	{Type: "contentions", Unit: "count"},
	{Type: "delay", Unit: "nanoseconds"},
	{Type: "unlocks", Unit: "count"},
	{Type: "unlock_delay", Unit: "nanoseconds"},
}

// WriteProfile writes a profile in the format of package github.com/google/pprof/profile,
// compressed, for go tool pprof -sample_index=... The samples are, by stack:
//
//	waiters, waiting          goroutines that wait now, and how long they have waited
//	holders, holding          those who hold what is waited for, and for how long at least
//	contentions, delay        waits that have ended, by the stack of who waited
//	unlocks, unlock_delay     the same by the stack of the unlock that ended the wait
//
// The first two lines are a [rqlock.Snapshot], with labels "lock" and "kind" and the labels of
// the goroutine. The others are since the program started; of waits, one in
// [runtime.SetMutexProfileFraction] is counted, none at first, and counts for so many. An unlock
// is charged with the time for which goroutines have been blocked since the lock was granted
// before, for each of them: so a long section stands out, and not those who were unlucky. If a
// lock is waited for but for a moment, its waiter does not sleep, and the stack of the unlock
// is "(an unlock that woke nobody)".
func WriteProfile(w io.Writer) error {
	p := newBuilder()
	p.snapshot(lookedUp())
	p.delays(delays.Waits.All(), contentions, delay)
	p.delays(delays.Unlocks.All(), unlocks, unlockDelay)
	if err := p.CheckValid(); err != nil {
		return err
	}
	return p.Write(w)
}

// A builder makes a profile.
type builder struct {
	*profile.Profile
	functions map[string]*profile.Function
	locations map[place]*profile.Location
	samples   map[string]*profile.Sample
}

type place struct {
	function, file string
	line           int
}

func newBuilder() *builder {
	b := &builder{
		Profile: &profile.Profile{
			TimeNanos:         time.Now().UnixNano(),
			PeriodType:        &profile.ValueType{Type: "contentions", Unit: "count"},
			Period:            int64(max(delays.Rate(), 0)),
			DefaultSampleType: sampleTypes[waiting].Type,
			Mapping:           []*profile.Mapping{{ID: 1, File: os.Args[0], HasFunctions: true, HasFilenames: true, HasLineNumbers: true}},
		},
		functions: map[string]*profile.Function{},
		locations: map[place]*profile.Location{},
		samples:   map[string]*profile.Sample{},
	}
	for i := range sampleTypes {
		b.SampleType = append(b.SampleType, &sampleTypes[i])
	}
	return b
}

// snapshot adds those who wait, and those who hold what is waited for, each once for a lock.
func (b *builder) snapshot(g *rqlock.WaitGraph) {
	type held struct {
		goroutine uint64
		lock      uintptr
	}
	said := map[held]bool{}
	for i := range g.Waits {
		w := &g.Waits[i]
		labels := map[string]string{}
		for key, value := range w.Labels {
			labels[key] = value
		}
		lock := lockLabels(w.Lock)
		for key, value := range lock {
			labels[key] = value
		}
		b.add(w.Stack, labels, waiters, 1, waiting, w.For)
		for j := range w.Holders {
			h := &w.Holders[j]
			at := held{h.Goroutine, w.Lock.Addr}
			if said[at] {
				continue
			}
			said[at] = true
			stack := h.Stack
			if len(stack) == 0 {
				stack = []runtime.Frame{{Function: "(a holder that was not looked up)"}}
				if h.State != "" {
					stack = []runtime.Frame{{Function: "(a holder: " + h.State + ")"}}
				}
			}
			b.add(stack, lock, holders, 1, holding, h.For)
		}
	}
}

func lockLabels(l rqlock.LockInfo) map[string]string {
	name := l.Name
	if name == "" {
		name = fmt.Sprintf("%#x", l.Addr)
	}
	return map[string]string{"lock": name, "kind": l.Kind}
}

func (b *builder) delays(all []delays.Delay, count, time int) {
	for _, d := range all {
		b.add(d.Stack, nil, count, d.Count, time, d.Time)
	}
}

// add adds a count and a time to the sample of a stack with labels.
func (b *builder) add(stack []runtime.Frame, labels map[string]string, countAt int, count int64, timeAt int, d time.Duration) {
	s := &profile.Sample{Value: make([]int64, values), Label: map[string][]string{}}
	var key strings.Builder
	for _, f := range stack {
		l := b.location(f)
		s.Location = append(s.Location, l)
		fmt.Fprint(&key, l.ID, " ")
	}
	for key, value := range labels {
		s.Label[strings.ToValidUTF8(key, "?")] = []string{strings.ToValidUTF8(value, "?")}
	}
	fmt.Fprintf(&key, "%q", s.Label)
	if known := b.samples[key.String()]; known != nil {
		s = known
	} else {
		b.samples[key.String()] = s
		b.Sample = append(b.Sample, s)
	}
	s.Value[countAt] += count
	s.Value[timeAt] += int64(d)
}

func (b *builder) location(f runtime.Frame) *profile.Location {
	at := place{f.Function, f.File, f.Line}
	if l := b.locations[at]; l != nil {
		return l
	}
	name := strings.ToValidUTF8(f.Function, "?")
	fn := b.functions[name+"\x00"+f.File]
	if fn == nil {
		fn = &profile.Function{ID: uint64(len(b.Function) + 1), Name: name, SystemName: name, Filename: f.File}
		b.functions[name+"\x00"+f.File] = fn
		b.Function = append(b.Function, fn)
	}
	l := &profile.Location{ID: uint64(len(b.Location) + 1), Mapping: b.Mapping[0], Line: []profile.Line{{Function: fn, Line: int64(f.Line)}}}
	b.locations[at] = l
	b.Location = append(b.Location, l)
	return l
}
