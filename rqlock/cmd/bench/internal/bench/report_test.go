package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
)

// sample returns a report of everything, with two runs.
func sample() *Report {
	r := &Report{Machine: thisMachine(), Runs: 2, Time: 1, Locks: names(contenders())}
	add := func(part, cell, lock, unit string, v float64) {
		r.Results = append(r.Results, Result{part, cell, lock, unit, 1000, series{v, v * 1.5}})
	}
	for _, bound := range bounds {
		add("uncontended", "", bound.name, nsPerOp, 5)
		add("uncontended", "", bound.name, minNsPerOp, 4)
	}
	for i, lock := range r.Locks {
		x := float64(10 + i)
		add("uncontended", "", lock, nsPerOp, x)
		add("uncontended", "", lock, minNsPerOp, x-1)
		for _, cell := range situationCells() {
			add("gomutex", cell, lock, nsPerOp, x)
		}
		for _, c := range append(grid(), alone()...) {
			add("grid", c.String(), lock, nsPerOp, x)
		}
		for _, unit := range []string{"p50-ns", "p99-ns", "p99.9-ns", "max-ns"} {
			add("wait", fewCell, lock, unit, 100*x)
		}
		for j, q := range quantiles {
			add(curve, fewCell+"/"+curveUnit(q), lock, "ns", x*float64(j+1))
		}
		add("fairness", fewCell, lock, evenness, 1/x)
		add("memory", "", lock, "B", x)
		add("memory", "", lock, "allocs/op", x)
		if rwLocks[lock] != nil {
			addShared(add, lock, x)
		}
		if kernelLocks[lock] != nil {
			for _, cell := range kernelCells() {
				add("kernel", cell, lock, opsPerS, x)
			}
		}
	}
	for _, f := range failureCases {
		add("failure", "case="+f.name, rq, nsPerOp, 1000)
		add("failure", "case="+f.name, rq, minNsPerOp, 900)
		add("failure", "case="+f.name, mutex, nsPerOp, 10)
		add("failure", "case="+f.name, mutex, minNsPerOp, 9)
	}
	for _, p := range pairCases {
		add("rwpairs", p.cell(), empty, nsPerOp, 5)
	}
	for _, f := range rwFailureCases {
		for i, lock := range []string{rq, rqMutex, mutex} {
			add("rwfailure", "case="+f.name, lock, nsPerOp, float64(100/(i+1)))
			add("rwfailure", "case="+f.name, lock, minNsPerOp, float64(90/(i+1)))
		}
	}
	for _, w := range waitCases {
		for _, n := range w.ns {
			for i, lock := range []string{rq, mutex} {
				for _, unit := range waitUnitsOf[w.name] {
					add("waits", waitCell(w.name, n), lock, unit, float64(12-i)/1000)
				}
			}
		}
	}
	return r
}

// addShared adds what is measured of a reader-writer lock.
func addShared(add func(part, cell, lock, unit string, v float64), lock string, x float64) {
	for _, p := range pairCases {
		add("rwpairs", p.cell(), lock, nsPerOp, x)
		if p.g == 1 {
			add("rwpairs", p.cell(), lock, minNsPerOp, x-1)
		}
	}
	for _, c := range rwGrid() {
		add("rwgrid", c.String(), lock, nsPerOp, x)
	}
	for _, unit := range []string{"p50-ns", "p99-ns", longUnit, "max-ns"} {
		add("rwwait", rwWaitCell, lock, unit, 100*x)
	}
	for j, q := range quantiles {
		add(rwCurve, rwWaitCell+"/"+curveUnit(q), lock, "ns", x*float64(j+1))
	}
}

var waitUnitsOf = map[string][]string{
	"chain": {"unwind-ns"}, "handoff": {"p50-ns", "p99-ns"}, "asleep": {"cpu-%", "wakeups/s"}, "crowd": {"cpu-ns"},
}

func TestJSON(t *testing.T) {
	want := sample()
	b, err := want.json()
	if err != nil {
		t.Fatal(err)
	}
	got := new(Report)
	if err := json.Unmarshal(b, got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back: %+v\nwant %+v", got, want)
	}
}

func TestCSV(t *testing.T) {
	want := sample()
	b, err := want.csv()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	lines = lines[1:]
	for _, r := range want.Results {
		for i, v := range r.Runs {
			line := []string{r.Part, r.Cell, r.Lock, r.Unit, strconv.Itoa(r.Iters), strconv.Itoa(i + 1), strconv.FormatFloat(v, 'g', -1, 64)}
			if !reflect.DeepEqual(lines[0], line) {
				t.Fatalf("line %q, want %q", lines[0], line)
			}
			lines = lines[1:]
		}
	}
	if len(lines) > 0 {
		t.Errorf("more lines: %q", lines)
	}
}

// TestBenchstat: benchstat's parser reads the lines.
func TestBenchstat(t *testing.T) {
	want := sample()
	b, err := want.benchstat()
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	rd := benchfmt.NewReader(bytes.NewReader(b), "results.txt")
	for rd.Scan() {
		res, ok := rd.Result().(*benchfmt.Result)
		if !ok {
			t.Fatalf("%v", rd.Result())
		}
		if res.GetConfig("goos") == "" || res.GetConfig("goarch") == "" || res.GetConfig("pkg") == "" {
			t.Fatalf("%s has no header", res.Name)
		}
		values += len(res.Values)
	}
	if err := rd.Err(); err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, r := range want.Results {
		if r.Part != curve && r.Part != rwCurve {
			written += len(r.Runs)
		}
	}
	if values != written {
		t.Errorf("%d values, want %d", values, written)
	}
	for _, line := range []string{
		"\nBenchmarkContended/procs=2/g=16/in=50/out=200/lock=rqlock-2 1000 10 ns/op\n",
		"\nBenchmarkContended/procs=1/g=16/in=0/out=0/lock=rqlock 1000 15 ns/op\n",
		"\nBenchmarkGoMutex/procs=8/bench=Slack/lock=rqlock-8 1000 10 ns/op\n",
		"\nBenchmarkWait/procs=2/g=16/in=1000/out=0/lock=qspin-2 1000 1100 p50-ns 1100 p99-ns 1100 p99.9-ns 1100 max-ns\n",
	} {
		if !bytes.Contains(b, []byte(line)) {
			t.Errorf("no line %q in\n%.2000s", line, b)
		}
	}
}

func TestTables(t *testing.T) {
	r := sample()
	for _, p := range parts {
		tb := p.table(r)
		for _, row := range tb.rows {
			if len(row) != len(tb.head) {
				t.Errorf("%s: row %q under %q", p.name, row, tb.head)
			}
		}
		var text, md strings.Builder
		tb.text(&text)
		tb.markdown(&md)
		if strings.Count(text.String(), "\n") != 2+len(tb.rows)+len(tb.notes) || strings.Count(md.String(), "|") < len(tb.rows)*len(tb.head) {
			t.Errorf("%s:\n%s\n%s", p.name, text.String(), md.String())
		}
		if strings.Contains(text.String(), "NaN") {
			t.Errorf("%s:\n%s", p.name, text.String())
		}
	}
}

// TestPage: each file of the page is there, and has its format. The page's prose ends
// before column 100.
func TestPage(t *testing.T) {
	files, err := sample().page()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"throughput", "wait-cdf", "fairness", "tax", "rw-throughput", "rw-wait-cdf"} {
		img, err := png.Decode(bytes.NewReader(files[name+".png"]))
		if err != nil {
			t.Errorf("%s.png: %v", name, err)
		} else if b := img.Bounds(); b.Dx() < 500 || b.Dy() < 300 {
			t.Errorf("%s.png: %v", name, b)
		}
		if err := wellFormed(files[name+".svg"]); err != nil {
			t.Errorf("%s.svg: %v", name, err)
		}
		if !bytes.Contains(files["README.md"], []byte("("+name+".svg)")) {
			t.Errorf("README.md does not show %s", name)
		}
	}
	for _, name := range []string{"results.json", "results.csv", "results.txt"} {
		if len(files[name]) == 0 {
			t.Errorf("no %s", name)
		}
	}
	for _, lock := range names(contenders()) {
		if !bytes.Contains(files["README.md"], []byte("| "+lock+" |")) {
			t.Errorf("README.md does not have %s", lock)
		}
	}
	for line := range strings.Lines(string(files["README.md"])) {
		if len(line) > 100 && line[0] != '|' && !strings.HasPrefix(line, "    ") {
			t.Errorf("README.md: long line %q", line)
		}
	}
}

// TestFewWaits: the curves of a few waits, or of waits that are all as long, can be drawn.
func TestFewWaits(t *testing.T) {
	for _, test := range []struct {
		iters, plots int
		wait         float64
	}{{1, 0, 5}, {2, 1, 5}, {1000, 1, 5}, {1000, 1, 0}} {
		r := new(Report)
		for _, q := range quantiles {
			r.Results = append(r.Results, Result{rwCurve, rwWaitCell + "/" + curveUnit(q), rq, "ns", test.iters, series{test.wait}})
		}
		ps, err := r.pictures()
		if err != nil || len(ps) != test.plots {
			t.Errorf("%+v: %d pictures, %v", test, len(ps), err)
			continue
		}
		for _, p := range ps {
			if _, _, err := p.render(); err != nil {
				t.Errorf("%+v: %v", test, err)
			}
		}
	}
}

func wellFormed(doc []byte) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	n := 0
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if _, ok := tok.(xml.StartElement); ok {
			n++
		}
	}
	if n < 50 {
		return fmt.Errorf("only %d elements", n)
	}
	return nil
}

// TestStyles: no two locks look the same.
func TestStyles(t *testing.T) {
	looks := map[string]string{}
	for _, c := range all {
		s := styleOf(c.name)
		look := fmt.Sprint(s.color, s.dashes)
		if other := looks[look]; other != "" {
			t.Errorf("%s looks like %s", c.name, other)
		}
		looks[look] = c.name
	}
}

// TestUse: bad use and failure have their exit codes, and print one line.
func TestUse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(broken, "odd"), 0o777), os.WriteFile(filepath.Join(broken, "odd", resultsFile), []byte("{"), 0o666)); err != nil {
		t.Fatal(err)
	}
	quick := []string{"-only", "memory", "-locks", "mutex", "-runs", "1", "-time", "1ms"}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, ""},
		{[]string{"-nonsense"}, 2, "nonsense"},
		{[]string{"-runs", "0"}, 2, "-runs"},
		{[]string{"-time", "0s"}, 2, "-time"},
		{[]string{"-time", "soon"}, 2, "soon"},
		{[]string{"-only", "nothing"}, 2, `"nothing"`},
		{[]string{"-locks", "mutex,none"}, 2, `"none"`},
		{[]string{"-cell", "procs=3"}, 2, `"procs=3"`},
		{[]string{"-csv", "x", "-json", "x"}, 2, "x"},
		{[]string{"-only", "kernel", "-locks", "mutex"}, 2, "-locks"},
		{[]string{"-only", "waits", "-locks", "qspin"}, 2, "-locks"},
		{[]string{"-only", "gomutex", "-cell", "case=chain"}, 2, "-cell"},
		{[]string{"-only", "rw", "-locks", "qspin"}, 2, "-locks"},
		{[]string{"-machine", "../x"}, 2, `"../x"`},
		{[]string{"-machine", "Xeon"}, 2, `"Xeon"`},
		{[]string{"-index"}, 2, "-o"},
		{[]string{"-index", "-o", filepath.Join(dir, "none")}, 1, "none"},
		{[]string{"more"}, 2, `"more"`},
		{append(quick, "-o", filepath.Join(file, "sub")), 1, "sub"},
		{append(quick, "-o", file), 1, "file"},
		{append(quick, "-o", broken), 1, filepath.Join("odd", "results.json")},
		{append(quick, "-csv", filepath.Join(dir, "no", "where.csv")), 1, "where.csv"},
		{append(quick, "-json", dir), 1, dir},
		{append(quick, "-json", os.DevNull), 1, os.DevNull},
	} {
		var stdout, stderr strings.Builder
		code := run(c.args, &stdout, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: exit code %d, %q", c.args, code, stderr.String())
		}
		lines := 1
		if code == 0 {
			lines = 0
		}
		if strings.Count(stderr.String(), "\n") != lines || code != 0 && stdout.Len() > 0 {
			t.Errorf("%q: want one line, got %q and %q", c.args, stderr.String(), stdout.String())
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRun: a short run of everything writes all files.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	dir := filepath.Join(t.TempDir(), "page")
	var stdout, stderr strings.Builder
	args := []string{"-runs", "1", "-time", "1ms", "-fair", "10ms", "-cell", "n=50", "-locks", "rqlock,qspin,mutex", "-o", dir, "-machine", "abacus"}
	if code := run(args, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit code %d, %s", code, stderr.String())
	}
	if got, want := filesOf(t, dir), []string{"README.md", "abacus"}; !reflect.DeepEqual(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	if list, err := os.ReadFile(filepath.Join(dir, "README.md")); !bytes.Contains(list, []byte("[abacus](abacus/README.md)")) {
		t.Errorf("the list does not have the machine: %v\n%s", err, list)
	}
	got := filesOf(t, filepath.Join(dir, "abacus"))
	want := []string{"README.md", "fairness.png", "fairness.svg", "results.csv", "results.json", "results.txt", "rw-throughput.png", "rw-throughput.svg", "rw-wait-cdf.png", "rw-wait-cdf.svg", "tax.png", "tax.svg", "throughput.png", "throughput.svg", "wait-cdf.png", "wait-cdf.svg"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	if strings.Contains(stdout.String(), "NaN") {
		t.Error(stdout.String())
	}
}

func filesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestStandardOutput: data on standard output is alone there.
func TestStandardOutput(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run([]string{"-only", "memory", "-locks", "mutex", "-json", "-"}, &stdout, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	if err := json.Unmarshal([]byte(stdout.String()), new(Report)); err != nil {
		t.Errorf("%v: %s", err, stdout.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestFull: a full disk is an error.
func TestFull(t *testing.T) {
	var stderr strings.Builder
	if code := run([]string{"-only", "memory", "-locks", "mutex"}, full{}, &stderr); code != 1 || stderr.String() != "rqbench: no space left\n" {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

// TestWriteFiles: no file is written if one of them cannot be.
func TestWriteFiles(t *testing.T) {
	dir := t.TempDir()
	a := filepath.Join(dir, "a")
	if err := writeFiles(map[string][]byte{a: []byte("1"), filepath.Join(dir, "b", "c"): nil}); err == nil {
		t.Error("no error")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := writeFiles(map[string][]byte{a: []byte("2")}); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(a); string(b) != "2" {
		t.Errorf("%q", b)
	}
}
