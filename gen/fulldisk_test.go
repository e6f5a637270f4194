//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rqlock/rqlock/gen/emit"
)

// TestFullDisk lets writes fail half-way, by a limit on the size of files in a child
// process, and checks that nothing is left behind.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("GEN_TEST_FULL_DISK"); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 4096, Max: 4096}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		os.Exit(run([]string{"-out", dir, "-pkg", "l"}, os.Stdout, os.Stderr))
	}
	dir := t.TempDir()
	old := "// " + emit.Header("gen/prims.go") + "\npackage l // old\n"
	writeFile(t, filepath.Join(dir, "zlayout.go"), old)
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$")
	cmd.Env = append(os.Environ(), "GEN_TEST_FULL_DISK="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if cmd.Run() == nil {
		t.Fatal("it succeeded in spite of the limit")
	}
	wantFailure(t, cmd.ProcessState.ExitCode(), 1, stderr.String(), "cannot write", "file too large")
	wantFiles(t, dir, "zlayout.go")
	if src, _ := os.ReadFile(filepath.Join(dir, "zlayout.go")); string(src) != old {
		t.Error("an existing file has changed")
	}
}
