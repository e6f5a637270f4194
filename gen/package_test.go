package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherPackage generates a package with another name and layout into an
// empty module; it must be vet-clean and pass its own generated tests on every
// architecture that this machine can run, natively and as the portable twin.
func TestOtherPackage(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := gen(t, "..", "-out", dir, "-pkg", "mylock", "-layout", "wide"); code != 0 {
		t.Fatal(stderr)
	}
	emptyModule(t, dir)
	run := func(name string, env []string, args ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("go", args...)
			cmd.Dir = dir
			cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
	run("vet", nil, "vet", ".")
	run("vet arm64", []string{"GOARCH=arm64"}, "vet", ".")
	run("test", []string{"RQLOCK_VARIANT="}, "test", "-count=1", ".")
	run("test purego", []string{"RQLOCK_VARIANT=portable"}, "test", "-count=1", "-tags=purego", ".")
	qemu := emulator(t)
	if qemu == "" {
		return
	}
	for cpu, variant := range map[string]string{"cortex-a57": "arm64+llsc", "max": "arm64+lse"} {
		env := []string{"GOARCH=arm64", "CGO_ENABLED=0", "RQLOCK_VARIANT=" + variant}
		run("test arm64 "+cpu, env, "test", "-count=1", "-exec", qemu+" -cpu "+cpu, ".")
	}
}

// emptyModule writes a go.mod that needs what the arm64 package imports, in
// this repository's version. The working directory is the repository's top.
func emptyModule(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum"} {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), strings.Replace(string(src), "module "+module, "module example.com/mylock", 1))
	}
}

// emulator returns the command that runs arm64 programs here, or "" after
// saying what is missing. RQLOCK_REQUIRE_ARM64 makes that a failure.
func emulator(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const msg = "arm64 not run: no qemu-aarch64-static here (Debian: apt-get install qemu-user-static)"
	if os.Getenv("RQLOCK_REQUIRE_ARM64") != "" {
		t.Fatal(msg)
	}
	t.Log(msg)
	return ""
}
