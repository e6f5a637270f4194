package main

import (
	"bytes"
	"os"
	"testing"
)

// TestStale: zlocks.go is what the table makes.
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
		t.Error("zlocks.go is stale: run go generate ./... in rqlock/cmd/bench")
	}
}

// TestNames: no two rows have the same name.
func TestNames(t *testing.T) {
	used := map[string]bool{}
	for _, r := range table {
		for _, name := range []string{"name " + r.Name, "ID " + r.ID} {
			if used[name] {
				t.Errorf("two rows have %s", name)
			}
			used[name] = true
		}
	}
}
