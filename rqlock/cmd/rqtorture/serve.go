package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/rqlock/rqlock/rqlock/rqhttp"
)

// serve serves the page of package rqhttp, if that is asked for, until the program ends.
func (o *options) serve() error {
	if o.http == "" {
		return nil
	}
	listener, err := net.Listen("tcp", o.http)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/debug/rqlock/", rqhttp.Handler())
	mux.Handle("/{$}", http.RedirectHandler("/debug/rqlock/", http.StatusFound))
	fmt.Fprintf(os.Stderr, "rqtorture: http://%s/debug/rqlock/\n", listener.Addr())
	go http.Serve(listener, mux)
	return nil
}
