package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// A table of the report, for a terminal or a page.
type table struct {
	title string
	left  int // columns of words, on the left
	head  []string
	rows  [][]string
	notes []string // what follows from it
}

// text writes the table with aligned columns.
func (t table) text(w io.Writer) {
	fmt.Fprintln(w, t.title)
	// Words are padded here, as tabwriter aligns all columns to the same side.
	width := make([]int, t.left)
	for _, r := range append([][]string{t.head}, t.rows...) {
		for i := range width {
			width[i] = max(width[i], len([]rune(r[i])))
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, r := range append([][]string{t.head}, t.rows...) {
		for i, s := range r {
			if i < t.left {
				s = fmt.Sprintf("%-*s", width[i], s)
			}
			fmt.Fprint(tw, s, "\t")
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	for _, n := range t.notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
}

// markdown writes the table for a page.
func (t table) markdown(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n|", wrap(t.title+".", ""))
	for _, h := range t.head {
		fmt.Fprintf(w, " %s |", h)
	}
	fmt.Fprint(w, "\n|")
	for i := range t.head {
		if i < t.left {
			fmt.Fprint(w, "---|")
		} else {
			fmt.Fprint(w, "---:|")
		}
	}
	fmt.Fprintln(w)
	for _, r := range t.rows {
		fmt.Fprint(w, "|")
		for _, s := range r {
			fmt.Fprintf(w, " %s |", strings.TrimSpace(s))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	for _, n := range t.notes {
		fmt.Fprintf(w, "- %s\n", wrap(n, "  "))
	}
	if len(t.notes) > 0 {
		fmt.Fprintln(w)
	}
}

// wrap breaks a text into lines of at most 96 characters, and indents all but the first.
func wrap(text, indent string) string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last >= 0 && len(indent)+len(lines[last])+1+len(word) <= 96 {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return strings.Join(lines, "\n"+indent)
}

// number shows x with about three digits, or a dash if it was not measured.
func number(x float64) string {
	switch {
	case math.IsNaN(x):
		return "-"
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// fraction shows a ratio.
func fraction(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.2f", x)
}

// duration shows nanoseconds.
func duration(ns float64) string {
	d := time.Duration(ns)
	switch {
	case math.IsNaN(ns):
		return "-"
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	}
	return d.String()
}

// verdict says whether a result is within its bar.
func verdict(got, bar float64) string {
	if math.IsNaN(got) {
		return unmeasured
	}
	return fmt.Sprintf("bar %.2f: %s", bar, kept(got, bar))
}

// kept is verdict without the bar.
func kept(got, bar float64) string {
	switch {
	case math.IsNaN(got):
		return unmeasured
	case got <= bar:
		return keptWord
	}
	return missedWord
}

const keptWord, missedWord, unmeasured = "kept", "MISSED", "not measured"

// over shows a ratio, with a mark if it is over its bar.
func over(ratio, bar float64) string { return marked(ratio, ratio > bar) }

func marked(ratio float64, mark bool) string {
	if mark {
		return fraction(ratio) + "!"
	}
	return fraction(ratio) + " "
}

// span shows the confidence interval of the median, or the range if there are too few runs.
func (s series) span() string {
	if !measured(s) {
		return "-"
	}
	lo, hi := s.interval()
	return number(lo) + "-" + number(hi)
}

// withSpan shows a ratio and its interval.
func withSpan(s series) string {
	if !measured(s) {
		return "-"
	}
	return fraction(s.median()) + " (" + s.span() + ")"
}
