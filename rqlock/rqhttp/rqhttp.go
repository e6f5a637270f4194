// Package rqhttp shows over HTTP who waits for which lock, and who holds it. Importing it
// registers its pages on [http.DefaultServeMux], as net/http/pprof does; for another mux there is
// [Handler]:
//
//	/debug/rqlock/text       who waits, where, and who holds that, for people
//	/debug/rqlock/json       the same for programs
//	/debug/rqlock/dot        the wait-for graph for Graphviz: ... | dot -Tsvg >waits.svg
//	/debug/rqlock/profile    for go tool pprof, see [WriteProfile]
//	/debug/rqlock/metrics    for Prometheus, see package metrics
//
// As [rqlock.WaitGraph.LookUp] says, what holders do is looked up rarely, as that stops the
// program; a page without it says so.
//
// These pages tell of the program's insides. Let nobody see them who may not.
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

// Handler returns what serves the pages, to be mounted at /debug/rqlock/ as it is, without
// [http.StripPrefix].
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"{$}", index)
	for _, p := range pages {
		mux.HandleFunc("GET "+root+p.name, p.serve)
	}
	return mux
}

func index(w http.ResponseWriter, _ *http.Request) {
	header(w, "text/html; charset=utf-8")
	fmt.Fprint(w, "<!DOCTYPE html>\n<title>rqlock</title>\n<h1>rqlock</h1>\n<ul>\n")
	for _, p := range pages {
		fmt.Fprintf(w, "<li><a href=\"%s\">%s</a>: %s\n", p.name, p.name, p.about)
	}
	fmt.Fprint(w, "</ul>\n")
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
