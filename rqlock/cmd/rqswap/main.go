// Rqswap has packages import rqlock's locks in place of Go's, or the other way round:
//
//	go install github.com/rqlock/rqlock/rqlock/cmd/rqswap@latest
//	go get github.com/rqlock/rqlock
//	rqswap ./...
//	rqswap -undo ./...
//
// It changes the import of "sync" in all Go files of the packages, tests and files that are built
// for other systems or with other build tags among them, and says which. Files that are generated
// are changed, too. It refuses to change files with changes that git knows and has not recorded,
// unless -force is given. With -n it changes nothing, and says what it would change.
//
// It exits with 0, with 1 if it has failed, and then has changed nothing, and with 2 for a bad
// flag.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	var o options
	flag.BoolVar(&o.dry, "n", false, "change nothing, and say what would be changed")
	flag.BoolVar(&o.undo, "undo", false, "go back to Go's package sync")
	flag.BoolVar(&o.force, "force", false, "change files whatever git says of them")
	flag.StringVar(&o.tags, "tags", "", "build tags, separated by commas, to find the packages with")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: rqswap [-n] [-undo] [-force] [-tags list] packages")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.patterns = flag.Args()
	if len(o.patterns) == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := o.swap(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rqswap:", err)
		os.Exit(1)
	}
}
