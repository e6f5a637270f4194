package torture

import (
	"encoding/json"
	"flag"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// Params says how to torture. The zero value of a field turns off what the field is
// for, unless the field says what it stands for. The names are locktorture's where it
// has them.
type Params struct {
	Writers int `help:"goroutines that take locks (0 = two for each processor)"`
	Locks   int `help:"locks that the writers share (0 = as many as -nested)"`
	Nested  int `help:"most locks that a writer holds at a time (0 = 1; locktorture's nested_locks)"`

	Section time.Duration `help:"mean length of a critical section, but for the rare long ones"`
	Outside time.Duration `help:"mean time of a writer between two rounds of sections"`

	LongHold time.Duration `help:"length of the rare long sections (locktorture's long_hold)"`
	Stutter  time.Duration `help:"let the writers run for this long, then pause them for as long, in turn"`
	Shuffle  time.Duration `help:"time after which other writers are locked to threads"`
	Churn    time.Duration `help:"mean time after which another goroutine replaces a writer"`
	GC       time.Duration `help:"mean time between two garbage collections"`
	Procs    time.Duration `help:"mean time between two changes of GOMAXPROCS"`

	Cycles        time.Duration `help:"mean time between two injected cycles, of goroutines that wait for one another"`
	CycleMax      int           `help:"most goroutines in an injected cycle (0 = 8)"`
	Stalls        time.Duration `help:"mean time between two injected stalls, in which a lock is held until all its waiters have given up"`
	Ends          time.Duration `help:"mean time between two goroutines that end while they hold a lock"`
	Storms        time.Duration `help:"mean time between two storms, in which many goroutines call TryLock while others wait"`
	StormCallers  int           `help:"goroutines that call TryLock in a storm (0 = eight for each processor)"`
	Chains        time.Duration `help:"mean time between two chains, of goroutines each of which waits for the next one"`
	ChainMax      int           `help:"most goroutines in a chain (0 = 100)"`
	Stops         time.Duration `help:"mean time between two stops of the process, by SIGSTOP and SIGCONT"`
	Crossings     time.Duration `help:"mean time between two crossings, of readers that wait for one another only through writers that wait"`
	SelfDeadlocks int           `help:"in one of so many sections, lock again what is held"`
	Limits        int           `help:"give one of so many acquisitions a short limit: a timeout, or a context that is cancelled"`
	TryLocks      int           `help:"make one of so many acquisitions by TryLock"`
	Reads         int           `help:"of 100 acquisitions so many read, if the lock has readers"`
	Recursions    int           `help:"in one of so many sections that read, read again"`
	Downgrades    int           `help:"turn one of so many sections that write into one that reads"`

	StallTimeout time.Duration `help:"rqlock's stall timeout (0 = its default)"`
	HangAfter    time.Duration `help:"fail if a writer makes no progress for so long (0 = 10s, or 20 stall timeouts if that is more)"`
	FailFast     bool          `help:"end the run at the first failure"`
	Seed         uint64        `help:"seed of all that is random except the scheduler (0 = another one each time)"`
}

// Flags adds a flag for each parameter.
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
		case *bool:
			fs.BoolVar(f, name(field), *f, help)
		case *time.Duration:
			fs.DurationVar(f, name(field), *f, help)
		}
	}
}

// Defaults returns the parameters of rqtorture, for runs of a minute and more:
// everything at once, as far as the lock supports it.
func Defaults(k Kind) Params {
	p := Params{
		Locks: 3, Nested: 2, Section: time.Microsecond, Outside: time.Microsecond,
		LongHold: 100 * time.Millisecond, Stutter: 5 * time.Second, Shuffle: 3 * time.Second, Churn: 100 * time.Millisecond,
		GC: 200 * time.Millisecond, Procs: time.Second, TryLocks: 50,
		Storms: time.Second, Chains: 100 * time.Millisecond,
	}
	if k.Resilient {
		p.Cycles, p.CycleMax, p.Stalls = 20*time.Millisecond, 8, time.Second
		p.Ends, p.Stops = time.Second, 10*time.Second
		p.SelfDeadlocks, p.Limits = 100, 20
	}
	if k.Readers {
		p.Reads = 70
	}
	if k.Readers && k.Resilient {
		p.Crossings, p.Recursions, p.Downgrades = 20*time.Millisecond, 10, 20
	}
	return p
}

// complete returns p with the values that zeros stand for, or an error if the
// parameters make no sense.
func (p Params) complete(k Kind) (Params, error) {
	setDefault(&p.Writers, 2*runtime.NumCPU())
	setDefault(&p.Nested, 1)
	setDefault(&p.Locks, p.Nested)
	setDefault(&p.CycleMax, 8)
	setDefault(&p.ChainMax, 100)
	setDefault(&p.StormCallers, 8*runtime.NumCPU())
	setDefault(&p.StallTimeout, rqlock.DefaultStallTimeout)
	setDefault(&p.Seed, uint64(time.Now().UnixNano()))
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		f, name := v.Field(i), name(v.Type().Field(i))
		switch most := most(f.Type()); {
		case !f.CanInt():
		case f.Int() < 0:
			return p, fmt.Errorf("%s is %v: must not be negative", name, f)
		case f.Int() > most:
			return p, fmt.Errorf("%s is %v: must be %v at most", name, f, reflect.ValueOf(most).Convert(f.Type()))
		}
	}
	setDefault(&p.HangAfter, max(10*time.Second, 20*p.StallTimeout))
	switch {
	case p.HangAfter < 100*time.Millisecond:
		return p, fmt.Errorf("hang-after is %v: must be 100ms at least", p.HangAfter)
	case k.broken && p.Writers == 1:
		return p, fmt.Errorf("writers is 1: even %s excludes nobody from one writer", k.Name)
	case p.Reads > 100:
		return p, fmt.Errorf("reads is %d: must be 100 at most", p.Reads)
	case !k.Readers && (p.Reads > 0 || p.Recursions > 0 || p.Downgrades > 0 || p.Crossings > 0):
		return p, fmt.Errorf("%s has no readers: reads, recursions, downgrades and crossings must be 0", k.Name)
	case p.Nested > p.Locks:
		return p, fmt.Errorf("nested is %d, but there are %d locks: a writer takes each once", p.Nested, p.Locks)
	case p.Cycles > 0 && p.CycleMax < 2:
		return p, fmt.Errorf("cycle-max is %d: a cycle has at least 2 goroutines", p.CycleMax)
	case p.Chains > 0 && p.ChainMax < 2:
		return p, fmt.Errorf("chain-max is %d: a chain has at least 2 goroutines", p.ChainMax)
	case p.StallTimeout < 10*time.Millisecond:
		return p, fmt.Errorf("stall-timeout is %v: must be 10ms at least", p.StallTimeout)
	case !k.Resilient && (p.Cycles > 0 || p.Stalls > 0 || p.Ends > 0 || p.Stops > 0 || p.SelfDeadlocks > 0 || p.Limits > 0):
		return p, fmt.Errorf("%s reports no deadlock and no timeout: cycles, stalls, ends, stops, self-deadlocks and limits must be 0", k.Name)
	case !k.Resilient && (p.Crossings > 0 || p.Recursions > 0):
		return p, fmt.Errorf("%s hangs if a reader reads again while a writer waits: crossings and recursions must be 0", k.Name)
	}
	return p, nil
}

// most returns the most that a parameter may be: a machine must be able to have so many
// goroutines, and sums of times must not overflow.
func most(t reflect.Type) int64 {
	if t == reflect.TypeFor[time.Duration]() {
		return int64(24 * time.Hour)
	}
	return 100_000
}

func setDefault[T int | uint64 | time.Duration](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}

// String lists the parameters as locktorture does.
func (p Params) String() string {
	var words []string
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		words = append(words, fmt.Sprintf("%s=%v", name(v.Type().Field(i)), v.Field(i)))
	}
	return strings.Join(words, " ")
}

// MarshalJSON renders the parameters under the names of their flags, times as text.
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

// name returns a parameter's name as flags have it: a dash before each word but the
// first.
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
