// Webserver is a web server to play with. Three of its handlers have a bug each, of the kinds
// that hang programs. It goes on, and shows at /debug/rqlock/ what happens:
//
//	go run github.com/rqlock/rqlock/rqlock/examples/webserver
//
// Then open http://127.0.0.1:8080/ in a browser. Visitors of its own come by all the time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/rqhttp"
)

// A Bank has accounts, and a book that says how much is in them together.
type Bank struct {
	accounts [2]struct {
		mu      rqlock.Mutex
		balance int
	}
	book struct {
		mu    rqlock.RWMutex
		total int
	}
	imports struct {
		mu rqlock.Mutex
		n  int
	}
	printer chan int // nobody receives from it
}

// NewBank returns a bank whose locks have names.
func NewBank() *Bank {
	b := &Bank{printer: make(chan int)}
	rqlock.SetNames(b)
	b.book.mu.SetStallTimeout(5 * time.Second) // so that there is time to look
	return b
}

// Handler serves the bank, and below /debug/rqlock/ its locks.
func (b *Bank) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/debug/rqlock/", rqhttp.Handler())
	mux.HandleFunc("GET /{$}", index)
	for path, f := range map[string]func(*http.Request) error{
		"/transfer": func(r *http.Request) error { return b.transfer(0, 1) },
		"/back":     func(r *http.Request) error { return b.transfer(1, 0) },
		"/export":   b.export, "/deposit": b.deposit, "/total": b.total, "/import": b.load,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := f(r); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintln(w, "done")
		})
	}
	return mux
}

func index(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `<!DOCTYPE html>
<html lang="en"><title>A bank with bugs</title>
<h1>A bank with bugs</h1>
<p>Open the links in several tabs, and see <a href="/debug/rqlock/">what its locks do</a>.
<ul>
<li><a href="/transfer">transfer</a> and <a href="/back">back</a> at the same time lock two accounts in both orders
<li><a href="/export">export</a> reads the book until you leave, so that
<a href="/deposit">deposit</a> waits, and so does <a href="/total">total</a> behind it
<li><a href="/import">import</a> forgets to unlock
</ul>
`)
}

// transfer has a bug: it locks in the order in which it is asked.
func (b *Bank) transfer(from, to int) error {
	if err := b.accounts[from].mu.Lock(); err != nil {
		return err
	}
	defer b.accounts[from].mu.Unlock()
	time.Sleep(100 * time.Millisecond) // asks a slow service
	if err := b.accounts[to].mu.Lock(); err != nil {
		return err
	}
	defer b.accounts[to].mu.Unlock()
	b.accounts[from].balance--
	b.accounts[to].balance++
	return nil
}

// export has a bug: it keeps the book while it waits for a printer that may never answer.
func (b *Bank) export(r *http.Request) error {
	if err := b.book.mu.RLock(); err != nil {
		return err
	}
	defer b.book.mu.RUnlock()
	select {
	case b.printer <- b.book.total:
		return nil
	case <-r.Context().Done():
		return context.Cause(r.Context())
	}
}

// load has a bug: it returns early with the lock held.
func (b *Bank) load(*http.Request) error {
	if err := b.imports.mu.Lock(); err != nil {
		return err
	}
	if b.imports.n == 0 {
		return errors.New("there is nothing to import") //rqvet:ignore leak it is the bug that is shown
	}
	b.imports.n--
	b.imports.mu.Unlock()
	return nil
}

func (b *Bank) deposit(*http.Request) error {
	if err := b.book.mu.Lock(); err != nil {
		return err
	}
	defer b.book.mu.Unlock()
	b.book.total++
	return nil
}

func (b *Bank) total(*http.Request) error {
	if err := b.book.mu.RLock(); err != nil {
		return err
	}
	defer b.book.mu.RUnlock()
	return nil
}

// visit has one of several visitors ask for pages of the server until the context ends.
func visit(ctx context.Context, url string, visitor int) {
	paths := []string{"/transfer", "/back", "/total", "/deposit", "/total", "/back", "/transfer", "/export"}
	for i := visitor; ctx.Err() == nil; i++ {
		path := paths[i%len(paths)]
		patience, cancel := context.WithTimeout(ctx, 3*time.Second)
		request, err := http.NewRequestWithContext(patience, "GET", url+path, nil)
		if err == nil {
			var answer *http.Response
			if answer, err = http.DefaultClient.Do(request); err == nil {
				answer.Body.Close()
			}
		}
		cancel()
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func main() {
	addr := flag.String("http", "127.0.0.1:8080", "`address` to serve at")
	visitors := flag.Int("visitors", 10, "how many visitors come by all the time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, *addr, *visitors, func(url string) { fmt.Printf("%s/\n%s/debug/rqlock/\n", url, url) }); err != nil {
		fmt.Fprintln(os.Stderr, "webserver:", err)
		os.Exit(1)
	}
}
