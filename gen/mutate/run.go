// Package mutate changes one thing at a time in the assembly that the generator has emitted, and
// finds out whether anybody notices: the assembler, go vet, the audit or a test. It leaves the
// files as they are, and builds what it has changed by go build -overlay.
package mutate

import (
	"context"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Package is a Go package with emitted assembly.
type Package struct {
	Root string // directory of its module
	Dir  string // relative to that
	Path string // import path
	Name string // what stands before file names in reports ("" = nothing)
	// Except has a package whose functions are not mutated again here, if the code is the same.
	Except *Package
	// Audit says which rules functions break, by their symbols in f. Each stands for the
	// function that symbols has for it. Build is the index of the table's build.
	Audit func(arch string, build int, f *elf.File, symbols map[string]string) (rules map[string]string, err error)
	// Tests has patterns of the tests that concern a function, for -test.run.
	Tests func(fn string) []string
}

// Config says what is mutated.
type Config struct {
	Packages []*Package
	Archs    []string // each must have a table
	Excuses  string   // text of the file of excuses
}

// A verdict is what becomes of a mutant.
type verdict int

const (
	killed verdict = iota
	excused
	survived
)

var verdicts = [...]string{"killed", "excused", "survived"}

// A runner has what all batches share.
type runner struct {
	slots          chan bool // one for each command that may run at once
	state          *state
	excuses        []*excuse
	stdout, stderr io.Writer
	total          int

	printing sync.Mutex
	counts   [len(verdicts)]int
}

// share is the part of all mutants that may be excused: one in so many.
const share = 20

// options has a checked command line.
type options struct {
	sample, workers    int
	seed               uint64
	patch, only, state string
	list               bool
	filter             *regexp.Regexp
}

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("mutants", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // Run prints errors, in one line each
	fs.IntVar(&o.sample, "sample", 0, "try `N` mutants, chosen at random (0 = all)")
	fs.Uint64Var(&o.seed, "seed", 0, "`SEED` of the sample (0 = another one each time)")
	fs.StringVar(&o.patch, "patch", "", "try the unified diff in `FILE` instead")
	fs.StringVar(&o.only, "only", "", "try those whose lines in the report match `REGEXP`")
	fs.BoolVar(&o.list, "list", false, "list the mutants and try none")
	fs.IntVar(&o.workers, "workers", runtime.NumCPU(), "run tests of `N` mutants at once")
	fs.StringVar(&o.state, "state", defaultState(), "`FILE` of what is known, by which an interrupted run goes on (empty = none)")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(stderr)
		fs.Usage()
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: all input comes in flags, see -h", fs.Arg(0))
	case o.sample < 0 || o.workers < 1:
		err = errors.New("-sample must be 0 or more, and -workers 1 or more")
	default:
		if o.filter, err = regexp.Compile(o.only); err != nil {
			err = fmt.Errorf("-only: %w", err)
		}
	}
	return o, err
}

// Run mutates, as the command line says, and returns the exit code: 0 if all mutants are killed
// or excused, 1 if one survives or something fails, 2 on bad use.
func Run(cfg Config, args []string, stdout, stderr io.Writer) int {
	return command(args, stdout, stderr, cfg.run)
}

func command(args []string, stdout, stderr io.Writer, run func(context.Context, *options, io.Writer, io.Writer) (int, error)) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		fmt.Fprintf(stderr, "mutants: %v\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	alive, err := run(ctx, o, stdout, stderr)
	if terminal(stderr) {
		fmt.Fprint(stderr, clearLine)
	}
	switch {
	case ctx.Err() != nil:
		err = errors.New("interrupted: the same command goes on where this one has stopped")
		fallthrough
	case err != nil:
		fmt.Fprintf(stderr, "mutants: %v\n", err)
		return 1
	case alive > 0:
		return 1
	}
	return 0
}

// run does what the options say, and returns how many mutants have survived.
func (cfg *Config) run(ctx context.Context, o *options, stdout, stderr io.Writer) (alive int, err error) {
	chosen, excuses, err := cfg.choose(o, stdout)
	if err != nil || o.list {
		return 0, err
	}
	known, err := openState(o.state)
	if err != nil {
		return 0, err
	}
	defer known.close()
	r := &runner{slots: make(chan bool, o.workers), state: known, excuses: excuses, stdout: stdout, stderr: stderr, total: len(chosen)}
	err = each(ctx, o.workers, r.batches(chosen), func(ctx context.Context, b *batch) error {
		if err := b.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", b.source, err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return r.finish(len(chosen)), nil
}

// finish prints the last line, and returns how many mutants have survived.
func (r *runner) finish(tried int) int {
	fmt.Fprintf(r.stdout, "mutants: %d tried, %d killed, %d excused, %d survived\n", tried, r.counts[killed], r.counts[excused], r.counts[survived])
	return r.counts[survived]
}

// choose returns the mutants that are to be tried: that of a patch, all, or some of them.
func (cfg *Config) choose(o *options, stdout io.Writer) (chosen []*Mutant, excuses []*excuse, err error) {
	if o.patch != "" {
		m, err := cfg.patched(o.patch)
		return []*Mutant{m}, nil, err
	}
	all, err := cfg.mutants()
	if err != nil {
		return nil, nil, err
	}
	if excuses, err = parseExcuses(cfg.Excuses, all); err != nil {
		return nil, nil, err
	}
	return o.choose(all, stdout), excuses, nil
}

// choose returns the mutants that match the filter, or a sample of them, and lists them if that
// is all that is to be done.
func (o *options) choose(all []*Mutant, stdout io.Writer) (chosen []*Mutant) {
	chosen = slices.DeleteFunc(slices.Clone(all), func(m *Mutant) bool { return !o.filter.MatchString(m.String()) })
	if o.sample > 0 && o.sample < len(chosen) {
		if o.seed == 0 {
			o.seed = rand.Uint64()
		}
		fmt.Fprintf(stdout, "mutants: %d of %d, to repeat: SAMPLE=%d SEED=%d\n", o.sample, len(chosen), o.sample, o.seed)
		chosen = sample(chosen, o.sample, o.seed)
	}
	if o.list {
		for _, m := range chosen {
			fmt.Fprintln(stdout, m)
		}
	}
	return chosen
}

// mutants lists the mutants of all packages.
func (cfg *Config) mutants() (all []*Mutant, err error) {
	for _, p := range cfg.Packages {
		files, err := cfg.files(p)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			fns, err := functions(p.Root, file)
			if err != nil {
				return nil, err
			}
			var same []function
			if p.Except != nil {
				if same, err = functions(p.Except.Root, filepath.Join(p.Except.Dir, filepath.Base(file))); err != nil {
					return nil, err
				}
			}
			for _, f := range fns {
				if slices.ContainsFunc(same, func(g function) bool { return g.name == f.name && slices.Equal(g.code(), f.code()) }) {
					continue
				}
				count := map[string]int{}
				for _, m := range Tables[archOf(file)].mutations(f) {
					m.Package, m.Arch, m.File = p, archOf(file), filepath.Join(p.Name, file)
					m.again = count[m.Old+"\n"+m.New]
					count[m.Old+"\n"+m.New]++
					all = append(all, &m)
				}
			}
		}
	}
	return all, nil
}

// files lists the emitted assembly of a package, of the architectures with emitters.
func (cfg *Config) files(p *Package) (all []string, err error) {
	found, err := filepath.Glob(filepath.Join(p.Root, p.Dir, "z*_*.s"))
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		arch := archOf(path)
		if !slices.Contains(cfg.Archs, arch) {
			continue
		}
		if Tables[arch] == nil {
			return nil, fmt.Errorf("%s: no table of mutations for %s: add one to gen/mutate", path, arch)
		}
		all = append(all, filepath.Join(p.Dir, filepath.Base(path)))
	}
	return all, nil
}

func archOf(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), ".s")
	return name[strings.LastIndex(name, "_")+1:]
}

func functions(root, file string) ([]function, error) {
	src, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	_, fns := parse(string(src))
	return fns, nil
}

// sample picks n mutants at random. They keep their order.
func sample(all []*Mutant, n int, seed uint64) (chosen []*Mutant) {
	picked := rand.New(rand.NewPCG(seed, 0)).Perm(len(all))[:n]
	slices.Sort(picked)
	for _, k := range picked {
		chosen = append(chosen, all[k])
	}
	return chosen
}

// batches groups mutants by file.
func (r *runner) batches(chosen []*Mutant) (all []*batch) {
	for _, m := range chosen {
		source := strings.TrimPrefix(m.File, m.Package.Name+"/")
		k := slices.IndexFunc(all, func(b *batch) bool { return b.pkg == m.Package && b.source == source })
		if k < 0 {
			k = len(all)
			all = append(all, &batch{runner: r, pkg: m.Package, arch: m.Arch, table: Tables[m.Arch], source: source})
		}
		all[k].mutants = append(all[k].mutants, m)
	}
	return all
}

// each calls f for all, so many at once, until one fails.
func each[T any](ctx context.Context, workers int, all []T, f func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan T)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for one := range next {
				if ctx.Err() != nil {
					continue
				}
				if err := f(ctx, one); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, one := range all {
		next <- one
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// output runs a command once there is room for it, and returns what it says.
func (r *runner) output(cmd *exec.Cmd) ([]byte, error) {
	r.slots <- true
	defer func() { <-r.slots }()
	return cmd.CombinedOutput()
}

// report prints what has become of a mutant, and how far the run has come.
func (r *runner) report(m *Mutant, v verdict, by string) {
	r.printing.Lock()
	defer r.printing.Unlock()
	r.clear()
	r.counts[v]++
	fmt.Fprintf(r.stdout, "%s %s, by %s\n", verdicts[v], m, by)
	if done := r.counts[killed] + r.counts[excused] + r.counts[survived]; terminal(r.stderr) {
		fmt.Fprintf(r.stderr, "%d of %d mutants, %d survived", done, r.total, r.counts[survived])
	}
}

const clearLine = "\r\x1b[K"

// clear takes the progress away.
func (r *runner) clear() {
	if terminal(r.stderr) {
		fmt.Fprint(r.stderr, clearLine)
	}
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// A program is a test program, with the machines that run it.
type program struct {
	*runner
	bin, dir string   // dir is where it runs
	args     []string // besides the pattern
	machines []Machine
	lock     sync.Mutex
	limits   map[string]time.Duration // by pattern
}

func (r *runner) newProgram(bin, dir string, machines []Machine) *program {
	return &program{runner: r, bin: bin, dir: dir, machines: machines, limits: map[string]time.Duration{}}
}

// attempts is how often tests without a mutant may fail.
const attempts = 3

// limit returns how long tests may take with a mutant: many times as long as they take without
// one, on the slowest machine. Without one they must pass.
func (p *program) limit(ctx context.Context, pattern string) (time.Duration, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if limit, ok := p.limits[pattern]; ok {
		return limit, nil
	}
	longest := time.Duration(0)
	for _, machine := range p.machines {
		start, by := time.Now(), "?"
		for try := 0; try < attempts && by != ""; try++ { // a loaded machine disturbs what measures time
			var err error
			start = time.Now()
			if by, err = p.run(ctx, machine, pattern, "", 10*time.Minute); err != nil {
				return 0, err
			}
		}
		if by != "" {
			return 0, fmt.Errorf("-run %q fails without a mutant: %s", pattern, by)
		}
		longest = max(longest, time.Since(start))
	}
	p.limits[pattern] = 5*longest + 10*time.Second
	return p.limits[pattern], nil
}

// kill runs tests with a mutant on each machine, and says by what they have failed, or "".
func (p *program) kill(ctx context.Context, pattern, id string) (by string, err error) {
	limit, err := p.limit(ctx, pattern)
	for n := 0; n < len(p.machines) && err == nil && by == ""; n++ {
		by, err = p.run(ctx, p.machines[n], pattern, id, limit)
	}
	return by, err
}

// run runs tests with a mutant in place of the original.
func (p *program) run(ctx context.Context, machine Machine, pattern, id string, limit time.Duration) (by string, err error) {
	p.slots <- true
	defer func() { <-p.slots }()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	line := slices.Concat(machine.Line, []string{p.bin, "-test.short", "-test.failfast", "-test.run", pattern}, p.args)
	cmd := exec.CommandContext(limited, line[0], line[1:]...)
	cmd.Dir = p.dir
	cmd.Env = slices.Concat(os.Environ(), machine.Env, []string{env + "=" + id})
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil && strings.Contains(string(out), "no tests to run"):
		return "", fmt.Errorf("no test matches %q", pattern)
	case err == nil:
		return "", nil
	case limited.Err() != nil:
		return "timeout", nil
	case errors.As(err, &exit):
		return reason(out), nil
	}
	return "", err
}
