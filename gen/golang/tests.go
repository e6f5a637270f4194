package golang

import "github.com/dave/jennifer/jen"

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

// testFunc begins a test, fuzz test or benchmark with the parameter *testing.kind.
func testFunc(name, param, kind string) *jen.Statement {
	return jen.Func().Id(name).Params(testingParam(param, kind))
}

func testingParam(param, kind string) *jen.Statement {
	return jen.Id(param).Op("*").Qual("testing", kind)
}

// address is &name.
func address(name string) *jen.Statement { return jen.Op("&").Id(name) }
