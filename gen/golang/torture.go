package golang

import (
	"fmt"
	"strings"

	"github.com/rqlock/rqlock/gen/spec"
)

// tortureTestFile emits the concurrent tests. Each operation has an invariant that
// its rows must keep under any interleaving.
func tortureTestFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	for _, r := range c.Rows {
		o := r.Op.Get().Torture
		if o == nil {
			continue // it shares no memory
		}
		name := o.Name
		if name == "" {
			name = "{{.Name}}"
		}
		parts := make([]string, 3)
		for i, text := range []string{name, o.That, o.Body} {
			var err error
			if parts[i], err = c.rowText(r, text); err != nil {
				return nil, fmt.Errorf("row %s: %w", r.Name, err)
			}
		}
		if parts[2] == "" {
			continue // another row has the test
		}
		f.Add(source(strings.NewReplacer("DOC", comment("TestTorture"+parts[0]+" checks that "+parts[1]), "NAME", parts[0], "BODY", parts[2]).Replace(tortureTest)))
	}
	return file("ztorture_test.go", f)
}

const tortureTest = `DOC
func TestTortureNAME(t *testing.T) {
	torture(t, func(t *testing.T, n int) {
		BODY
	})
}`

// peer finds the row that the test of another row needs beside it, or nil.
func (c *Config) peer(op spec.Op, width int, fits func(spec.Order) bool) *spec.Row {
	for _, r := range c.Rows {
		if r.Op == op && r.Width == width && fits(r.Order) {
			return r
		}
	}
	return nil
}

func anyOrder(spec.Order) bool   { return true }
func relaxed(o spec.Order) bool  { return !o.Acquires() && !o.Releases() }
func acquires(o spec.Order) bool { return o.Acquires() }
func releases(o spec.Order) bool { return o.Releases() }
