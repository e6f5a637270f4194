package main

import (
	"bytes"
	"go/format"
	"strings"
	"text/template"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/spec"
	"github.com/rqlock/rqlock/templates"
)

// A family is a line of the page that says what rows can do.
type family struct {
	Name, Object, Sig string
	Does              string   // the first sentence of its documentation, for Markdown
	Orders            []string // a mark for each ordering that the operation may have
}

// markdown quotes what Markdown takes for emphasis, or for the end of a table's cell.
var markdown = strings.NewReplacer("*", `\*`, "_", `\_`, "|", `\|`)

// families lists all operations.
func families() []family {
	var all []family
	for _, op := range spec.Ops() {
		does, _, _ := strings.Cut(strings.TrimSuffix(op.Does(), "."), ". ")
		f := family{Name: op.Constant(), Object: op.Objects(), Sig: op.Signature(), Does: markdown.Replace(does)}
		for _, order := range []engine.Order{engine.Relaxed, engine.Acquire, engine.Release, engine.AcqRel, engine.SeqCst} {
			mark := "-"
			for _, o := range op.Orders() {
				if o == order {
					mark = "x"
				}
			}
			f.Orders = append(f.Orders, mark)
		}
		all = append(all, f)
	}
	return all
}

// renderFamilies makes the page.
func renderFamilies(t engine.Table) ([]byte, error) {
	tmpl, err := template.ParseFS(templates.FS, "families.md.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = tmpl.Execute(&b, struct {
		Header   string
		Families []family
	}{emit.Header(t.Source), families()})
	return b.Bytes(), err
}

// renderOps makes the constants of the engine's users.
func renderOps(t engine.Table) ([]byte, error) {
	tmpl, err := template.New("ops.go.tmpl").Funcs(template.FuncMap{
		"comment": func(op spec.Op) string {
			return "\t// " + strings.Join(spec.WrapAt(op.Constant()+" "+op.Does(), 92), "\n\t// ")
		},
	}).ParseFS(templates.FS, "ops.go.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, struct {
		Header string
		Ops    []spec.Op
	}{emit.Header(t.Source), spec.Ops()}); err != nil {
		return nil, err
	}
	return format.Source(b.Bytes())
}

// familiesPage is the name of the page.
var familiesPage = strings.ReplaceAll(page, "primitives", "families")
