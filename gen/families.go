package main

import (
	"bytes"
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
	Orders            []string // a mark for each ordering that the operation may have
}

// families lists all operations.
func families() []family {
	var all []family
	for _, op := range spec.Ops() {
		f := family{Name: op.Constant(), Object: op.Objects(), Sig: op.Signature()}
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

// familiesPage is the name of the page.
var familiesPage = strings.ReplaceAll(page, "primitives", "families")
