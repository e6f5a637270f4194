package bench

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// page returns the files of a directory that shows the results: a page with tables and
// plots, and the data.
func (r *Report) page() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, format := range map[string]func() ([]byte, error){resultsFile: r.json, "results.csv": r.csv, "results.txt": r.benchstat} {
		b, err := format()
		if err != nil {
			return nil, err
		}
		files[name] = b
	}
	pics, err := r.pictures()
	if err != nil {
		return nil, err
	}
	for _, p := range pics {
		if files[p.name+".svg"], files[p.name+".png"], err = p.render(); err != nil {
			return nil, err
		}
	}
	files["README.md"], err = r.markdown(pics)
	return files, err
}

var pageTemplate = template.Must(template.New("page").Parse(`# Locks, measured: {{.Machine.Kind}}

` + "`make bench`" + ` has written this page ({{.Machine.Date}}). The locks take turns: each round measures
each of them once, and begins with another one. Times are medians of {{.Runs}} runs of about {{.Time}}.
Ratios are medians of the rounds' ratios. If a ratio of times is below 1, rqlock is faster. In the
tables of reader-writer locks, rqlock is its RWMutex, else its Mutex.

| machine | |
|---|---|
{{range .Facts}}| {{index . 0}} | {{index . 1}} |
{{end}}
Machines differ in the cost of a contended cache line, so the ratios are more useful elsewhere
than the times.

{{range .Pictures}}## {{.Title}}

![{{.Title}}]({{.Name}}.svg)

{{.Text}}

{{end}}## Tables

{{range .Tables}}{{.}}{{end}}## Who took part

| lock | what it is | from |
|---|---|---|
{{range .Locks}}| {{.Name}} | {{.What}} | {{.From}} |
{{end}}
Not measured:
{{range .Missing}}
- {{.}}{{end}}

## The data

Every run of every lock is in [results.json](results.json), [results.csv](results.csv) and, for
benchstat, [results.txt](results.txt). These commands measure again, and compare the locks:

    make bench
    go run golang.org/x/perf/cmd/benchstat@latest -col /lock -filter .name:Contended docs/bench/{{.Machine.Kind}}/results.txt

[Other machines](../README.md)
`))

// pictureTexts say how to read the plots.
var pictureTexts = map[string]string{
	"throughput": `More is better. On the left there is work between the sections. There the processors are the
limit, and good locks are close together. On the right there is none, which shows what a
hand-off costs.`,
	"wait-cdf": `A curve that ends further left has shorter longest waits. The point of a curve at 0.1 % is the
lock's p99.9.`,
	"fairness":      `1 is fair: all goroutines acquired the lock equally often.`,
	"rw-throughput": `More is better. On the left nobody writes, and on the right every other section does.`,
	"rw-wait-cdf":   `A curve that ends further left has shorter longest waits of the writer.`,
	"tax": `On the left, rqlock beside the same queued lock without owner, deadlock detection and timeouts.
On the right, the same for the kernel's benchmarks, here and as published for its rqspinlock
and qspinlock. Left of 1, resilience costs throughput. Ranges are cut off at 0.5 and 1.7.`,
}

type (
	pagePicture struct{ Name, Title, Text string }
	pageLock    struct{ Name, What, From string }
)

// markdown returns the page.
func (r *Report) markdown(pics []picture) ([]byte, error) {
	data := struct {
		*Report
		Facts    [][2]string
		Pictures []pagePicture
		Tables   []string
		Locks    []pageLock
		Missing  []string
	}{Report: r, Facts: r.Machine.facts(), Missing: r.absent()}
	for _, p := range pics {
		data.Pictures = append(data.Pictures, pagePicture{p.name, p.title, pictureTexts[p.name]})
	}
	for _, p := range parts {
		if r.Results.has(p.name) {
			var b strings.Builder
			p.table(r).markdown(&b)
			data.Tables = append(data.Tables, b.String())
		}
	}
	for _, c := range all {
		if slices.Contains(r.Locks, c.name) {
			data.Locks = append(data.Locks, pageLock{c.name, c.what, c.from})
		}
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, data)
	return b.Bytes(), err
}

// absent lists the locks that were not measured, with the reasons.
func (r *Report) absent() (as []string) {
	for _, m := range missing {
		as = append(as, wrap(m.name+": "+m.why, "  "))
	}
	for _, c := range all {
		switch {
		case slices.Contains(r.Locks, c.name):
		case c.name == "gvisor-lockdep" && !lockdep:
			as = append(as, c.name+": not built with -tags lockdep")
		default:
			as = append(as, c.name+": not asked for")
		}
	}
	return as
}

// facts are the lines of the page about the machine.
func (m Machine) facts() (fs [][2]string) {
	add := func(what, value string) {
		if value != "" {
			fs = append(fs, [2]string{what, value})
		}
	}
	kind := ""
	if m.Virtual {
		kind = ", of a virtual machine"
	}
	add("processor", m.CPU)
	add("cores", fmt.Sprintf("%d%s", m.Cores, kind))
	add("caches", strings.Join(m.Caches, ", "))
	add("governor", m.Governor)
	add("system", m.System+" "+m.Arch)
	add("Go", m.Go)
	add("GOMAXPROCS", fmt.Sprintf("%d; the cells say theirs", m.Procs))
	add("load before", m.Load)
	return fs
}
