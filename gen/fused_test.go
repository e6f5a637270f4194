package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/audit"
	"github.com/rqlock/rqlock/gen/engine"
)

// TestAuditFused links the packages with fused fast paths, for each target, and audits these.
func TestAuditFused(t *testing.T) {
	t.Parallel()
	for _, a := range engine.Archs() {
		for _, build := range a.Machine.Builds {
			f := linkLocks(t, build.Env)
			for dir, paths := range fused {
				var all []audit.Fused
				for _, u := range paths {
					of, err := auditedFused(u)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, of)
				}
				findings, err := audit.CheckFused(a.Machine, build, ownPath+"/"+dir, all, f)
				if err != nil {
					t.Fatal(err)
				}
				for _, finding := range findings {
					t.Errorf("%s: %s", dir, finding)
				}
			}
		}
	}
}

// linkLocks links a program that locks the locks of all packages with fused fast paths.
func linkLocks(t *testing.T, env []string) *elf.File {
	t.Helper()
	var imports, uses strings.Builder
	dirs := []string{ownLock, ownSync, ownBaseline}
	for n, dir := range dirs {
		fmt.Fprintf(&imports, "import p%d %q\n", n, ownPath+"/"+dir)
		fmt.Fprintf(&uses, "\tvar m%d p%d.Mutex\n\tm%d.Lock()\n\tm%d.Unlock()\n", n, n, n, n)
		if dir != ownBaseline {
			fmt.Fprintf(&uses, "\tvar rw%d p%d.RWMutex\n\trw%d.Lock()\n\trw%d.Unlock()\n\trw%d.RLock()\n\trw%d.RUnlock()\n", n, n, n, n, n, n)
		}
	}
	if len(dirs) != len(fused) {
		t.Fatalf("%d packages have fused fast paths, not %d", len(fused), len(dirs))
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "main.go")
	writeFile(t, program, "package main\n\n"+imports.String()+"\nfunc main() {\n"+uses.String()+"}\n")
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	// It imports what is internal to rqlock, so it stands there.
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(top, "rqlock", "internal", "locks", "main.go"): program}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "locks")
	line := append(slices.Clone(env), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=", "go", "build", "-buildvcs=false", "-overlay", filepath.Join(dir, "overlay"), "-o", bin, "./rqlock/internal/locks")
	if out, err := command(t, top, line...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
