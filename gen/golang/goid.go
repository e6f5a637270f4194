package golang

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
)

// goidOffset is where the runtime's g has the goroutine's id, in any size of words.
var goidOffset = fmt.Sprintf("%d*unsafe.Sizeof(uintptr(0)) + %d", emit.GoidWords, emit.GoidBytes)

// misplaced is what a program says that ends because its check of the ids has failed.
func (c *Config) misplaced() string {
	return c.Pkg + ": the runtime keeps goroutine ids elsewhere than where this version of rqlock expects them: build with -tags purego"
}

// goidFile emits the check of where the runtime keeps the ids, which every program
// with assembly makes when it starts. A lock whose owners have wrong ids would fail
// in ways that nobody could explain.
func goidFile(c *Config) (map[string][]byte, error) {
	f := c.newFile(asmConstraint)
	explain(f, "init compares the ids that the fast paths use with those in stack traces.")
	f.Func().Id("init").Params().Block(jen.Id("requireGoids").Call(jen.Id("currentGoid")))
	explain(f, "requireGoids ends the program if id does not return the id of its goroutine.")
	f.Func().Id("requireGoids").Params(reader()).Block(
		jen.If(jen.Id("misreads").Call(jen.Id("id"))).Block(
			jen.Id("println").Call(jen.Lit(c.misplaced())),
			jen.Qual("os", "Exit").Call(jen.Lit(2)),
		),
	)
	explain(f, "misreads reports whether id returns a wrong id in any of several goroutines.")
	f.Func().Id("misreads").Params(reader()).Params(jen.Id("wrong").Bool()).Block(
		jen.Const().Id("goroutines").Op("=").Lit(4),
		jen.Id("differs").Op(":=").Make(jen.Chan().Bool(), jen.Id("goroutines")),
		jen.For(jen.Range().Id("goroutines")).Block(
			jen.Go().Func().Params().Block(
				jen.Id("differs").Op("<-").Id("id").Call().Op("!=").Id("currentGoidPortable").Call(),
			).Call(),
		),
		jen.For(jen.Range().Id("goroutines")).Block(
			jen.Id("wrong").Op("=").Op("<-").Id("differs").Op("||").Id("wrong"),
		),
		jen.Return(jen.Id("wrong")),
	)
	return file("zgoid.go", f)
}

// reader is the parameter id, a function that reads the id of its goroutine.
func reader() *jen.Statement { return jen.Id("id").Func().Params().Uint64() }
