// Rqvet checks the use of locks that may fail:
//
//	go run github.com/rqlock/rqlock/rqlock/cmd/rqvet ./...
//	go vet -vettool=$(which rqvet) ./...
//
// Alone it exits with 0 if it has found nothing, 3 if it has, and 1 if the packages
// do not compile; with -json findings are no failure. -fix applies what can be fixed
// mechanically, -fix -diff only shows it. As a vettool it speaks go vet's protocol. See
// docs/rqvet for the rules.
package main

import (
	"golang.org/x/tools/go/analysis/singlechecker"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

func main() { singlechecker.Main(rqvet.Analyzer) }
