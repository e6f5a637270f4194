package bench

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// page returns the files of a directory that shows the results: a page with
// tables and plots, and the data.
func (r *Report) page() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, format := range map[string]func() ([]byte, error){"results.json": r.json, "results.csv": r.csv, "results.txt": r.benchstat} {
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

var pageTemplate = template.Must(template.New("page").Parse(`# Locks, measured

Written by ` + "`make bench`" + ` ({{.Machine.Date}}). Locks take turns: each round measures each of them once, and starts with another one. Times are medians
of {{.Runs}} runs of {{.Time}} or so, ratios are medians of the rounds' ratios. Ratios of times below 1 mean that rqlock is faster.

| machine | |
|---|---|
{{range .Facts}}| {{index . 0}} | {{index . 1}} |
{{end}}
Machines like this one differ from others in what a contended cache line costs: take the ratios with you, not the times.

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

## Again, and the data

    go run -tags lockdep ./rqlock/cmd/bench/rqbench -o docs/bench    # make bench does it
    go run golang.org/x/perf/cmd/benchstat@latest -col /lock -filter .name:Contended docs/bench/results.txt

Every run of every lock is in [results.json](results.json), [results.csv](results.csv) and, for benchstat, [results.txt](results.txt).
`))

// pictureTexts say how to read the plots.
var pictureTexts = map[string]string{
	"throughput": "More is better. With work between the sections (left) the processors set the limit and good locks are close together; with nothing between (right) it shows what a handover costs.",
	"wait-cdf":   "A curve that ends further left has shorter longest waits: follow 0.1 % to the right to find each lock's p99.9.",
	"fairness":   "1 is fair: all goroutines got the lock equally often.",
	"tax":        "rqlock beside the same queued lock without owner, deadlock detection and timeouts; right, beside what was published for the kernel's rqspinlock and qspinlock. Left of 1 resilience costs throughput. Ranges are cut off at 0.5 and 1.7.",
}

type (
	pagePicture struct{ Name, Title, Text string }
	pageLock    struct{ Name, What, From string }
)

// markdown fills the page in.
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

// absent says who was not measured, and why.
func (r *Report) absent() (as []string) {
	for _, m := range missing {
		as = append(as, m.name+": "+m.why)
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

// facts are what the page says of the machine.
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
