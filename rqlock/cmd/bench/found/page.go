package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What a program said, in the words of the page.
const (
	hangs     = "hangs"
	goesOn    = "goes on"
	deadlocks = "deadlock"
	isHeld    = "held long"
	timesOut  = "timeout"
	order     = "order"
)

// verdict says what was said.
func (r *result) verdict() string {
	switch {
	case strings.Contains(r.out, "rqlock/sync: deadlock:"), strings.Contains(r.out, "Recursive locking"):
		return deadlocks
	case strings.Contains(r.out, "rqlock/sync: held long:"):
		return isHeld
	case strings.Contains(r.out, "Inconsistent locking"):
		return order
	case strings.Contains(r.out, "POTENTIAL DEADLOCK"):
		return timesOut
	case r.code == -1:
		return hangs
	case strings.Contains(r.out, "it goes on"):
		return goesOn
	}
	return fmt.Sprintf("exit status %d", r.code)
}

// cell is what the table has.
func (r *result) cell() string {
	v := r.verdict()
	if v == hangs || v == goesOn {
		return v
	}
	return fmt.Sprintf("%s, %s", v, r.said.Round(100*time.Millisecond))
}

var (
	addresses = regexp.MustCompile(`0x[0-9a-f]+`)
	places    = regexp.MustCompile(`\t\S*/found/programs/`)
	goPlaces  = regexp.MustCompile(`\t\S*/src/`)
	rqPlaces  = regexp.MustCompile(`\t\S*/rqlock/sync/`)
)

// excerpt is the beginning of a report, without what differs from run to run or is of this
// machine.
func (r *result) excerpt() string {
	text, _, _ := strings.Cut(r.out, "\npanic: ")
	text = addresses.ReplaceAllString(text, "0x...")
	text = places.ReplaceAllString(text, "\t")
	text = goPlaces.ReplaceAllString(text, "\t$$GOROOT/src/")
	text = rqPlaces.ReplaceAllString(text, "\trqlock/sync/")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	const most = 30
	if len(lines) > most {
		lines = append(lines[:most], "...")
	}
	return strings.Join(lines, "\n")
}

// wrapped breaks a sentence into lines, and begins it with a capital.
func wrapped(s string) string {
	const widest = 98
	var b strings.Builder
	width := 0
	for i, word := range strings.Fields(strings.ToUpper(s[:1]) + s[1:]) {
		switch {
		case i == 0:
		case width+1+len(word) > widest:
			b.WriteString("\n")
			width = 0
		default:
			b.WriteString(" ")
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

// shown are the programs whose reports the page shows: one of each kind of report.
var shown = []string{"evict", "close", "reader", "send", "waitgroup", "ended"}

// page is docs/found.md.
func page(rows []row, limit time.Duration) string {
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name)) })
	var b strings.Builder
	fmt.Fprintf(&b, `# What it found

%d programs have mistakes of the kinds that real programs have. Each was run with Go's package
sync, with go-deadlock as it is by default, and with rqlock/sync, for %v at most. The programs are
in rqlock/cmd/bench/found/programs. `+"`make found`"+` has written this page.

The table has what was said first, and after how long:

- "hangs" means that nothing was said.
- "deadlock" names the cycle, and where each of its goroutines waits.
- "held long" says that a lock was granted to nobody for the stall timeout, and what its holder
  does.
- "order" says that two locks are taken in both orders.
- "timeout" says that a lock was not acquired in 30 s.
- "goes on" means that the program ends as it should.

| kind | program | sync | go-deadlock | rqlock/sync |
|---|---|---|---|---|
`, len(rows), limit)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s: %s |", r.kind, r.name, r.what)
		for i := range r.results {
			fmt.Fprintf(&b, " %s |", r.results[i].cell())
		}
		b.WriteString("\n")
	}
	b.WriteString(`
Packages fmt and log/slog recover the panic of such a method, and write it in place of the value.
So those programs go on after the report.

If a goroutine holds a lock while it waits for something that is no lock, nobody can know that
this is a deadlock: another goroutine might send, or be done. There the report shows where the
holder is blocked. A reader that reads again is let in past a writer that waits, and so is a reader
that holds up the writer that it waits behind. Such a program goes on.

## What it says
`)
	for _, name := range shown {
		for _, r := range rows {
			if r.name == name {
				fmt.Fprintf(&b, "\n### %s: %s\n\n%s.\n\n```\n%s\n```\n", r.kind, r.name, wrapped(r.what), r.results[len(r.results)-1].excerpt())
			}
		}
	}
	return b.String()
}
