// Rqvet checks the use of locks that may fail (rqlock):
//
//	go install github.com/rqlock/rqlock/rqlock/cmd/rqvet@latest
//	rqvet ./...
//	go vet -vettool=$(which rqvet) ./...
//
// By itself it exits with 0 if it has found nothing, with 3 if it has found something,
// and with 1 if the packages do not compile. With -json or -sarif, findings are no failure.
// -fix applies the suggested fixes, and -fix -diff only shows them. -blocks turns on the
// rule of that name. As a vettool it speaks go vet's protocol. The rules are in docs/rqvet.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/tools/go/analysis/singlechecker"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // it runs for seconds: time is worth more than memory
	}
	if len(os.Args) > 1 && slices.Contains([]string{"-sarif", "--sarif"}, os.Args[1]) {
		if err := sarif(os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "rqvet:", err)
			os.Exit(1)
		}
		return
	}
	if !slices.Contains(os.Args, "-flags") { // by which go vet asks for flags that it can use
		flag.Bool("sarif", false, "write the findings in SARIF, for code scanning (must be the first flag)")
	}
	singlechecker.Main(rqvet.Analyzer)
}
