// Found runs programs with mistakes in their use of locks, with Go's package sync, with
// go-deadlock and with rqlock/sync, and writes what each of them says to docs/found.md:
//
//	go run -C rqlock/cmd/bench ./found -o ../../../docs/found.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	out := flag.String("o", "", "file to write (default: standard output)")
	limit := flag.Duration("limit", 35*time.Second, "how long a program may take")
	flag.Parse()
	if err := write(*out, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "found:", err)
		os.Exit(1)
	}
}

// write runs all programs with all variants, and writes the page.
func write(out string, limit time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "found")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	results, err := runAll(context.Background(), dir, variants, func(string) bool { return true }, limit)
	if err != nil {
		return err
	}
	text := page(results, limit)
	if out == "" {
		_, err = os.Stdout.WriteString(text)
		return err
	}
	return os.WriteFile(out, []byte(text), 0o666)
}
