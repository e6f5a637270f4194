package main

import (
	"bytes"
	"os"
	"testing"
)

// TestStale fails if the generated file is not what the table makes.
func TestStale(t *testing.T) {
	want, err := render(table)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../zlocks.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("zlocks.go is stale: go generate ./rqlock/cmd/bench/internal/bench")
	}
}

// TestNames checks that no two rows share a name.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table {
		for _, name := range []string{"name " + r.Name, "ID " + r.ID} {
			if seen[name] {
				t.Errorf("two rows have %s", name)
			}
			seen[name] = true
		}
	}
}
