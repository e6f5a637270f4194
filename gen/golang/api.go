package golang

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// apiFile emits the public functions, which are the same in every build.
func apiFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	for _, r := range c.Rows {
		document(f, r.Doc()...)
		body, err := c.announced(r)
		if err != nil {
			return nil, fmt.Errorf("row %s: %w", r.Name, err)
		}
		if r.Waits() {
			if err := c.addText(f, r, awaitText); err != nil {
				return nil, err
			}
			f.Add(function(r.Impl()+"Chunk", r.Sig).Block(body))
			continue
		}
		f.Add(function(r.Name, r.Sig).Block(body))
	}
	c.variant(f)
	return file("zprims.go", f)
}

// A wait is a first load, which is inlined, unless it costs a call in any case, and the rest,
// which goes on in chunks. Nothing preempts an assembly loop, nor a Go loop around an
// assembly call. The scheduler gets in only by the stack check of a Go function that is
// called in the loop.
const awaitText = `{{$done := "ok"}}{{if not .Writes}}{{$done = .Holds "v"}}{{end -}}
func {{.Name}}{{.Signature}} {
	{{if not .Writes}}if v = atomic.{{.Atomic}}(p); {{$done}} {
		return v
	}
	{{end}}return {{.Impl}}Wait({{.ParamNames}})
}

{{if .Writes}}{{comment (print .Impl "Wait does what " .Name " does.")}}{{else}}{{comment (print .Impl "Wait is the part of " .Name " that follows a first load without a match.")}}{{end}}
//
//go:noinline
func {{.Impl}}Wait{{.Signature}} {
	for spins > SpinChunk {
		if {{.ResultNames}} = {{.Impl}}Chunk({{.ChunkArgs}}); {{$done}} {
			return {{.ResultNames}}
		}
		spins -= SpinChunk + 1 // a chunk of n spins loads n+1 times
	}
	return {{.Impl}}Chunk({{.ParamNames}})
}

{{comment (print .Impl "Chunk is a part of " .Name " that nothing can preempt. The scheduler gets in between two such parts by the stack check here. Assembly has no stack check, and neither has an inlined function.")}}
//
//go:noinline`

// Signature is the row's, as a declaration has it, and ParamNames are its parameters.
// ChunkArgs are those of a whole chunk.
func (a about) Signature() string {
	return strings.TrimPrefix(function("f", a.Sig).GoString(), "func f")
}
func (a about) ParamNames() string { return nameList(a.Params()) }
func (a about) ChunkArgs() string  { return strings.ReplaceAll(a.ParamNames(), "spins", "SpinChunk") }

// announced calls the row's implementation. It tells the race detector of the
// happens-before edges that assembly hides from it.
func (c *Config) announced(r *spec.Row) (*jen.Statement, error) {
	// sync/atomic announces the first half only
	announces := c.hidden(r) || r.Bits() == 64
	race := r.Op.Get().Race
	text := ""
	if announces && r.Releases() && !race.Silent {
		text += releaseEdge
	}
	switch {
	case !announces || !r.Acquires():
		text += "{{if .Results}}return {{end}}{{.Call}}"
	case len(r.Results()) == 0:
		text += "{{.Call}}\n" + acquireEdge
	case r.Waits() && !r.Writes(): // the value that the detector orders is the one to return
		text += `{{.ResultNames}} = {{.Call}}
if raceEnabled {
	{{.ResultNames}} = atomic.{{.Atomic}}({{.P}})
}
return {{.ResultNames}}`
	default:
		text += "{{.ResultNames}} = {{.Call}}\n" + acquireEdge + "return {{.ResultNames}}"
	}
	if race != nil {
		text = strings.NewReplacer("RELEASES_IF", and(race.ReleasesIf), "ACQUIRES_IF", and(race.AcquiresIf)).Replace(text)
	}
	return c.code(r, text)
}

// and continues a condition.
func and(cond string) string {
	if cond == "" {
		return ""
	}
	return " && " + cond
}

// A release is announced before the access. An unlock that is going to fail releases
// nothing. Whether it fails is known before: nobody else can make the current goroutine the
// owner or a reader, or end that. An acquire is announced after the access, and one that can
// fail acquires only if it succeeds.
const (
	releaseEdge = `if raceEnabledRELEASES_IF {
	raceReleaseMerge{{if eq .Bits 64}}Wide{{end}}(unsafe.Pointer({{or .Edges.Releases .P}}))
}
`
	acquireEdge = `if raceEnabledACQUIRES_IF {
	raceAcquire{{.AcquireKind}}(unsafe.Pointer({{.P}})){{with .Edges.Acquires}}
	raceAcquireWord(unsafe.Pointer({{.}})){{end}}
}
`
)

// Edges are those of the operation.
func (a about) Edges() *spec.Race { return a.Row.Op.Get().Race }

// AcquireKind is the end of the name of the function that announces an acquire.
func (a about) AcquireKind() string {
	switch a.Bits() {
	case 8, 16:
		return ""
	case 64:
		return "Wide"
	}
	return "Word"
}

// Call calls the implementation with the row's own parameters, and ResultNames are its
// results.
func (a about) Call() string        { return a.Impl() + "(" + nameList(a.Params()) + ")" }
func (a about) ResultNames() string { return nameList(a.Results()) }

func nameList(ps []spec.Param) string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// hidden reports whether the row is assembly on any architecture.
func (c *Config) hidden(r *spec.Row) bool {
	for _, a := range c.Archs {
		if !r.InlineOn(a.Name) {
			return true
		}
	}
	return false
}

func (c *Config) variant(f *jen.File) {
	is := fmt.Sprintf("%q", portableVariant)
	var names []string
	for _, a := range c.Archs {
		for _, v := range a.Variants {
			names = append(names, fmt.Sprintf("%q", v.Name))
		}
	}
	if len(names) > 0 {
		is = strings.Join(names, ", ") + " or " + is
	}
	explain(f, "Variant returns the name of the implementation that this build uses on this machine: "+is+".")
	f.Func().Id("Variant").Params().String().Block(jen.Return(jen.Id("variant").Call()))
}
