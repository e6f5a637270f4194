// Rqtorture tortures a lock, as locktorture does in Linux:
//
//	go run ./rqlock/cmd/rqtorture -duration 1m
//	go run ./rqlock/cmd/rqtorture -lock busted      # must fail
//	go run -race ./rqlock/cmd/rqtorture
//	go run -tags purego ./rqlock/cmd/rqtorture -lock purego
//
// It prints statistics now and then and at the end, and exits with 0 only if nothing
// has failed (1 = failure, 2 = wrong usage). An interrupt ends it early, with its
// statistics; a second one at once. See package torture for what it does and checks.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "rqtorture:", err)
		os.Exit(2)
	}
	if o == nil {
		return // help was wanted
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the next one is not caught
	ok := o.run(ctx)
	if err := o.out.err; err != nil {
		fmt.Fprintln(os.Stderr, "rqtorture: the result is lost:", err)
		ok = false
	}
	if !ok {
		os.Exit(1)
	}
}
