// Rqswap has packages import rqlock's locks in place of Go's, or the other way round:
//
//	go install github.com/rqlock/rqlock/rqlock/cmd/rqswap@latest
//	go get github.com/rqlock/rqlock
//	rqswap ./...
//	rqswap -undo ./...
//
// It changes the import of "sync" in all Go files of the packages, and says which. Tests are among
// them, files that are built for other systems or with other build tags, and generated files. A
// file that imports both packages is left as it is, and a symbolic link, too. With -n it changes
// nothing, and says what it would change.
//
// A module with a folder vendor needs go mod vendor afterwards. Where a module passes a
// *sync.Mutex to another one, that call does not compile any more: leave such a package out.
//
// It refuses to change files that are not committed in git, or that have changes since, unless
// -force is given. So to undo what it has just done, commit that first, or give -undo and -force.
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
