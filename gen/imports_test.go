package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rqlock/rqlock"

const twin = module + "/rqlock/internal/model/"

// twins are what stands for the packages that the lock imports.
var twins = []string{
	twin + "asm", twin + "atomic", twin + "context", twin + "mc", twin + "park", twin + "runtime", twin + "sync", twin + "time", twin + "wait",
}

// arrows says what each part of the library may import beyond the standard
// library; imports point one way. A part not named here is an error, so that a
// new one has to say where it stands.
var arrows = map[string][]string{
	module:                           nil, // go:generate directives
	module + "/templates":            nil,
	module + "/asm":                  {"golang.org/x/sys/cpu"},
	module + "/rqlock/internal/park": nil,
	module + "/rqlock/internal/wait": {module + "/asm"},
	module + "/rqlock":               {module + "/asm", module + "/rqlock/internal/park", module + "/rqlock/internal/proc", module + "/rqlock/internal/wait"},
	module + "/rqlock/qspin":         {module + "/asm", module + "/rqlock/internal/park", module + "/rqlock/internal/wait"},

	module + "/rqlock/internal/proc": nil,
	module + "/rqlock/freelist":      {module + "/rqlock", module + "/rqlock/internal/proc"},

	module + "/rqlock/internal/words": nil,
	module + "/rqlock/hashtab":        {module + "/rqlock", module + "/rqlock/freelist", module + "/rqlock/internal/words"},

	module + "/rqlock/queuestack":   {module + "/rqlock"},
	module + "/rqlock/lpmtrie":      {module + "/rqlock"},
	module + "/rqlock/ringbuf":      {module + "/rqlock"},
	module + "/rqlock/localstorage": {module + "/rqlock"},

	module + "/rqlock/torture": {module + "/rqlock", module + "/rqlock/qspin"},

	module + "/rqlock/internal/model": {twin + "asm", twin + "context", twin + "lock", twin + "mc", twin + "qspin", twin + "sim", twin + "wait"},
	twin + "mc":                       nil,
	twin + "sim":                      {twin + "mc"},
	twin + "asm":                      {twin + "mc"},
	twin + "atomic":                   {twin + "mc"},
	twin + "context":                  {twin + "mc"},
	twin + "park":                     {twin + "context", twin + "mc", twin + "wait"},
	twin + "runtime":                  {twin + "mc"},
	twin + "sync":                     {twin + "mc"},
	twin + "time":                     {twin + "mc"},
	twin + "wait":                     {module + "/rqlock/internal/wait", twin + "mc"},
	twin + "qspin":                    twins,
	twin + "lock":                     twins,
}

// TestImports lists every package of the library on every architecture with
// assembly and fails on an import that arrows does not have.
func TestImports(t *testing.T) {
	const format = `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`
	for _, a := range arches {
		for _, line := range goList(t, a.Backend.Arch, "-f", format, "./...") {
			pkg, imports, _ := strings.Cut(line, " ")
			allowed, known := arrows[pkg]
			if !known {
				t.Errorf("%s: not in the table of arrows", pkg)
			}
			for _, imp := range strings.Fields(imports) {
				if strings.Contains(imp, ".") && !slices.Contains(allowed, imp) {
					t.Errorf("%s imports %s", pkg, imp)
				}
			}
		}
	}
}

// TestUsersInherit checks that what a user of asm builds has none of the
// generator in it, and that the library's module requires x/sys only.
func TestUsersInherit(t *testing.T) {
	for _, a := range arches {
		for _, dep := range goList(t, a.Backend.Arch, "-deps", "-test", "./asm") {
			for _, bad := range []string{"/avo", "/jennifer", "/x/tools", "/x/arch", "rqlock/gen"} {
				if strings.Contains(dep, bad) {
					t.Errorf("%s: asm depends on %s", a.Backend.Arch, dep)
				}
			}
		}
	}
	if mods := goList(t, "", "-m", "all"); !slices.EqualFunc(mods, []string{module, "golang.org/x/sys"}, strings.HasPrefix) {
		t.Errorf("the library requires %q", mods)
	}
}

func goList(t *testing.T, goarch string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(cmd.Environ(), "GOARCH="+goarch, "GOWORK=off")
	var complaints strings.Builder // and what it downloads
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
