package golang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

const (
	portableVariant   = "portable"
	portableSpinChunk = 256 // loads by sync/atomic, which take a few ns each
)

// portableBuildFile emits what makes the portable twin the implementation.
func portableBuildFile(c *Config) (map[string][]byte, error) {
	f := c.newFile(c.portableConstraint())
	spinChunk(f, portableSpinChunk)
	f.Func().Id("variant").Params().String().Block(jen.Return(jen.Lit(portableVariant)))
	for _, r := range c.Rows {
		if r.Op == spec.CurrentG || r.Op == spec.CurrentGoid {
			continue // from the runtime's g on every GOARCH: see currentGFiles
		}
		explain(f, r.Impl()+" implements "+r.Name+".")
		f.Add(function(r.Impl(), r.Sig).Block(returned(forward(jen.Id(r.Impl()+"Portable"), r), r)))
	}
	return file("zprims_portable.go", f)
}

// twinFile emits the portable twin, the reference for every architecture.
func twinFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	explain(f, "This file has the portable twin of every primitive, which is the reference for the assembly. It uses sync/atomic on 32-bit words of the same layout. Its accesses are sequentially consistent, which is stronger than any ordering that a name asks for. On a 32-bit machine sync/atomic needs 64-bit objects aligned to 64 bits.")
	f.Line()
	rows := c.Rows
	if id := c.identity(spec.CurrentGoid); !c.has(id.Name) {
		rows = append(slices.Clone(rows), id) // the twin of CurrentG calls its twin
	}
	for _, r := range rows {
		o := r.Op.Get()
		body, err := c.code(r, o.Twin)
		if err != nil {
			return nil, fmt.Errorf("row %s: the portable twin: %w", r.Name, err)
		}
		name := r.Impl() + "Portable"
		explain(f, strings.TrimSpace(name+" is the reference for "+r.Name+". "+o.TwinNote))
		f.Add(function(name, r.Sig).Block(body))
	}
	helpers, err := c.helpers()
	if err != nil {
		return nil, err
	}
	f.Add(source(helpers))
	return file("zportable.go", f)
}
