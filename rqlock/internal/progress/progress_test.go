package progress

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// What is not a terminal gets nothing.
func ExampleNew() {
	var w bytes.Buffer
	bar := New(&w, 3)
	for range 3 {
		bar.Add(1)
	}
	bar.Clear()
	fmt.Printf("%q", w.String())
	// Output: ""
}

// TestTerminal: files and pipes are no terminals, nor is a dumb one.
// cmd/rqtorture's tests have a terminal.
func TestTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	for _, w := range []io.Writer{io.Discard, file, pipe} {
		if terminal(w) {
			t.Errorf("%T %v is a terminal", w, w)
		}
	}
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as terminals are
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	t.Setenv("TERM", "xterm")
	if !terminal(device) {
		t.Skip("no character device here")
	}
	t.Setenv("TERM", "dumb")
	if terminal(device) {
		t.Error("a dumb terminal is one")
	}
}
