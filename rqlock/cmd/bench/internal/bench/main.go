// Package bench measures rqlock beside its baseline qspin, sync.Mutex and other locks that
// Go programs use. The locks take turns. It reports tables, ratios, data and plots:
//
//	go run -C rqlock/cmd/bench ./rqbench                # everything, some minutes
//	go run -C rqlock/cmd/bench ./rqbench -only grid     # one part
//	go run -C rqlock/cmd/bench ./rqbench -only rw       # the reader-writer lock's, four minutes
//	go run -C rqlock/cmd/bench ./rqbench -only waits -cell case=chain -runs 7
//	go run -C rqlock/cmd/bench ./rqbench -locks rqlock,mutex -runs 3
//	go run -C rqlock/cmd/bench ./rqbench -o ../../../docs/bench    # a page, plots and data of
//	                                                    # this kind of machine
//	go run -C rqlock/cmd/bench ./rqbench -index -o ../../../docs/bench
//
// Its files:
//
//	contenders, handmade, zlocks   the locks; genlocks writes zlocks.go
//	work, measure, kernel          one run of one lock
//	gomutex, waits, empty, usage   the same: Go's benchmarks; sleeping and waking
//	session, parts, failure        paired runs of all locks
//	rw, rwtables                   the same of reader-writer locks, and their tables
//	results, published             results, and those that were published for the kernel
//	table, tables                  results as tables
//	formats                        results as JSON, CSV and for benchstat
//	plots, taxplot, page, index    results as plots, the page, and the list of machines
//	machine, kind, files, main     the machine, writing files, the command line
//
// Some of the measurements are benchmarks of go test, too:
//
//	cd rqlock/cmd/bench && go test -run '^$' -bench . ./internal/bench
package bench

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/progress"
)

// options are those of the command line.
type options struct {
	session
	parts   []part
	dir     string
	machine string   // kind of it, and name of its folder in dir
	index   bool     // write only the list of machines
	outputs []output // files beside it
}

// An output is a file that the results are written to, in some format.
type output struct {
	flag, path, help string
	format           func(*Report) ([]byte, error)
}

// Main runs the parts that the command line asks for. It returns the exit code, which is 2
// for bad use and 1 for failure.
func Main() int { return run(os.Args[1:], os.Stdout, os.Stderr) }

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "rqbench: %v (-h lists the flags)\n", err)
		return 2
	}
	if err := o.run(stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "rqbench:", err)
		return 1
	}
	return 0
}

// parse reads the command line. -h prints the flags to help.
func parse(args []string, help io.Writer) (*options, error) {
	o := new(options)
	fs := flag.NewFlagSet("rqbench", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.IntVar(&o.runs, "runs", 10, "paired `runs` that each ratio is the median of")
	fs.DurationVar(&o.time, "time", 30*time.Millisecond, "`length` of a run")
	fs.DurationVar(&o.fairTime, "fair", 2*time.Second, "`length` of a run that measures fairness")
	fs.StringVar(&o.cell, "cell", "", "of gomutex, grid, waits, rwpairs and rwgrid, only the cells whose name has this `text`, as in procs=2/bench=Slack, procs=2/g=16/in=50/out=200 or case=chain/n=50")
	only := fs.String("only", "", "`parts` to run, of "+strings.Join(partNames(), ",")+", or rw for those of reader-writer locks (default all)")
	locks := fs.String("locks", "", "`locks` to measure, of "+strings.Join(names(contenders()), ",")+" (default all)")
	fs.StringVar(&o.dir, "o", "", "`directory` with a folder for each kind of machine: write a page with plots, and all data, into that of -machine, and the list of machines; like all paths, relative to the folder that go run -C sets")
	fs.StringVar(&o.machine, "machine", "", "`kind` of machine, as in amd-epyc-zen3 (default: what the processor says, here "+thisMachine().Kind+")")
	fs.BoolVar(&o.index, "index", false, "measure nothing, and write the list of machines in the directory of -o again")
	o.outputs = []output{
		{"csv", "", "`file` for the results as CSV, a line for each run", (*Report).csv},
		{"json", "", "`file` for the results as JSON", (*Report).json},
		{"benchstat", "", "`file` for the results in the format of go test -bench", (*Report).benchstat},
	}
	for i := range o.outputs {
		out := &o.outputs[i]
		fs.StringVar(&out.path, out.flag, "", out.help+" (- is standard output, instead of the tables)")
	}
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(help, "Rqbench measures rqlock beside other locks. Flags:")
		fs.SetOutput(help)
		fs.PrintDefaults()
	}
	if err != nil {
		return nil, err
	}
	return o, o.complete(fs.Args(), *only, *locks)
}

// complete checks what the flag package does not.
func (o *options) complete(args []string, only, locks string) (err error) {
	switch {
	case len(args) > 0:
		return fmt.Errorf("unexpected argument %q", args[0])
	case o.runs < 1:
		return errors.New("-runs must be 1 or more")
	case o.time <= 0 || o.fairTime <= 0:
		return errors.New("-time and -fair must be more than 0")
	case o.machine != "" && !kindName.MatchString(o.machine):
		return fmt.Errorf("-machine: %q is not lower-case letters and digits with single dashes or dots between", o.machine)
	case o.index && o.dir == "":
		return errors.New("-index: -o must name the directory")
	}
	o.outputs = slices.DeleteFunc(o.outputs, func(out output) bool { return out.path == "" })
	for i, out := range o.outputs {
		if slices.ContainsFunc(o.outputs[:i], func(other output) bool { return other.path == out.path }) {
			return fmt.Errorf("-%s: another flag writes to %s", out.flag, out.path)
		}
	}
	if only == rwParts {
		only = strings.Join(slices.DeleteFunc(partNames(), func(n string) bool { return !strings.HasPrefix(n, rwParts) }), ",")
	}
	ps, err := choose("-only", only, partNames())
	if err != nil {
		return err
	}
	for _, p := range parts {
		if slices.Contains(ps, p.name) {
			o.parts = append(o.parts, p)
		}
	}
	ls, err := choose("-locks", locks, names(contenders()))
	if err != nil {
		return err
	}
	o.locks = named(ls...)
	o.machine = cmp.Or(o.machine, thisMachine().Kind)
	if o.wanted(situationCells())+len(o.cells())+o.wanted(waitCells())+o.wanted(rwPairCells())+len(o.rwCells()) == 0 {
		return fmt.Errorf("-cell: no cell has %q in its name", o.cell)
	}
	if o.steps() == 0 {
		return errors.New("-locks: none of them takes part in what -only and -cell name")
	}
	return nil
}

// rwParts stands for the parts of reader-writer locks, whose names begin with it.
const rwParts = "rw"

// steps counts what there is to measure.
func (o *options) steps() (n int) {
	for _, p := range o.parts {
		n += p.steps(&o.session)
	}
	return n
}

// choose splits a list of names. An empty list is all.
func choose(name, list string, all []string) ([]string, error) {
	if list == "" {
		return all, nil
	}
	chosen := strings.Split(list, ",")
	for _, s := range chosen {
		if !slices.Contains(all, s) {
			return nil, fmt.Errorf("%s: %q is none of %s", name, s, strings.Join(all, ","))
		}
	}
	return chosen, nil
}

// run measures and reports.
func (o *options) run(stdout, stderr io.Writer) error {
	if o.index {
		return o.writeIndex()
	}
	if err := o.checkOutputs(); err != nil {
		return err
	}
	tables := stdout
	if slices.ContainsFunc(o.outputs, func(out output) bool { return out.path == "-" }) {
		tables = io.Discard // data only
	}
	r, err := o.measure(tables, stderr)
	if err != nil {
		return err
	}
	return o.write(r, stdout)
}

// checkOutputs checks that the files can be written, before anything is measured.
func (o *options) checkOutputs() error {
	var paths []string
	for _, out := range o.outputs {
		if out.path != "-" {
			paths = append(paths, out.path)
		}
	}
	if o.dir != "" {
		if err := os.MkdirAll(o.folder(), 0o777); err != nil {
			return fmt.Errorf("%s: %w", o.folder(), pathless(err))
		}
		if _, err := readReports(o.dir); err != nil {
			return err
		}
		paths = append(paths, filepath.Join(o.dir, "README.md"), filepath.Join(o.folder(), "README.md"))
	}
	for _, p := range paths {
		if err := checkWritable(p); err != nil {
			return err
		}
	}
	return nil
}

// folder is that of this kind of machine.
func (o *options) folder() string { return filepath.Join(o.dir, o.machine) }

// writeIndex writes the list of machines.
func (o *options) writeIndex() error {
	reports, err := readReports(o.dir)
	if err != nil {
		return err
	}
	page, err := index(reports)
	if err != nil {
		return err
	}
	return writeFiles(map[string][]byte{filepath.Join(o.dir, "README.md"): page})
}

// measure runs the parts, and prints the table of each one when it is done.
func (o *options) measure(tables, stderr io.Writer) (*Report, error) {
	r := &Report{Machine: thisMachine(), Runs: o.runs, Time: o.time, Locks: names(o.locks)}
	r.Machine.Kind = o.machine
	w := bufio.NewWriter(tables)
	fmt.Fprintf(w, "%s %s, %d cores, %.2f ns per spin; medians of %d paired runs\n",
		r.Machine.Go, r.Machine.Arch, r.Machine.Cores, perSpin, o.runs)
	o.bar = progress.New(stderr, int64(o.steps()))
	defer o.bar.Clear()
	for _, p := range o.parts {
		r.Results = append(r.Results, p.run(&o.session)...)
		if !r.Results.has(p.name) {
			continue
		}
		fmt.Fprintln(w)
		p.table(r).text(w)
		o.bar.Clear()
		if err := w.Flush(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// write writes what the command line asks for. It makes everything before it writes the
// first file.
func (o *options) write(r *Report, stdout io.Writer) error {
	files := map[string][]byte{}
	for _, out := range o.outputs {
		b, err := out.format(r)
		if err != nil {
			return err
		}
		if out.path != "-" {
			files[out.path] = b
		} else if _, err := stdout.Write(b); err != nil {
			return err
		}
	}
	if o.dir != "" {
		page, err := r.page()
		if err != nil {
			return err
		}
		for name, b := range page {
			files[filepath.Join(o.folder(), name)] = b
		}
		reports, err := readReports(o.dir)
		if err != nil {
			return err
		}
		reports[o.machine] = r
		if files[filepath.Join(o.dir, "README.md")], err = index(reports); err != nil {
			return err
		}
	}
	return writeFiles(files)
}
