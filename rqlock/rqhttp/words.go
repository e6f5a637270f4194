package rqhttp

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A markup is HTML or SVG that is being written.
type markup struct{ strings.Builder }

// raw is markup that is written as it is.
type raw string

// add writes a format of markup with data in it. Data that are no numbers are made harmless.
func (m *markup) add(format string, data ...any) {
	for i, d := range data {
		switch d := d.(type) {
		case int, int64, uint64, float64:
		case raw:
			data[i] = string(d)
		default:
			data[i] = html.EscapeString(printable(fmt.Sprint(d)))
		}
	}
	fmt.Fprintf(m, format, data...)
}

// printable shows what cannot be seen, or changes how the rest is seen, as Go's syntax has it.
func printable(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], string(unicode.ReplacementChar)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// cut shortens a text to so many characters.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// units are what a duration is said in: the first of which there are enough.
var units = []struct {
	name         string
	size, enough time.Duration
}{
	{"day", 24 * time.Hour, 2}, {"hour", time.Hour, 2}, {"minute", time.Minute, 2},
	{"second", time.Second, 1}, {"millisecond", time.Millisecond, 1}, {"microsecond", time.Microsecond, 1},
}

// words says a duration in words, cut to a whole number of one unit.
func words(d time.Duration) string {
	for _, u := range units {
		if d >= u.enough*u.size {
			return count(int(d/u.size), u.name)
		}
	}
	return "no time"
}

// count says how many there are of what has a regular plural.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// wait says how many goroutines wait.
func wait(n int) string {
	if n == 1 {
		return "1 goroutine waits"
	}
	return number(n) + " goroutines wait"
}

// number groups digits.
func number[N int | uint64](n N) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
