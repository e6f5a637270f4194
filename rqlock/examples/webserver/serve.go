package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// serve serves a bank until the context ends, and tells ready where.
func serve(ctx context.Context, addr string, visitors int, ready func(url string)) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: NewBank().Handler()}
	url := "http://" + listener.Addr().String()
	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() { visit(ctx, url, i) })
	}
	stopped := context.AfterFunc(ctx, func() { server.Close() })
	defer stopped()
	ready(url)
	if err = server.Serve(listener); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	all.Wait()
	return err
}
