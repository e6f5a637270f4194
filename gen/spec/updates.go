package spec

import (
	"slices"
	"strings"
)

// An Update is what a read-modify-write does to what it finds.
type Update struct {
	Verb  string // add, sub, and, or, xor or andnot
	Unary bool   // Inc or Dec: the operand is 1
	Fetch bool   // it returns the value before
	Field bool   // it changes a field of a word
}

// Updates has the read-modify-writes. Those with Fetch return the value before. Those with
// Field change a field of a word and no other bit: a sum wraps around in the field, and bits
// outside of it are ignored.
var Updates = map[Op]Update{}

// verbs has the arithmetic of each operation on v, the operand.
var verbs = map[string]string{
	"add": "adds v to %s", "sub": "subtracts v from %s", "and": "clears the bits of %s that v does not have",
	"or": "sets the bits of v in %s", "xor": "flips the bits of v in %s", "andnot": "clears the bits of v in %s",
	"inc": "adds 1 to %s", "dec": "subtracts 1 from %s",
}

func init() {
	for verb, does := range verbs {
		for _, fetch := range []bool{false, true} {
			for _, field := range []bool{false, true} {
				u := Update{Verb: verb, Fetch: fetch, Field: field}
				if i := slices.Index([]string{"inc", "dec"}, verb); i >= 0 {
					u.Unary, u.Verb = true, []string{"add", "sub"}[i]
				}
				o := updateOperation(verb, does, u)
				Register(o)
				Updates[o.Op] = u
			}
		}
	}
}

func updateOperation(verb, does string, u Update) Operation {
	o := Operation{
		Op: Op(verb), On: Whole, Orders: updates, Reads: true, Writes: true, Race: byOrder,
		Atomic: map[string]string{"add": "Add", "sub": "Add", "and": "And", "or": "Or", "xor": "CompareAndSwap", "andnot": "And"}[u.Verb],
		Twin:   twinUpdate, Oracle: oracleUpdate,
		Torture: &Torture{That: "no update is lost, and none changes another bit.", Body: tortureUpdate},
	}
	object, param := "*p", "p"
	if u.Field {
		o.On, o.Oracle = OneField, oracleFieldUpdate
		object, param = "FIELD", "val"
	}
	o.Does = strings.ReplaceAll(does, "%s", object)
	o.Sig = "func(" + param + " *uintN, v uintN)"
	if u.Unary {
		o.Sig = "func(" + param + " *uintN)"
	}
	if u.Fetch {
		o.Op, o.Sig = "fetch-"+o.Op, o.Sig+" (old uintN)"
		o.Does += ", and returns what it was before"
	}
	if u.Field {
		o.Op += "-field"
		o.Does += ". Values are in the field's place in the word, and their other bits are ignored"
	}
	o.Does += "."
	return o
}

const (
	// A loop around a compare-and-exchange does any of them.
	twinUpdate = `{{.SetUp}}
{{if .Update.Fetch}}return {{.Left}}{{end}}updateBits{{.WordBits}}({{.At}}, {{.Mask}}, func(old uint{{.WordBits}}) uint{{.WordBits}} {
	return old {{.Verb}} ({{.Operand}})
}){{if .Update.Fetch}}{{.Right}}{{end}}`

	oracleUpdate = `before := *p
*p = before {{.Verb}} {{if .Update.Unary}}1{{else}}{{.As "v"}}{{end}}
return {{if .Update.Fetch}}before{{else}}nil{{end}}`

	// It computes on the whole word, and puts the field's part of that in place.
	oracleFieldUpdate = `before := *val
after := (before & {{.Mask}}) {{.Verb}} ({{if .Update.Unary}}{{.One}}{{else}}{{.As "v"}}{{end}} & {{.Mask}})
*val = before&^{{.Mask}} | after&{{.Mask}}
return {{if .Update.Fetch}}before & {{.Mask}}{{else}}nil{{end}}`

	// Workers change many objects, one after the other. What they do commutes, so each object
	// is in the end what plain arithmetic makes of all of it.
	tortureUpdate = `fold(t, n, {{if .Update.Field}}{{.Mask}}{{else}}^{{.T}}(0){{end}}, func({{.P}} *{{.T}}, v {{.T}}) {
	{{.Name}}({{.P}}{{if not .Update.Unary}}, v{{end}})
}, func(all, v {{.T}}) {{.T}} {
	return all {{.Verb}} {{if not .Update.Unary}}v{{else if .Update.Field}}{{.One}}{{else}}1{{end}}
})`
)
