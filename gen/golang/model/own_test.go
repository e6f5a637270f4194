package model

import (
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/spec"
)

// TestBodies: each family has the steps that its rows say, and what the explorer cannot do is
// an error of one line.
func TestBodies(t *testing.T) {
	word := &spec.Word{Name: "W", Bits: 64, Fields: []spec.Field{{Name: "f", Shift: 8, Bits: 4}}}
	for _, test := range []struct {
		row  spec.Row
		want string // in the twin, or in the error
	}{
		{spec.Row{Op: "fetch-sub", Width: 16, Order: spec.Release}, "return (old - uint64(v)) & 0xffff, true"},
		{spec.Row{Op: "inc", Width: 64, Order: spec.Relaxed}, "return (old + 0x1) & 0xffffffffffffffff, true"},
		{spec.Row{Op: "fetch-and-field", Word: "W", Field: "f", Order: spec.AcqRel}, "return old&^0xf00 | (old & uint64(v)&0xf00)&0xf00, true\n\t})) & 0xf00"},
		{spec.Row{Op: "dec-field", Word: "W", Field: "f", Order: spec.Acquire}, "return old&^0xf00 | (old - 0x100&0xf00)&0xf00, true"},
		{spec.Row{Op: spec.Op("await-lt-masked"), Width: 32, Order: spec.Acquire}, "if v&mask < want {"},
		{spec.Row{Op: spec.Fence, Order: spec.SeqCst}, "unsafe.Pointer(&fence), 64, mc.SeqCst,"},
		{spec.Row{Op: spec.Fence, Order: spec.Acquire}, "row R: operation fence, acquire, has no body in the model"},
		{spec.Row{Op: spec.Op("await-eq-then-add"), Width: 32, Order: spec.Acquire}, "row R: operation await-eq-then-add, acquire, has no body in the model"},
	} {
		test.row.Name = "R"
		rows, err := spec.Derive([]*spec.Row{&test.row}, word)
		if err != nil {
			t.Errorf("%s: %v", test.row.Op, err)
			continue
		}
		got, err := twin(rows[0])
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: want %q in\n%s", test.row.Op, test.want, got)
		}
	}
}
