// Rqtorture tortures a lock, as locktorture does in Linux:
//
//	go run github.com/rqlock/rqlock/rqlock/cmd/rqtorture -duration 1m
//
// Other examples, of which the first one must fail:
//
//	rqtorture -lock busted               # this lock excludes nobody
//	rqtorture -lock rqlock-rw -reads 95  # the reader-writer lock, with few writers
//	rqtorture -fail-fast -duration 0     # until something fails
//	rqtorture -http 127.0.0.1:6060       # and /debug/rqlock/ there shows it live
//	go run -race ./rqlock/cmd/rqtorture  # and the race detector watches
//	go run -tags purego ./rqlock/cmd/rqtorture -lock purego
//
// It prints statistics now and then, and at the end. It exits with 0 if nothing failed,
// with 1 if something did, and with 2 if a flag is wrong. An interrupt ends the run, with
// its statistics; a second one ends the program. Package torture says what is checked,
// and tortures locks of your own.
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
		return // help was asked for
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt is not caught
	if err := o.serve(); err != nil {
		fmt.Fprintln(os.Stderr, "rqtorture: -http:", err)
		os.Exit(2)
	}
	ok := o.run(ctx)
	if err := o.out.err; err != nil {
		fmt.Fprintln(os.Stderr, "rqtorture: the result is lost:", err)
		ok = false
	}
	if !ok {
		os.Exit(1)
	}
}
