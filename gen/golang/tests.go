package golang

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// tests lists the files that go test compiles.
var tests = []emitter{
	fixedTestFiles,
	variantFiles,
	primsTestFile,
	tortureTestFile,
	benchFiles,
	inlineTestFile,
	goidTestFile,
}

// A perRow emits the declarations that test one row. All rows of an operation are
// tested alike.
type perRow func(c *Config, f *jen.File, r *spec.Row) error

// eachRow calls the emitter of each row's operation, which is one for all
// read-modify-writes, and one for all waits that have none of their own. Errors say what
// kind of test it was to emit.
func (c *Config) eachRow(f *jen.File, kind string, emitters map[spec.Op]perRow, updates, awaits perRow) error {
	for _, r := range c.Rows {
		emit := emitters[r.Op]
		if _, ok := spec.Updates[r.Op]; ok {
			emit = updates
		}
		if emit == nil && r.Waits() {
			emit = awaits
		}
		if emit == nil {
			return fmt.Errorf("row %s: no %s for operation %s", r.Name, kind, r.Op)
		}
		if err := emit(c, f, r); err != nil {
			return fmt.Errorf("row %s: %w", r.Name, err)
		}
	}
	return nil
}

// testFunc begins a test, fuzz test or benchmark with the parameter *testing.kind.
func testFunc(name, param, kind string) *jen.Statement {
	return jen.Func().Id(name).Params(testingParam(param, kind))
}

func testingParam(param, kind string) *jen.Statement {
	return jen.Id(param).Op("*").Qual("testing", kind)
}

// object returns the type that the row's first parameter points to.
func object(r *spec.Row) *jen.Statement { return jen.Id(r.Params()[0].Type[len("*"):]) }

// address is &name.
func address(name string) *jen.Statement { return jen.Op("&").Id(name) }

// bitsOf returns the bits of the word that have these values.
func bitsOf(r *spec.Row, set []spec.Value) *jen.Statement {
	var values []jen.Code
	for _, v := range set {
		if v.Value != 0 {
			values = append(values, fieldValue(r, v))
		}
	}
	if len(values) == 0 {
		return jen.Lit(0)
	}
	return join(values, "|")
}

// masksOf returns all bits of the fields in set.
func masksOf(r *spec.Row, set []spec.Value) *jen.Statement {
	var masks []jen.Code
	for _, v := range set {
		masks = append(masks, maskOf(r, v.Field))
	}
	return join(masks, "|")
}
