package torture

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// Params says how to torture; 0 turns off what a field is for, unless it says
// something else. The names are locktorture's where it has them.
type Params struct {
	Lock string

	Writers int `help:"goroutines that take locks (0 = 2 for each processor)"`
	Locks   int `help:"locks that they share (0 = as many as are nested)"`
	Nested  int `help:"locks that a writer holds at most, taken in order (0 = 1; locktorture's nested_locks)"`

	Section time.Duration `help:"mean time in a section, beside the odd holds"`
	Outside time.Duration `help:"mean time outside of one"`

	LongHold time.Duration `help:"now and then a section lasts so long (long_hold)"`
	Stutter  time.Duration `help:"writers run so long, then pause so long"`
	Shuffle  time.Duration `help:"so often, half of the writers change between any thread and one of their own"`
	Churn    time.Duration `help:"mean life of a writer's goroutine, then another takes its place"`
	GC       time.Duration `help:"so often, garbage is made and collected"`
	Procs    time.Duration `help:"so often, GOMAXPROCS changes"`

	Cycles   time.Duration `help:"so often, goroutines wait for one another in a circle"`
	CycleMax int           `help:"of 2 to so many goroutines (0 = 8)"`
	Stalls   time.Duration `help:"so often, a holder stays until all waiters have given up"`
	Selfs    int           `help:"one in so many sections locks again what it holds"`
	GiveUps  int           `help:"one in so many acquisitions has a short limit, or is cancelled"`
	Tries    int           `help:"one in so many acquisitions is a TryLock"`

	StallTimeout time.Duration `help:"rqlock's stall timeout (0 = its default)"`
	HangAfter    time.Duration `help:"so long without any progress is a failure (0 = 10s, or 20 stall timeouts)"`
	Seed         uint64        `help:"of all that is random but what the scheduler does (0 = by the clock)"`
}

// Flags adds a flag for each parameter but the lock.
func (p *Params) Flags(fs *flag.FlagSet) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		help := field.Tag.Get("help")
		switch f := v.Field(i).Addr().Interface().(type) {
		case *int:
			fs.IntVar(f, name(field), *f, help)
		case *uint64:
			fs.Uint64Var(f, name(field), *f, help)
		case *time.Duration:
			fs.DurationVar(f, name(field), *f, help)
		}
	}
}

// Defaults returns the parameters of the command: everything at once, as far as
// the lock has it.
func Defaults(k Kind) Params {
	p := Params{
		Lock: k.Name, Locks: 3, Nested: 2, Section: time.Microsecond, Outside: time.Microsecond, LongHold: 100 * time.Millisecond, Stutter: 5 * time.Second, Shuffle: 3 * time.Second,
		Churn: 100 * time.Millisecond, GC: 200 * time.Millisecond, Procs: time.Second, Tries: 50,
	}
	if k.Resilient {
		p.Cycles, p.CycleMax, p.Stalls = 20*time.Millisecond, 8, time.Second
		p.Selfs, p.GiveUps = 100, 20
	}
	return p
}

// complete fills in what 0 stands for, and returns an error if the parameters make
// no sense.
func (p Params) complete(k Kind) (Params, error) {
	set(&p.Writers, 2*runtime.NumCPU())
	set(&p.Nested, 1)
	set(&p.Locks, p.Nested)
	set(&p.CycleMax, 8)
	set(&p.StallTimeout, rqlock.DefaultStallTimeout)
	set(&p.Seed, uint64(time.Now().UnixNano()))
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		f, name := v.Field(i), name(v.Type().Field(i))
		switch most := most(f.Type()); {
		case !f.CanInt():
		case f.Int() < 0:
			return p, fmt.Errorf("%s is %v: must not be negative", name, f)
		case f.Int() > most:
			return p, fmt.Errorf("%s is %v: that is too much", name, f)
		}
	}
	set(&p.HangAfter, max(10*time.Second, 20*p.StallTimeout))
	switch {
	case p.HangAfter < 100*time.Millisecond:
		return p, fmt.Errorf("hang-after is %v: must be 100ms at least", p.HangAfter)
	case k.Name == "busted" && p.Writers == 1:
		return p, errors.New("writers is 1: even busted excludes nobody from one writer")
	case p.Nested > p.Locks:
		return p, fmt.Errorf("nested is %d, but there are %d locks: a writer takes each once", p.Nested, p.Locks)
	case p.Cycles > 0 && p.CycleMax < 2:
		return p, fmt.Errorf("cycle-max is %d: a cycle has at least 2 goroutines", p.CycleMax)
	case p.StallTimeout < 10*time.Millisecond:
		return p, fmt.Errorf("stall-timeout is %v: must be 10ms at least", p.StallTimeout)
	case !k.Resilient && (p.Cycles > 0 || p.Stalls > 0 || p.Selfs > 0 || p.GiveUps > 0):
		return p, fmt.Errorf("%s reports no deadlock and no timeout: cycles, stalls, selfs and give-ups must be 0", k.Name)
	}
	return p, nil
}

// most is the most that a parameter may be: what fits into a machine, and times that
// do not overflow.
func most(t reflect.Type) int64 {
	if t == reflect.TypeFor[time.Duration]() {
		return int64(24 * time.Hour)
	}
	return 100_000
}

func set[T int | uint64 | time.Duration](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}

// String echoes the parameters in locktorture's way.
func (p Params) String() string {
	var words []string
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Name != "Lock" {
			words = append(words, fmt.Sprintf("%s=%v", name(f), v.Field(i)))
		}
	}
	return strings.Join(words, " ")
}

// MarshalJSON has the parameters under their names, times as text.
func (p Params) MarshalJSON() ([]byte, error) {
	all := map[string]any{}
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		x := v.Field(i).Interface()
		if d, ok := x.(time.Duration); ok {
			x = d.String()
		}
		all[name(v.Type().Field(i))] = x
	}
	return json.Marshal(all)
}

// name is a parameter's, as flags have it: a dash before each word but the first.
func name(f reflect.StructField) string {
	if f.Name == "GC" {
		return "gc"
	}
	var b strings.Builder
	for i, r := range f.Name {
		if i > 0 && 'A' <= r && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
