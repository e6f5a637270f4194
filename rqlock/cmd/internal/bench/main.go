// Package bench measures rqlock beside its baseline qspin, sync.Mutex and go-deadlock,
// in turns, and prints the ratios:
//
//	go run ./rqlock/cmd/rqbench                 # everything, some minutes
//	go run ./rqlock/cmd/rqbench -only grid      # one part
//	go run ./rqlock/cmd/rqbench -runs 3         # sooner, and noisier
//
// The same measurements are benchmarks (go test -bench . ./rqlock/cmd/internal/bench), for
// benchstat.
package bench

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

var (
	runs     = flag.Int("runs", 10, "paired `runs` that each ratio is the median of")
	runTime  = flag.Duration("time", 30*time.Millisecond, "`length` of a run")
	fairTime = flag.Duration("fair", 2*time.Second, "`length` of a run that measures fairness")
	cellName = flag.String("cell", "", "only cells of the grid whose name has this `text`, as in procs=2/g=16/in=50/out=200")
	only     = flag.String("only", "", "`part` to run: "+strings.Join(partNames(), ", ")+" (default all)")
)

// parts of the table, in order.
var parts = []struct {
	name string
	run  func()
}{
	{"uncontended", uncontended},
	{"grid", contended},
	{"wait", longWaits},
	{"fairness", fair},
	{"failure", failures},
	{"memory", memory},
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// Main runs the parts that the command line asks for, and returns the exit code.
func Main() int {
	flag.Parse()
	if flag.NArg() > 0 || *runs < 1 || *runTime <= 0 || *fairTime <= 0 || *only != "" && !slices.Contains(partNames(), *only) {
		flag.Usage()
		return 2
	}
	fmt.Printf("%s %s/%s, %d cores, %.2f ns per spin; medians of %d paired runs\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), perSpin, *runs)
	for _, p := range parts {
		if *only == "" || *only == p.name {
			fmt.Println()
			p.run()
		}
	}
	return 0
}

// uncontended compares Lock and Unlock with nobody else around.
func uncontended() {
	const batch = 10_000
	type pairer interface{ pairs(int) }
	locks := map[string]pairer{"floor": new(floor)}
	cs := []contender{{name: "floor"}}
	for _, c := range contenders {
		locks[c.name] = c.new()
		cs = append(cs, c)
	}
	res := paired("uncontended", *runs, cs, func(c contender) float64 {
		l := locks[c.name]
		ops := 0
		start := time.Now()
		for time.Since(start) < *runTime {
			l.pairs(batch)
			ops += batch
		}
		return perOp(time.Since(start), ops)
	})
	fmt.Println("Lock and Unlock, uncontended (ns)")
	for _, c := range cs {
		fmt.Printf("  %-12s %8.2f   %.2f of mutex\n", c.name, median(res[c.name]), ratio(res[c.name], res[mutex.name]))
	}
	toMutex, toFloor := ratio(res[rq.name], res[mutex.name]), ratio(res[rq.name], res["floor"])
	fmt.Printf("  rqlock/mutex %.2f (%s), rqlock/(CAS+store) %.2f (%s)\n",
		toMutex, verdict(toMutex, 0.75), toFloor, verdict(toFloor, 1.35))
}

// contended compares the locks on the grid.
func contended() {
	fmt.Println("Contended: ns per round, and rqlock's ratios")
	fmt.Printf("  %5s %10s %4s %4s |", "procs", "goroutines", "in", "out")
	for _, c := range contenders {
		fmt.Printf(" %11s", c.name)
	}
	fmt.Printf(" | %6s %6s %11s\n", "/mutex", "/qspin", "/go-deadlock")
	var toMutex, toQspin, toPeer series
	for _, c := range grid() {
		if !strings.Contains(c.String(), *cellName) {
			continue
		}
		n := c.calibrate(*runTime)
		res := paired(c.String(), *runs, contenders, func(k contender) float64 {
			return perOp(c.run(k.new(), n), n*c.g)
		})
		fmt.Printf("  %5d %10d %4d %4d |", c.procs, c.g, c.in, c.out)
		for _, k := range contenders {
			fmt.Printf(" %11.1f", median(res[k.name]))
		}
		m, q, p := ratio(res[rq.name], res[mutex.name]), ratio(res[rq.name], res[qs.name]), ratio(res[rq.name], res[peer.name])
		fmt.Printf(" | %5.2f%s %5.2f%s %11.2f\n", m, mark(m > 1.15), q, mark(q > 1.10), p)
		toMutex, toQspin, toPeer = append(toMutex, m), append(toQspin, q), append(toPeer, p)
	}
	if len(toMutex) == 0 {
		fmt.Printf("  no cell has %q in its name\n", *cellName)
		return
	}
	summary := func(name string, s series, mean, worst float64) {
		fmt.Printf("  rqlock/%s: geometric mean %.2f (%s), worst %.2f (%s)\n",
			name, geomean(s), verdict(geomean(s), mean), slices.Max(s), verdict(slices.Max(s), worst))
	}
	summary("mutex", toMutex, 0.95, 1.15)
	summary("qspin", toQspin, 1.03, 1.10)
	fmt.Printf("  rqlock/go-deadlock: geometric mean %.2f\n", geomean(toPeer))
}

// mark points at a cell over its bar.
func mark(over bool) string {
	if over {
		return "!"
	}
	return " "
}

// calibrate returns how many rounds of a goroutine take about d with mutex.
func (c cell) calibrate(d time.Duration) int {
	for n := minRounds; ; n *= 2 {
		t := c.run(mutex.new(), n)
		if t >= d/4 {
			return max(minRounds, int(float64(n)*float64(d)/float64(t)))
		}
	}
}

// longWaits compares the longest waits.
func longWaits() {
	fmt.Printf("Wait for the lock, %d goroutines, section %v, GOMAXPROCS %d\n", few, section, fewProcs)
	mid := map[string]series{}
	res := paired("wait", *runs, contenders, func(c contender) float64 {
		s := waits(c.new(), 10**runTime)
		mid[c.name] = append(mid[c.name], float64(quantile(s, 0.5)))
		return float64(quantile(s, 0.999))
	})
	for _, c := range contenders {
		fmt.Printf("  %-12s median %12v   p99.9 %12v   %.2f of mutex\n", c.name,
			time.Duration(median(mid[c.name])), time.Duration(median(res[c.name])), ratio(res[c.name], res[mutex.name]))
	}
	r := ratio(res[rq.name], res[mutex.name])
	fmt.Printf("  rqlock/mutex, p99.9: %.2f (%s)\n", r, verdict(r, 1))
}

// fair compares how evenly the locks serve.
func fair() {
	rounds := min(*runs, 3) // they are long
	fmt.Printf("Fairness: acquisitions of the slowest by the fastest of %d goroutines in %v (1 is fair)\n", few, *fairTime)
	res := paired("fairness", rounds, contenders, func(c contender) float64 { return fairness(c.new(), *fairTime) })
	for _, c := range contenders {
		fmt.Printf("  %-12s %.2f   rounds %.2f\n", c.name, median(res[c.name]), res[c.name])
	}
	got, bar := median(res[rq.name]), median(res[mutex.name])
	word := "kept"
	if got < bar {
		word = "MISSED"
	}
	fmt.Printf("  rqlock %.2f, mutex %.2f (bar: no less: %s)\n", got, bar, word)
}

// failures measures how soon rqlock says no.
func failures() {
	fmt.Println("Time to the error (medians)")
	for _, f := range failureCases {
		progress("failure: %s", f.name)
		f.measure() // once, for what is made once
		ds := make([]time.Duration, f.times)
		for i := range ds {
			ds[i] = f.measure()
		}
		progress("")
		bar, what := f.bar, ""
		if f.name == "self" {
			bar += constructionTime()
			what = fmt.Sprintf(", with %v for making the error", constructionTime())
		}
		fmt.Printf("  %-8s %10v   (in µs: %s%s)\n", f.name, median(ds), verdict(micro(median(ds)), micro(bar)), what)
	}
}

func micro(d time.Duration) float64 { return d.Seconds() * 1e6 }

// memory prints sizes and allocations.
func memory() {
	const n = 100_000
	fmt.Printf("Memory: bytes of a lock, and allocations in %d contended acquisitions\n", n)
	for _, c := range contenders {
		progress("memory: %s", c.name)
		allocs := contendedAllocs(c.new(), n)
		progress("")
		fmt.Printf("  %-12s %3d bytes  %7d allocations\n", c.name, c.size, allocs)
	}
}
