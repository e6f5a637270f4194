package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/engine"
)

const module = "github.com/rqlock/rqlock"

// arrows has what each package may import of this module. Imports point one way. A
// package that is not here is an error, so that a new one has to say where it stands.
// Names are relative to the module.
var arrows = map[string][]string{
	"":          nil, // go:generate directives
	"asm":       nil,
	"templates": nil,

	// The generator.
	"gen":                {"gen/audit", "gen/emit", "gen/engine", "gen/gallery", "gen/golang", "gen/golang/model", "gen/mutate", "gen/spec", "templates"},
	"gen/engine":         {"gen/emit", "gen/golang", "gen/spec", "templates"},
	"gen/spec":           nil,
	"gen/emit":           {"gen/machine", "gen/spec"},
	"gen/machine":        nil,
	"gen/machine/golden": {"gen/machine"},
	"gen/golang":         {"gen/emit", "gen/spec", "templates"},
	"gen/golang/model":   {"gen/emit", "gen/spec"},
	"gen/audit":          {"gen/machine", "gen/spec"},
	"gen/mutate":         nil,

	// The gallery: its tables, and the locks, which are generated.
	"gen/gallery": {"gen/engine"},
	"gen/gallery/internal/torture": {
		"gen/gallery/ticket", "gen/gallery/mcs", "gen/gallery/clh", "gen/gallery/seqlock", "gen/gallery/rwlock", "gen/gallery/deque",
	},
	"gen/gallery/ticket":  nil,
	"gen/gallery/mcs":     nil,
	"gen/gallery/clh":     nil,
	"gen/gallery/seqlock": nil,
	"gen/gallery/rwlock":  nil,
	"gen/gallery/deque":   nil,

	// The lock.
	"rqlock":                     append(rooms, "rqlock/internal/bridge", "rqlock/internal/proc"),
	"rqlock/internal/bridge":     {"asm", "rqlock/internal/park", "rqlock/internal/waiter"},
	"rqlock/internal/clock":      nil,
	"rqlock/internal/readers":    {"asm", "rqlock/internal/clock", "rqlock/internal/wait"},
	"rqlock/internal/gate":       {"asm", "rqlock/internal/events", "rqlock/internal/queue", "rqlock/internal/readers", "rqlock/internal/stall", "rqlock/internal/wait", "rqlock/internal/waiter"},
	"rqlock/internal/queue":      {"asm", "rqlock/internal/events", "rqlock/internal/park", "rqlock/internal/stall", "rqlock/internal/wait", "rqlock/internal/waiter"},
	"rqlock/internal/waitgraph":  {"asm", "rqlock/internal/attributes", "rqlock/internal/clock", "rqlock/internal/delays", "rqlock/internal/gate", "rqlock/internal/park", "rqlock/internal/readers", "rqlock/internal/stall", "rqlock/internal/wait", "rqlock/internal/waiter"},
	"rqlock/internal/waiter":     {"asm", "rqlock/internal/clock", "rqlock/internal/park", "rqlock/internal/readers", "rqlock/internal/report", "rqlock/internal/stall", "rqlock/internal/wait"},
	"rqlock/internal/stall":      {"asm", "rqlock/internal/attributes", "rqlock/internal/clock", "rqlock/internal/delays", "rqlock/internal/events", "rqlock/internal/park", "rqlock/internal/report"},
	"rqlock/internal/attributes": {"asm"},
	"rqlock/internal/events":     {"asm"},
	"rqlock/internal/goid":       {"rqlock/internal/clock"},
	"rqlock/internal/report":     {"asm"},
	"rqlock/internal/delays":     nil,
	"rqlock/internal/park":       {"rqlock/internal/clock"},
	"rqlock/internal/proc":       nil,
	"rqlock/internal/wait":       {"asm"},
	"rqlock/internal/qspin":      {"asm", "rqlock/internal/park", "rqlock/internal/wait"},

	// The lock with the signatures of Go's package sync.
	"rqlock/sync": {
		"asm", "rqlock/internal/attributes", "rqlock/internal/bridge", "rqlock/internal/gate", "rqlock/internal/park", "rqlock/internal/queue", "rqlock/internal/readers",
		"rqlock/internal/verdict", "rqlock/internal/wait", "rqlock/internal/waiter",
	},
	"rqlock/sync/policy":      {"rqlock/internal/verdict"},
	"rqlock/internal/verdict": {"asm", "rqlock", "rqlock/internal/bridge", "rqlock/internal/clock", "rqlock/internal/events", "rqlock/internal/park"},

	// The containers import the lock, never asm. They have words for what takes part in races.
	"rqlock/freelist":       {"rqlock", "rqlock/internal/attributes", "rqlock/internal/capacity", "rqlock/internal/proc"},
	"rqlock/hashtab":        {"rqlock", "rqlock/freelist", "rqlock/internal/attributes", "rqlock/internal/proc", "rqlock/internal/words"},
	"rqlock/internal/words": {"asm"},
	"rqlock/localstorage":   {"rqlock", "rqlock/internal/capacity"},
	"rqlock/lpmtrie":        {"rqlock", "rqlock/internal/capacity"},
	"rqlock/queuestack":     {"rqlock", "rqlock/internal/capacity"},
	"rqlock/ringbuf":        {"rqlock", "rqlock/internal/capacity"},

	"rqlock/internal/capacity": nil,

	// The operator's view.
	"rqlock/metrics": {"rqlock", "rqlock/internal/delays", "rqlock/internal/waiter"},
	"rqlock/rqhttp":  {"rqlock", "rqlock/internal/delays", "rqlock/internal/events", "rqlock/metrics"},

	"rqlock/examples/webserver": {"rqlock", "rqlock/rqhttp"},

	// What tests a lock, or a program that uses one.
	"rqlock/torture":           {"asm", "rqlock", "rqlock/internal/gate", "rqlock/internal/qspin", "rqlock/internal/queue"},
	"rqlock/cmd/rqtorture":     {"rqlock/rqhttp", "rqlock/torture", "rqlock/internal/progress"},
	"rqlock/internal/progress": nil,
	"rqlock/cmd/rqswap":        nil,
	"rqlock/rqvet":             nil,
	"rqlock/rqvet/golangci":    {"rqlock/rqvet"},
	"rqlock/cmd/rqvet":         {"rqlock/rqvet"},
	"rqlock/internal/seed":     nil,
	"rqlock/internal/release":  nil,

	// The model. It runs copies of the lock, on twins of what the lock imports.
	"rqlock/internal/model":         {modelDir + "asm", modelDir + "context", modelDir + "lock", modelDir + "mc", modelDir + "qspin", modelDir + "wait"},
	"rqlock/internal/model/mc":      nil,
	"rqlock/internal/model/asm":     {modelDir + "atomic", modelDir + "mc"},
	"rqlock/internal/model/atomic":  {modelDir + "mc"},
	"rqlock/internal/model/context": {modelDir + "mc"},
	"rqlock/internal/model/events":  {modelDir + "mc", "rqlock/internal/events"},
	"rqlock/internal/model/report":  {modelDir + "mc"},
	"rqlock/internal/model/park":    {modelDir + "context", modelDir + "mc", modelDir + "wait"},
	"rqlock/internal/model/runtime": {modelDir + "mc"},
	"rqlock/internal/model/sync":    {modelDir + "mc"},
	"rqlock/internal/model/time":    {modelDir + "mc"},
	"rqlock/internal/model/wait":    {modelDir + "mc", "rqlock/internal/wait"},
	"rqlock/internal/model/lock":    twins,
	"rqlock/internal/model/qspin":   twins,

	"rqlock/internal/model/gallery":         nil,
	"rqlock/internal/model/gallery/ticket":  twins,
	"rqlock/internal/model/gallery/mcs":     twins,
	"rqlock/internal/model/gallery/clh":     twins,
	"rqlock/internal/model/gallery/seqlock": twins,
	"rqlock/internal/model/gallery/rwlock":  twins,
	"rqlock/internal/model/gallery/deque":   twins,
}

// Each architecture has a folder, and its decoder one in that.
func init() {
	for _, a := range engine.Archs() {
		folder := "gen/" + a.Name
		arrows["gen/engine"] = append(arrows["gen/engine"], folder)
		arrows[folder] = []string{folder + "/decode", "gen/emit", "gen/spec"}
		arrows[folder+"/decode"] = []string{"gen/machine"}
		testArrows[folder+"/decode"] = []string{"gen/machine/golden"}
	}
}

// rooms are the packages that a lock is made of.
var rooms = []string{
	"asm", "rqlock/internal/attributes", "rqlock/internal/clock", "rqlock/internal/events", "rqlock/internal/gate", "rqlock/internal/goid", "rqlock/internal/park", "rqlock/internal/queue",
	"rqlock/internal/readers", "rqlock/internal/report", "rqlock/internal/stall", "rqlock/internal/wait", "rqlock/internal/waiter", "rqlock/internal/waitgraph",
}

const modelDir = "rqlock/internal/model/"

// twins are what stands for the packages that the lock imports.
var twins = []string{
	modelDir + "asm", modelDir + "atomic", modelDir + "context", modelDir + "events", modelDir + "gate", modelDir + "mc", modelDir + "park", modelDir + "readers", modelDir + "report", modelDir + "runtime", modelDir + "sync", modelDir + "time", modelDir + "wait",
}

// testArrows has what the tests of a package import of this module, in addition to
// the package itself and what it may import. All tests may import seeds.
var testArrows = map[string][]string{
	"rqlock/internal/goid": {"asm"},
	"rqlock/rqhttp":        {"rqlock/internal/goid", "rqlock/sync"},
	"gen/engine":           {"gen/audit", "gen/machine"},
	"gen":                  {"gen/audit", "gen/golang", "gen/emit", "gen/machine", "gen/spec"},
	"gen/gallery":          {"gen/gallery/internal/torture"},
	"rqlock/internal/model/gallery": {
		modelDir + "gallery/ticket", modelDir + "gallery/mcs", modelDir + "gallery/clh",
		modelDir + "gallery/seqlock", modelDir + "gallery/rwlock", modelDir + "gallery/deque", modelDir + "mc",
	},
	"rqlock/sync":        {"rqlock", "rqlock/internal/clock", "rqlock/internal/stall", "rqlock/sync/policy"},
	"rqlock/torture":     {"rqlock/internal/goid"},
	"rqlock/ringbuf":     {"asm", "rqlock/internal/goid"},
	"rqlock/sync/policy": {"rqlock/sync"},
	"rqlock":             {"rqlock/freelist", "rqlock/hashtab", "rqlock/localstorage", "rqlock/lpmtrie", "rqlock/queuestack", "rqlock/ringbuf"},
}

const seeds = "rqlock/internal/seed"

// keepers has the other modules, and the directories whose packages may import them.
// Users of the library compile x/sys and nothing else.
var keepers = map[string][]string{
	"github.com/mmcloughlin/avo":                 {"gen"},
	"github.com/dave/jennifer":                   {"gen"},
	"github.com/aymanbagabas/go-udiff":           {"gen"},
	"golang.org/x/arch":                          {"gen"},
	"golang.org/x/tools":                         {"gen", "rqlock/rqvet", "rqlock/cmd/rqvet", "rqlock/cmd/rqswap"},
	"github.com/golangci/plugin-module-register": {"rqlock/rqvet/golangci"},
	"github.com/schollz/progressbar/v3":          {"rqlock/internal/progress"},
	"golang.org/x/mod":                           {"rqlock/internal/release"},
	"github.com/VictoriaMetrics/metrics":         {"rqlock/metrics"},
	"github.com/google/pprof":                    {"rqlock/rqhttp"},
	"golang.org/x/sys":                           {"asm", "gen/gallery", "rqlock/cmd/rqtorture"},
}

// TestImports lists every package of the module on every architecture with assembly,
// and checks its imports and those of its tests.
func TestImports(t *testing.T) {
	t.Parallel()
	const format = `{{.ImportPath}} | {{join .Imports " "}} | {{join .TestImports " "}} {{join .XTestImports " "}}`
	for _, arch := range archNames() {
		for _, line := range goList(t, arch, "-f", format, "./...") {
			parts := strings.Split(line, "|")
			pkg := relative(strings.TrimSpace(parts[0]))
			allowed, known := arrows[pkg]
			if !known {
				t.Errorf("%s: not in the table of arrows", pkg)
			}
			for _, imp := range strings.Fields(parts[1]) {
				if !mayImport(pkg, imp, allowed) {
					t.Errorf("%s imports %s", pkg, imp)
				}
			}
			allowed = slices.Concat(allowed, testArrows[pkg], []string{pkg, seeds})
			for _, imp := range strings.Fields(parts[2]) {
				if !mayImport(pkg, imp, allowed) {
					t.Errorf("a test of %s imports %s", pkg, imp)
				}
			}
		}
	}
}

// mayImport reports whether a package may import another, given what it may import
// of this module.
func mayImport(pkg, imp string, allowed []string) bool {
	switch {
	case !strings.Contains(imp, "."):
		return true // the standard library
	case inside(imp, module):
		return slices.Contains(allowed, relative(imp))
	}
	for mod, dirs := range keepers {
		if inside(imp, mod) {
			return slices.ContainsFunc(dirs, func(dir string) bool { return inside(pkg, dir) })
		}
	}
	return false
}

// inside reports whether a path is dir or below it.
func inside(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// relative returns a package's name relative to the module.
func relative(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

// TestUsersInherit checks what a program compiles if it imports every package that
// it may import, the generator, the analyzer, and what shows metrics and profiles apart: this
// module, x/sys and the standard library.
func TestUsersInherit(t *testing.T) {
	t.Parallel()
	var public []string
	for _, pkg := range slices.Sorted(maps.Keys(arrows)) {
		if pkg == "asm" || inside(pkg, "rqlock") && !strings.Contains(pkg, "/internal") && !inside(pkg, "rqlock/cmd") && !inside(pkg, "rqlock/rqvet") && !inside(pkg, "rqlock/examples") && pkg != "rqlock/metrics" && pkg != "rqlock/rqhttp" {
			public = append(public, "./"+pkg)
		}
	}
	if !slices.Contains(public, "./rqlock") || !slices.Contains(public, "./rqlock/torture") {
		t.Fatalf("the public packages are %q", public)
	}
	for _, arch := range archNames() {
		for _, dep := range goList(t, arch, append([]string{"-deps"}, public...)...) {
			own := inside(dep, module) && !inside(dep, module+"/gen")
			if strings.Contains(dep, ".") && !own && !inside(dep, "golang.org/x/sys") {
				t.Errorf("%s: a program that imports rqlock compiles %s", arch, dep)
			}
		}
	}
}

// goList lists packages of this module for an architecture.
func goList(t *testing.T, goarch string, args ...string) []string {
	t.Helper()
	cmd := command(t, "..", append([]string{"GOARCH=" + goarch, "go", "list"}, args...)...)
	var complaints strings.Builder // and what it downloads
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
