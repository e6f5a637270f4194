package golang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// primsTestFile emits the tests of single primitives. They check that every build
// agrees with plain arithmetic.
func primsTestFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	c.knownVariants(f)
	c.constantsTest(f)
	for _, r := range c.Rows {
		o := r.Op.Get()
		if o.Oracle != "" {
			harness, ok := harnesses[o.Harness]
			if !ok {
				return nil, fmt.Errorf("row %s: no harness %q for its oracle", r.Name, o.Harness)
			}
			if err := c.addText(f, r, strings.ReplaceAll(fuzzTest, "HARNESS", strings.ReplaceAll(harness, "ORACLE", o.Oracle))); err != nil {
				return nil, err
			}
		}
		if o.Test != "" {
			if err := c.addText(f, r, strings.ReplaceAll(propertyTest, "TEST", o.Test)); err != nil {
				return nil, err
			}
		}
	}
	return file("zprims_test.go", f)
}

// addText adds what a template makes of a row.
func (c *Config) addText(f *jen.File, r *spec.Row, text string) error {
	code, err := c.code(r, text)
	if err != nil {
		return fmt.Errorf("row %s: %w", r.Name, err)
	}
	f.Add(code)
	return nil
}

// A fuzz test checks that the oracle, the portable twin and the public function do the same
// to an object and its neighbours. Its inputs are all uint64.
const fuzzTest = `{{comment (print "Fuzz" .Name " compares " .Name " and its twin with plain arithmetic.")}}
func Fuzz{{.Name}}(f *testing.F) {
HARNESS
}`

// harnesses has what a fuzz test does, by what the operation works on.
var harnesses = map[string]string{
	"": `	addInputs(f, {{len .Inputs}})
	f.Fuzz(func(t *testing.T, {{join .Inputs}} uint64) {
		{{.EachInput}}differAt(t, {{.Start}}, around, ops[{{.T}}]{
			oracle: func({{.P}} *{{.T}}) any {
				ORACLE
			},
			portable: func({{.P}} *{{.T}}) any {
				{{.Outcome (print .Impl "Portable")}}
			},
			public: func({{.P}} *{{.T}}) any {
				{{.Outcome .Name}}
			},
		}){{.EndEach}}
	})`,
	// A lock word and its owner are random, or those with which the operation succeeds. No
	// lock has another value of locked than 0 and 1, and bodies differ there.
	"lock": `	addInputs(f, 3)
	f.Fuzz(func(t *testing.T, word, foreign, around uint64) {
		for _, val := range []uint32{0, {{.ValOf "locked"}}, uint32(word)&^({{.MaskOf "locked"}}&^{{.ValOf "locked"}})} {
			for _, owner := range []uintptr{0, CurrentG(), uintptr(foreign)} {
				differ(t, amid(around, {{.T}}{Val: val, Aux: uint32(around), Owner: owner}), ops[between[{{.T}}]]{
					oracle: func(m *between[{{.T}}]) any {
						w := &m.word
						ORACLE
					},
					portable: func(m *between[{{.T}}]) any {
						return {{.Impl}}Portable(&m.word)
					},
					public: func(m *between[{{.T}}]) any {
						return {{.Name}}(&m.word)
					},
				})
			}
		}
	})`,
	// It is free, or owned by the current goroutine or another one, and open or closed, with a
	// sleeper or without.
	"owned": `	addInputs(f, 3)
	f.Fuzz(func(t *testing.T, word, foreign, around uint64) {
		for _, owner := range []uint64{0, CurrentGoid(), foreign} {
			for _, sleeper := range []uint32{0, ClosedMask, uint32(word)&^ClosedMask, uint32(word)|ClosedMask} {
				differ(t, newOwned(owner, sleeper, around), ops[ownedWords]{
					oracle: func(l *ownedWords) any {
						ORACLE
					},
					portable: func(l *ownedWords) any {
						return l.with(func(w *Owned) any {
							return {{.Impl}}Portable(w)
						})
					},
					public: func(l *ownedWords) any {
						return l.with(func(w *Owned) any {
							return {{.Name}}(w)
						})
					},
				})
			}
		}
	})`,
	"readers": `	addInputs(f, 3)
	f.Fuzz(func(t *testing.T, word, foreign, around uint64) {
		eachReadersState(uint32(word), foreign, around, func(before readersState) {
			differ(t, before, ops[readersState]{
				oracle: func(s *readersState) any {
					ORACLE
				},
				portable: func(s *readersState) any {
					return s.with({{.OfLock (print .Impl "Portable")}})
				},
				public: func(s *readersState) any {
					return s.with({{.OfLock .Name}})
				},
			})
		})
	})`,
}

const propertyTest = `{{comment (print "Test" .Name " checks " .Name " and its twin: see " .Check ".")}}
func Test{{.Name}}(t *testing.T) {
	TEST
}`

// Check is the function of template properties_test.go.tmpl that tests the row.
func (a about) Check() string {
	check, _, ok := strings.Cut(a.Row.Op.Get().Test, "(t, {{.Name}})")
	if !ok {
		return "bounded"
	}
	return check
}

// Inputs are those of the row's fuzz test: the object, its neighbours and the row's operands.
func (a about) Inputs() []string {
	inputs := []string{"before", "around"}
	for _, p := range a.Params()[1:] {
		if p.Name != "spins" {
			inputs = append(inputs, p.Name)
		}
	}
	return inputs
}

// EachInput begins loops over inputs that are equal, as random ones are not: the value that a
// compare expects, or the condition of a wait. Other values that a compare may expect differ from
// what it finds in one bit.
func (a about) EachInput() string {
	switch {
	case a.Waits():
		there := "before"
		if a.Await().Masked {
			there += "&mask"
		}
		return "for _, want := range []uint64{want, " + there + "} {\nfor _, spins := range []uint32{0, 1, SpinChunk, SpinChunk+1} {\n"
	case slices.Contains(a.Inputs(), "old"):
		low, top := a.ends()
		return fmt.Sprintf("for _, old := range []uint64{old, before, before ^ 1<<%d, before ^ 1<<%d} {\n", low, top)
	}
	return ""
}

// ends returns the lowest and the highest bit of what the row compares.
func (a about) ends() (low, top int) {
	if !a.Row.Op.OnField() {
		return 0, a.Width - 1
	}
	field, _ := a.On.Field(a.Row.Field) // Derive has found it
	return field.Shift, field.Top()
}

// EndEach ends them.
func (a about) EndEach() string { return strings.Repeat("\n}", strings.Count(a.EachInput(), "{\n")) }

// Start is the object before the operation, with what the row requires.
func (a about) Start() string {
	if a.Row.Op == spec.StoreFields && len(a.From) > 0 {
		return fmt.Sprintf("%s&^(%s)|%s", a.As("before"), a.masks(a.From), a.FromBits())
	}
	return a.As("before")
}

// Outcome returns the result of a function of the row's signature, or nil if there is none.
func (a about) Outcome(function string) string {
	args := []string{a.P()}
	for _, p := range a.Params()[1:] {
		if p.Name == "spins" || p.Type == "uint64" {
			args = append(args, p.Name)
		} else {
			args = append(args, p.Type+"("+p.Name+")")
		}
	}
	call := function + "(" + strings.Join(args, ", ") + ")"
	switch len(a.Results()) {
	case 0:
		return call + "\nreturn nil"
	case 2:
		return "return pair(" + call + ")"
	}
	return "return " + call
}

// OfLock is a function of a lock and a table, if the row's takes the lock alone.
func (a about) OfLock(function string) string {
	if len(a.Params()) == 1 {
		return "ofLock(" + function + ")"
	}
	return function
}

// knownVariants emits what Variant may return.
func (c *Config) knownVariants(f *jen.File) {
	f.Var().Id("knownVariants").Op("=").Index().String().ValuesFunc(func(g *jen.Group) {
		for _, a := range c.Archs {
			for _, v := range a.Variants {
				g.Lit(v.Name)
			}
		}
		g.Lit(portableVariant)
	})
	f.Line()
}

// constantsTest emits a test that compares the constants, which the other tests
// use, with the numbers of the table.
func (c *Config) constantsTest(f *jen.File) {
	if !slices.ContainsFunc(c.Words, func(w *spec.Word) bool { return len(w.Fields) > 0 }) {
		return
	}
	explain(f, "TestConstants compares the constants with the table.")
	f.Add(testFunc("TestConstants", "t", "T").Block(
		jen.For(jen.List(jen.Id("_"), jen.Id("c")).Op(":=").Range().Index().Struct(
			jen.Id("name").String(), jen.List(jen.Id("got"), jen.Id("want")).Uint64(),
		).ValuesFunc(func(g *jen.Group) {
			for _, w := range c.Words {
				for _, field := range w.Fields {
					line := func(part string, want uint64) {
						name := w.Const(field.Name, part)
						g.Line().Values(jen.Lit(name), jen.Uint64().Call(jen.Id(name)), jen.Op(fmt.Sprintf("%#x", want)))
					}
					line("Shift", uint64(field.Shift))
					line("Bits", uint64(field.Bits))
					line("Max", field.Mask()>>field.Shift)
					line("Val", 1<<field.Shift)
					line("Mask", field.Mask())
				}
			}
			g.Line()
		})).Block(
			jen.If(jen.Id("c").Dot("got").Op("!=").Id("c").Dot("want")).Block(
				jen.Id("t").Dot("Errorf").Call(jen.Lit("%s = %#x, want %#x"),
					jen.Id("c").Dot("name"), jen.Id("c").Dot("got"), jen.Id("c").Dot("want")),
			),
		),
	))
}
