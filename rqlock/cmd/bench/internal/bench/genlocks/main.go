// Genlocks writes zlocks.go, the contenders of package bench. It has for each row of the
// table a type whose loops call the lock directly. An indirect call, by a generic function
// or an interface, would show in the results. go generate runs it.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"os"
	"slices"
	"text/template"
)

//go:embed locks.go.tmpl
var text string

func main() {
	file := "zlocks.go"
	if len(os.Args) == 2 {
		file = os.Args[1]
	}
	if err := write(file); err != nil {
		fmt.Fprintln(os.Stderr, "genlocks:", err)
		os.Exit(1)
	}
}

func write(file string) error {
	src, err := render(table)
	if err != nil {
		return err
	}
	return os.WriteFile(file, src, 0o666)
}

// render returns the contents of the file.
func render(rows []row) ([]byte, error) {
	t, err := template.New("locks").Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"Rows": rows, "Imports": imports(rows)}); err != nil {
		return nil, err
	}
	return format.Source(b.Bytes())
}

// imports returns the import specs that the rows need, each once.
func imports(rows []row) (specs []string) {
	for _, r := range rows {
		specs = append(specs, r.Imports...)
	}
	slices.Sort(specs)
	return slices.Compact(specs)
}
