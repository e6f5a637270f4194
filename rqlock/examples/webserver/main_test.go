package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A guest asks for pages.
type guest struct {
	t    *testing.T
	url  string
	bank *Bank
}

// get returns a page, or "" if the guest has left before.
func (g *guest) get(ctx context.Context, path string) string {
	g.t.Helper()
	request, err := http.NewRequestWithContext(ctx, "GET", g.url+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			g.t.Error(err)
		}
		return ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil && ctx.Err() == nil {
		g.t.Error(err)
	}
	return string(body)
}

// eventually asks for a page until it has all of what is wanted.
func (g *guest) eventually(path string, want ...string) {
	g.t.Helper()
	page := ""
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		page = g.get(g.t.Context(), path)
		missing := false
		for _, w := range want {
			missing = missing || !strings.Contains(page, w)
		}
		if !missing {
			return
		}
	}
	g.t.Errorf("%s never has all of %q:\n%s", path, want, page)
}

func newGuest(t *testing.T) *guest {
	bank := NewBank()
	server := httptest.NewServer(bank.Handler())
	t.Cleanup(server.Close)
	return &guest{t, server.URL, bank}
}

// TestTransfer: of two transfers in opposite directions one fails at once, and the other is done.
func TestTransfer(t *testing.T) {
	g := newGuest(t)
	for range 20 { // until the two meet
		var said [2]string
		var both sync.WaitGroup
		for i, path := range []string{"/transfer", "/back"} {
			both.Go(func() { said[i] = g.get(t.Context(), path) })
		}
		both.Wait()
		if strings.Contains(said[0]+said[1], "rqlock: deadlock: ") {
			if !strings.Contains(said[0]+said[1], "done") || !strings.Contains(said[0]+said[1], `"Bank.accounts[1].mu"`) {
				t.Errorf("got %q", said)
			}
			g.eventually("/debug/rqlock/", "rqlock: deadlock: ", "Bank.accounts[1].mu")
			return
		}
	}
	t.Error("no deadlock in 20 rounds")
}

// TestExport: who exports holds up a writer, and so a reader. The page says so, with what the
// exporter does, and all go on when the exporter leaves.
func TestExport(t *testing.T) {
	g := newGuest(t)
	g.bank.book.mu.SetStallTimeout(time.Minute)
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	done := make(chan string)
	visit := func(path string) { all.Go(func() { done <- g.get(t.Context(), path) }) }
	all.Go(func() { g.get(ctx, "/export") })
	g.eventually("/", "A bank with bugs")
	for g.bank.book.mu.TryLock() { // the exporter is not there yet
		g.bank.book.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	visit("/deposit")
	g.eventually("/debug/rqlock/text", "waits for RWMutex", "(*Bank).deposit")
	for { // a reader may come in past a writer that has not closed the lock yet
		visit("/total")
		select {
		case said := <-done:
			if said != "done\n" {
				t.Fatalf("got %q", said)
			}
			continue
		case <-time.After(50 * time.Millisecond):
		}
		break
	}
	g.eventually("/debug/rqlock/", "Bank.book.mu", "read by 1 goroutine", ">reads", " (select)", "waits to write,", "waits to read,", ", behind ")
	leave()
	for range 2 {
		if said := <-done; said != "done\n" {
			t.Errorf("got %q", said)
		}
	}
	all.Wait()
}

// TestImport: who comes after one that forgot to unlock is told that the holder has ended.
func TestImport(t *testing.T) {
	g := newGuest(t)
	if said := g.get(t.Context(), "/import"); said != "there is nothing to import\n" {
		t.Errorf("the first got %q", said)
	}
	http.DefaultClient.CloseIdleConnections() // whose goroutine it was
	g.eventually("/import", "rqlock: timeout: ", "Bank.imports.mu", "which has ended")
}

// TestServe: the program serves, with visitors, and ends when it is told to.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g, done := &guest{t: t}, make(chan error)
	ready := make(chan string)
	go func() { done <- serve(ctx, "127.0.0.1:0", 5, func(url string) { ready <- url }) }()
	g.url = <-ready
	g.eventually("/debug/rqlock/text", "(*Bank).transfer") // of visitors
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := serve(t.Context(), "256.0.0.1:0", 0, func(string) {}); err == nil {
		t.Error("a bad address is no error")
	}
}
