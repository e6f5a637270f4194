// Rqvet checks the use of locks that may fail (rqlock):
//
//	go install github.com/rqlock/rqlock/rqlock/cmd/rqvet@latest
//	rqvet ./...
//	go vet -vettool=$(which rqvet) ./...
//
// By itself it exits with 0 if it has found nothing, with 3 if it has found something,
// and with 1 if the packages do not compile. With -json, findings are no failure. -fix
// applies the suggested fixes, and -fix -diff only shows them. As a vettool it speaks go
// vet's protocol. The rules are in docs/rqvet.
package main

import (
	"golang.org/x/tools/go/analysis/singlechecker"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

func main() { singlechecker.Main(rqvet.Analyzer) }
