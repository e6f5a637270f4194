package spec

import (
	"go/token"
	"go/types"
	"unicode"
)

// Predeclared reports whether Go itself has declared the name, or keeps it as a keyword.
// A package that declares it again cannot use it, and does not compile as a rule.
func Predeclared(name string) bool {
	return token.IsKeyword(name) || types.Universe.Lookup(name) != nil
}

// lower makes an exported name unexported: XchgTail -> xchgTail, CPURelax -> cpuRelax.
func lower(name string) string {
	rs := []rune(name)
	for i := range rs {
		if i > 0 && i+1 < len(rs) && unicode.IsLower(rs[i+1]) || unicode.IsLower(rs[i]) {
			break
		}
		rs[i] = unicode.ToLower(rs[i])
	}
	return string(rs)
}

// Impl returns the unexported name under which the architectures implement the row:
// XchgTailAcqRel -> xchgTailAcqRel.
func (r *Row) Impl() string { return lower(r.Name) }

// Names lists what the row declares in the generated package, and in its tests.
func (r *Row) Names() []string {
	names := r.Declares()
	for _, kind := range []string{"Fuzz", "Test", "TestTorture", "Benchmark"} {
		names = append(names, kind+r.Name)
	}
	return names
}

// Declares lists what the row declares outside of tests.
func (r *Row) Declares() []string {
	impl := r.Impl()
	names := []string{r.Name, impl, impl + "Portable"}
	if r.Waits() {
		names = append(names, impl+"Wait", impl+"Chunk")
	}
	return names
}
