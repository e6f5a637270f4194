package rqvet_test

import (
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// TestBounds has code that would take minutes or gigabytes if the analyzer had no bounds. All of
// it takes a few seconds.
func TestBounds(t *testing.T) {
	t.Parallel()
	dir := module(t)
	for i, shape := range shapes {
		n := shape.n
		if testing.Short() {
			n = shape.short
		}
		name := fmt.Sprintf("p%d", i)
		write(t, filepath.Join(dir, name, "p.go"), "// Package "+name+": "+shape.name+".\npackage "+name+"\n\nimport \"github.com/rqlock/rqlock/rqlock\"\n\n"+shape.code(n))
	}
	const most = 5 * time.Minute
	hangs := time.AfterFunc(most, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("rqvet is not done after %v", most))
	})
	defer hangs.Stop()
	analyze(t, rqvet.Analyzer, dir, false, "./...")
}

// shapes are programs that grow with n.
var shapes = []struct {
	name     string
	n, short int
	code     func(n int) string
}{
	{"functions that call each other", 80, 20, func(n int) string {
		// Each calls 16 others, which lock and may end in two ways.
		return "type S struct {\n" + lines(n, "\tt# T\n") + `}

type T struct {
	mu        rqlock.Mutex
	open, how bool
}

func (t *T) set(how bool) {
	if t.mu.Lock() != nil {
		return
	}
	if how {
		t.open = true
	} else {
		t.open = false
	}
	t.mu.Unlock()
}
` + build(n, func(i int) string {
			var b strings.Builder
			fmt.Fprintf(&b, "\nfunc (s *S) f%d() {\n", i)
			for k := range 16 {
				fmt.Fprintf(&b, "\ts.t%d.set(s.t%d.how)\n", (i+k)%n, (i+17*k)%n)
			}
			fmt.Fprintf(&b, "\ts.f%d()\n\ts.f%d()\n}\n", (i+1)%n, (i+7)%n)
			return b.String()
		})
	}},
	{"calls with a lock held", 200, 30, func(n int) string {
		// Each locks what is its own and calls others, so that there is an order of any two.
		return lines(n, `
type T# struct {
	mu rqlock.Mutex
	n  int
}
`) + "\ntype S struct {\n" + lines(n, "\tt# T#\n") + "}\n" + build(n, func(i int) string {
			return fmt.Sprintf(`
func (s *S) f%[1]d() error {
	if err := s.t%[1]d.mu.Lock(); err != nil {
		return err
	}
	defer s.t%[1]d.mu.Unlock()
	s.t%[1]d.n++
	if err := s.f%[2]d(); err != nil {
		return err
	}
	return s.f%[3]d()
}
`, i, (i+1)%n, (i+7)%n)
		})
	}},
	{"an order of many locks", 1500, 100, func(n int) string {
		// Each locks what is its own and calls the next. No order is against another.
		return build(n, func(i int) string {
			next := "nil"
			if i > 0 {
				next = fmt.Sprintf("f%d()", i-1)
			}
			return fmt.Sprintf(`
var mu%[1]d rqlock.Mutex

func f%[1]d() error {
	if err := mu%[1]d.Lock(); err != nil {
		return err
	}
	defer mu%[1]d.Unlock()
	return %[2]s
}
`, i, next)
		})
	}},
	{"conditions that callers make of others", 60, 25, func(n int) string {
		// A condition on a and b is one on a+b and a-b for the next, and so on.
		return `var mu rqlock.Mutex

func f0(a, b int) error {
	if a == b {
		return mu.Lock()
	}
	return nil
}
` + build(n, func(i int) string {
			return fmt.Sprintf("\nfunc f%d(a, b int) error { return f%d(a+b, a-b) }\n", i+1, i)
		})
	}},
	{"branches", 1500, 300, func(n int) string {
		// All in one function.
		return "type S struct {\n\tmu rqlock.Mutex\n" + lines(n, "\tb# bool\n") + "}\n\nfunc (s *S) f() error {\n" + lines(n, `
	if s.b# {
		if err := s.mu.Lock(); err != nil {
			return err
		}
		s.mu.Unlock()
	}
`) + "\treturn nil\n}\n"
	}},
	{"returns", 1500, 300, func(n int) string {
		return "type S struct {\n\tmu rqlock.Mutex\n" + lines(n, "\tb# bool\n") + "}\n\nfunc (s *S) f() error {\n" + `
	if err := s.mu.Lock(); err != nil {
		return err
	}
` + lines(n, `
	if s.b# {
		s.mu.Unlock()
		return nil
	}
`) + "\ts.mu.Unlock()\n\treturn nil\n}\n"
	}},
	{"locks held at once", 400, 60, func(n int) string {
		return "type S struct {\n" + lines(n, "\tmu# rqlock.Mutex\n") + "}\n\nfunc (s *S) f() error {\n" + lines(n, `
	if err := s.mu#.Lock(); err != nil {
		return err
	}
	defer s.mu#.Unlock()
`) + "\treturn nil\n}\n"
	}},
	{"locks held or not", 400, 60, func(n int) string {
		return "type S struct {\n" + lines(n, "\tmu# rqlock.Mutex\n\tb# bool\n") + "}\n\nfunc (s *S) f() {\n" + lines(n, `
	if s.b# && s.mu#.TryLock() {
		defer s.mu#.Unlock()
	}
`) + "}\n"
	}},
	{"variables", 1500, 300, func(n int) string {
		// All are used to the end of a function of many branches.
		return "var mu rqlock.Mutex\n\nfunc get() int\n\nfunc f(b []bool) error {\n\tif err := mu.Lock(); err != nil {\n\t\treturn err\n\t}\n" +
			lines(n, "\tx# := get()\n\tif b[#] {\n\t\tx#++\n\t}\n") + lines(n, "\tprintln(x#)\n") + "\tmu.Unlock()\n\treturn nil\n}\n"
	}},
	{"fields that are set", 400, 60, func(n int) string {
		// Each sets a field, and what the next does.
		return "type S struct {\n\tmu rqlock.Mutex\n" + lines(n, "\tb# bool\n") + `}

func (s *S) f0() error { return s.mu.Lock() }
` + build(n, func(i int) string {
			return fmt.Sprintf(`
func (s *S) f%[2]d(is bool) error {
	if is {
		s.b%[1]d = true
	} else {
		s.b%[1]d = false
	}
	return s.f%[1]d(%[3]s)
}
`, i, i+1, []string{"", "!is"}[min(i, 1)])
		})
	}},
	{"calls in a row", 1500, 200, func(n int) string {
		// What is called sets many fields.
		return "type S struct {\n\tmu rqlock.Mutex\n" + lines(n, "\tb# bool\n") + `}

func (s *S) open() error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
` + lines(n, "\ts.b# = true\n") + `	s.mu.Unlock()
	return nil
}

func (s *S) use() {
` + lines(n, "\tif s.open() != nil {\n\t\tprintln(#)\n\t}\n") + "}\n"
	}},
	{"literals", 12, 5, func(n int) string {
		// Each of four calls n literals, which do so, too.
		var body func(depth int) string
		body = func(depth int) string {
			if depth == 0 {
				return "if mu.TryLock() {\n\tmu.Unlock()\n}\n"
			}
			return lines(n, "func() {\n"+body(depth-1)+"}()\n")
		}
		return "var mu rqlock.Mutex\n\nfunc f() {\n" + body(3) + "}\n"
	}},
}

// lines repeats text, with the number for "#".
func lines(n int, text string) string {
	return build(n, func(i int) string { return strings.ReplaceAll(text, "#", fmt.Sprint(i)) })
}

func build(n int, part func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(part(i))
	}
	return b.String()
}
