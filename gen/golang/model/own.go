package model

import (
	"fmt"
	"go/format"
	"path"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// A Lock is a package with a lock, and with the primitives of a table of its own.
type Lock struct {
	Dir    string // in the repository
	Name   string // of the package, and of the file that has the lock
	Table  string // the file that has the table
	Copy   string // the copy's directory, under rqlock/internal/model
	Words  []spec.Word
	Rows   []*spec.Row // derived
	Shared []string    // types whose plain fields others access
}

// source returns what is copied of l.
func (l Lock) source() Source {
	s := Source{
		Name: l.Copy, table: l.Table, shared: l.Shared, pausing: []string{"Gosched"},
		parts: []part{{l.Dir, []string{l.Name + ".go"}}},
	}
	for _, r := range l.Rows {
		if r.Order != spec.NoAccess {
			s.stubbed = append(s.stubbed, r.Name)
		}
	}
	return s
}

// prims renders the words and primitives of l, as the explorer has them.
func (l Lock) prims() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n\npackage %s\n\nimport (\n\t\"unsafe\"\n\n\t%q\n)\n\n", emit.Header(l.Table), path.Base(l.Copy), twins+engine)
	for _, w := range l.Words {
		fmt.Fprintf(&b, "// %[1]s is %[2]s.%[1]s.\ntype %[1]s struct{ Val %[3]s }\n\n", w.Name, l.Name, w.Type())
		for _, f := range w.Fields {
			fmt.Fprintf(&b, "// The constants of field %s.\nconst (\n", f.Name)
			fmt.Fprintf(&b, "%s = %d\n", w.Const(f.Name, "Shift"), f.Shift)
			fmt.Fprintf(&b, "%s %s = %#x\n", w.Const(f.Name, "Val"), w.Type(), uint64(1)<<f.Shift)
			fmt.Fprintf(&b, "%s %s = %#x\n)\n\n", w.Const(f.Name, "Mask"), w.Type(), f.Mask())
		}
	}
	if slices.ContainsFunc(l.Rows, func(r *spec.Row) bool { return r.Op == spec.Fence }) {
		b.WriteString("// fence is what stands for the order of all fences.\nvar fence uint64\n\n")
	}
	if slices.ContainsFunc(l.Rows, (*spec.Row).Waits) {
		b.WriteString(stepMark)
	}
	for _, r := range l.Rows {
		src, err := twin(r)
		if err != nil {
			return nil, err
		}
		b.WriteString(src)
	}
	b.WriteString("// Orders has the ordering of each primitive.\nvar Orders = map[string]mc.Order{\n")
	for _, r := range l.Rows {
		if r.Order != spec.NoAccess {
			fmt.Fprintf(&b, "%q: mc.%s,\n", r.Name, orderNames[r.Order])
		}
	}
	b.WriteString("}\n")
	return format.Source([]byte(b.String()))
}

// operators has what a read-modify-write does with the old value and the operand.
var operators = map[string]string{"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^", "andnot": "&^"}

// bodyOf returns what the row does in the explorer, as a template; see bodies.
func bodyOf(r *spec.Row) (string, error) {
	if text, ok := bodies[r.Op]; ok {
		return text, nil
	}
	if u, ok := spec.Updates[r.Op]; ok {
		operand, result := "uint64(v)", "{{.Type}}(%s)"
		if u.Unary {
			operand = "{{.Bit}}"
		}
		sum := "(old " + operators[u.Verb] + " " + operand + ") & {{.Mask}}"
		if u.Field {
			sum, result = "old&^{{.Mask}} | (old "+operators[u.Verb]+" "+operand+"&{{.Mask}})&{{.Mask}}", result+" & {{.Mask}}"
		}
		call := `mc.Update(site, "{{.Name}}", unsafe.Pointer({{.Pointer}}), {{.Width}}, mc.{{.Order}}, func(old uint64) (uint64, bool) {
		return ` + sum + `, true
	})`
		if u.Fetch {
			call = "return " + fmt.Sprintf(result, call)
		}
		return call, nil
	}
	if a, ok := spec.Awaits[r.Op]; ok && a.Then == "" {
		found := "v"
		if a.Masked {
			found = "v&mask"
		}
		// Whoever waits within a budget waits again, so there is one wait here.
		return `mc.Enter(-2)
	defer mc.Leave()
	for {
		mc.Forget()
		v := {{.Type}}(mc.LoadWord(at(site, 1), "{{.Name}}", unsafe.Pointer(p), {{.Width}}, mc.{{.Order}}))
		if ` + found + ` ` + a.Is + ` want {
			return v
		}
		mc.Pause(at(site, 2))
	}`, nil
	}
	if r.Op == spec.Fence && r.Order == spec.SeqCst {
		// All such fences have one order, and each brings along what those before it have seen.
		return `mc.Update(site, "{{.Name}}", unsafe.Pointer(&fence), 64, mc.{{.Order}}, func(v uint64) (uint64, bool) { return v, true })`, nil
	}
	return "", fmt.Errorf("row %s: operation %s, %s, has no body in the model", r.Name, r.Op, r.Order)
}
