// Package rqhttp shows over HTTP which goroutines wait for which lock, and which hold it.
// Importing it registers its pages on [http.DefaultServeMux], as net/http/pprof does. For another
// mux there is [Handler].
//
//	import _ "github.com/rqlock/rqlock/rqlock/rqhttp"
//
//	go http.ListenAndServe("127.0.0.1:6060", nil)
//
// Serve the pages on an address that only those reach who may see them, as you would
// net/http/pprof's. They tell of the program's insides, and each request makes the program work.
//
//	/debug/rqlock/           all of it live, for a browser
//	/debug/rqlock/text       who waits, where, and who holds that, for people
//	/debug/rqlock/json       the same for programs
//	/debug/rqlock/dot        the wait-for graph for Graphviz: ... | dot -Tsvg >waits.svg
//	/debug/rqlock/profile    for go tool pprof, see [WriteProfile]
//	/debug/rqlock/metrics    for Prometheus, see package metrics
//
// What holders do is looked up rarely, because that stops the program ([rqlock.WaitGraph.LookUp]).
// A page that lacks it says so.
//
// The page for browsers shows the wait-for graph, the locks by waiters, the last violations with
// their reports, and the counters of the last minutes. It changes four times a second at most. It
// needs nothing from another host, and no script: where scripts are off, it reloads.
//
// While nobody looks, violations are kept, of the last 50 places, and nothing else is done. So
// plots begin with the first viewer. While somebody looks, reading the locks takes a
// twentieth of a processor, and so does painting for each viewer. They take more only if the page
// would be 3 s late otherwise.
package rqhttp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/metrics"
)

const root = "/debug/rqlock/"

func init() { http.Handle(root, Handler()) }

// A page is what is below root.
type page struct {
	name, about, contentType string
	write                    func(w io.Writer) error
}

var pages = []page{
	{"text", "who waits, where, and who holds that", "text/plain; charset=utf-8", writeText},
	{"json", "the same for programs", "application/json", writeJSON},
	{"dot", "the wait-for graph for Graphviz", "text/vnd.graphviz; charset=utf-8", writeDot},
	{"profile", "for go tool pprof", "application/octet-stream", WriteProfile},
	{"metrics", "for Prometheus", "text/plain; version=0.0.4; charset=utf-8", metrics.WritePrometheus},
}

// files are what the page consists of besides itself.
var files = []page{
	{"page.css", "", "text/css; charset=utf-8", content(style)},
	{"page.js", "", "text/javascript; charset=utf-8", content(script)},
	{"icon.svg", "", "image/svg+xml", content(icon)},
}

func content(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// Handler returns what serves the pages, to be mounted at /debug/rqlock/ as it is, without
// [http.StripPrefix].
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"{$}", serveIndex)
	mux.HandleFunc("GET "+root+"events", serveEvents)
	for _, f := range files {
		mux.HandleFunc("GET "+root+f.name, f.serve)
	}
	for _, p := range pages {
		mux.HandleFunc("GET "+root+p.name, p.serve)
	}
	return mux
}

func (p *page) serve(w http.ResponseWriter, _ *http.Request) {
	header(w, p.contentType)
	if p.name == "profile" {
		w.Header().Set("Content-Disposition", `attachment; filename="rqlock.pb.gz"`)
	}
	_ = p.write(w) // who has asked is gone
}

// header has the browser take the page for nothing but what it is.
func header(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cache-Control", "no-store")
}

// lookedUp returns a snapshot with what the holders do.
func lookedUp() *rqlock.WaitGraph {
	g := rqlock.Snapshot()
	g.LookUp()
	return g
}

func writeText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%+v", lookedUp())
	return err
}

func writeJSON(w io.Writer) error { return json.NewEncoder(w).Encode(lookedUp()) }
