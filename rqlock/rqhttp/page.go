package rqhttp

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The page is rendered here, whether a script shows it live or not: what the script puts in place
// is what a reload would show. What is opened stands in the address.

// A query is what the address says of how the page is to be.
type query struct {
	paused bool
	byTime bool      // locks are sorted by time waited
	open   string    // "g12", a goroutine, or "v3", a violation
	unfold []uintptr // locks all of whose waiters are drawn, and everything
}

// everything, as a lock, stands for all locks.
const everything = uintptr(1)

// mostUnfolded is how many locks are unfolded at most.
const mostUnfolded = 50

func queryOf(values url.Values) (q query) {
	q.paused = values.Get("pause") == "1"
	q.byTime = values.Get("sort") == "time"
	if open := values.Get("open"); len(open) > 1 && strings.Contains("gv", open[:1]) {
		if _, err := strconv.ParseUint(open[1:], 10, 64); err == nil {
			q.open = open
		}
	}
	for _, s := range values["unfold"] {
		if addr, err := strconv.ParseUint(s, 0, strconv.IntSize); err == nil && len(q.unfold) < mostUnfolded && !q.unfolds(uintptr(addr)) {
			q.unfold = append(q.unfold, uintptr(addr))
		}
	}
	return q
}

// with returns the address of the page with one thing changed.
func (q query) with(change func(*query)) string {
	q.unfold = slices.Clone(q.unfold)
	change(&q)
	values := url.Values{}
	if q.paused {
		values.Set("pause", "1")
	}
	if q.byTime {
		values.Set("sort", "time")
	}
	if q.open != "" {
		values.Set("open", q.open)
	}
	for _, addr := range q.unfold {
		values.Add("unfold", fmt.Sprintf("%#x", addr))
	}
	return "?" + values.Encode()
}

func (q query) unfolds(addr uintptr) bool { return slices.Contains(q.unfold, addr) }

func (q *query) toggle(addr uintptr) {
	if i := slices.Index(q.unfold, addr); i >= 0 {
		q.unfold = slices.Delete(q.unfold, i, i+1)
	} else if q.unfold = append(q.unfold, addr); len(q.unfold) > mostUnfolded {
		q.unfold = q.unfold[1:]
	}
}

// opened returns the number of what is open, of a kind, or 0.
func (q *query) opened(kind string) uint64 {
	if !strings.HasPrefix(q.open, kind) {
		return 0
	}
	n, _ := strconv.ParseUint(q.open[1:], 10, 64)
	return n
}

func (q *query) openGoroutine() uint64 { return q.opened("g") }

// A painter writes the page for one viewer.
type painter struct {
	*look
	q      query
	forest *forest
}

func paint(l *look, q query) *painter { return &painter{l, q, forestOf(l.WaitGraph)} }

// parts are what of the page changes.
var parts = []struct {
	name, title string
	write       func(*painter) string
}{
	{"summary", "", (*painter).summary},
	{"graph", "Who waits for what", (*painter).graph},
	{"panel", "", (*painter).panel},
	{"locks", "Locks that are waited for", (*painter).locks},
	{"violations", "Violations", (*painter).violations},
	{"counters", "Counters", (*painter).counters},
}

// title is what a tab shows.
func (p *painter) title() string {
	if len(p.Waits) == 0 {
		return "rqlock: nobody waits"
	}
	return "rqlock: " + wait(len(p.Waits))
}

//go:embed page.css
var style string

//go:embed page.js
var script string

//go:embed icon.svg
var icon string

// reloadAfter is how often the page is loaded again where scripts are off.
const reloadAfter = 5 * time.Second

func (p *painter) writePage(w io.Writer) error {
	var m markup
	m.add(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
`, p.title())
	if !p.q.paused {
		m.add("<noscript><meta http-equiv=\"refresh\" content=\"%d; url=%s\"></noscript>\n", int(reloadAfter.Seconds()), p.q.with(func(*query) {}))
	}
	m.add("</head>\n<body>\n<header><h1>rqlock</h1>\n")
	for _, part := range parts {
		if part.name == "graph" {
			m.add("<p id=\"status\" role=\"status\"></p></header>\n<main>\n")
		}
		if part.title == "" {
			m.add("<div id=\"part-%s\">%s</div>\n", part.name, raw(part.write(p)))
			continue
		}
		m.add("<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n<div id=\"part-%s\">%s</div></section>\n", part.name, part.name, part.title, part.name, raw(part.write(p)))
	}
	m.add("</main>\n<footer><nav aria-label=\"other forms\"><ul>\n")
	for _, page := range pages {
		m.add("<li><a href=\"%s\">%s</a>: %s</li>\n", page.name, page.name, page.about)
	}
	m.add("</ul></nav></footer>\n</body>\n</html>\n")
	_, err := io.WriteString(w, m.String())
	return err
}

func (p *painter) summary() string {
	var m markup
	m.add("<p>%s for %s", wait(len(p.Waits)), count(len(p.forest.locks), "lock"))
	if n := len(p.Cycles); n > 0 {
		m.add(", <strong>%s</strong>", count(n, "deadlock"))
	}
	if p.q.paused {
		m.add(`, at %s. <a id="pause" href="%s">Go on</a></p>`, p.at.Format("15:04:05"), p.q.with(func(q *query) { q.paused = false }))
	} else {
		m.add(`. <a id="pause" href="%s">Pause</a></p>`, p.q.with(func(q *query) { q.paused = true }))
	}
	return m.String()
}

// panel has what somebody has opened.
func (p *painter) panel() string {
	if p.q.open == "" {
		return ""
	}
	title, write := "Violation "+p.q.open[1:], p.violationPanel
	if id := p.q.openGoroutine(); id != 0 {
		title, write = fmt.Sprintf("Goroutine %d", id), func(m *markup) { p.goroutinePanel(m, id) }
	}
	var m markup
	m.add(`<section class="panel" aria-labelledby="panel"><h2 id="panel" tabindex="-1">%s</h2><p><a id="close" href="%s">Close</a></p>`, title, p.q.with(func(q *query) { q.open = "" })+"#graph")
	write(&m)
	m.add("</section>")
	return m.String()
}

func (p *painter) goroutinePanel(m *markup, id uint64) {
	n := p.forest.goroutines[id]
	if n == nil {
		m.add("<p>It does not wait now, and nobody waits for what it holds.</p>")
		return
	}
	if w := n.wait; w != nil {
		m.add("<p>It waits%s %s for %s %s.", how(w), words(w.For), w.Lock.Kind, w.Lock)
		if n.cyclic {
			m.add(" It is in a deadlock.")
		}
		if behind := w.Behind(); behind != 0 {
			m.add(" Goroutine %d, which waits to write, is ahead of it.", behind)
		}
		m.add("</p>")
		if len(w.Labels) > 0 {
			m.add("<h3>Labels</h3><dl>")
			for _, key := range slices.Sorted(maps.Keys(w.Labels)) {
				m.add("<dt>%s</dt><dd>%s</dd>", cut(key, 200), cut(w.Labels[key], 200))
			}
			m.add("</dl>")
		}
		writeFrames(m, "Where it waits", w.Stack)
	}
	for _, l := range p.forest.locks {
		for i, h := range l.holders {
			if h != n {
				continue
			}
			held := l.waiters[0].wait.Holders[i]
			verb := "holds"
			if held.Read {
				verb = "reads"
			}
			m.add("<p>It %s %s %s", verb, l.info.Kind, l.info)
			if held.For > 0 {
				m.add(" for %s at least", words(held.For))
			}
			m.add(", and %s for it.</p>", wait(len(l.waiters)))
			writeFrames(m, "Where it took the lock", held.Taken)
		}
	}
	if n.wait == nil {
		if n.holder.State == "" {
			m.add("<p>What it does was not looked at yet: that stops the program for a moment, and is done rarely.</p>")
			return
		}
		m.add("<p>State: %s, %s ago.</p>", n.holder.State, words(p.WaitGraph.Time.Sub(p.looked[id].at)))
		writeFrames(m, "Where it is", n.holder.Stack)
	}
}

func writeFrames(m *markup, title string, stack []runtime.Frame) {
	if len(stack) == 0 {
		return
	}
	m.add("<h3>%s</h3><ol class=\"stack\">", title)
	for _, f := range stack {
		m.add("<li><code>%s</code>", f.Function)
		if f.File != "" {
			m.add("<code class=\"file\">%s:%d</code>", f.File, f.Line)
		}
		m.add("</li>")
	}
	m.add("</ol>")
}

// mostLocks is how many locks are in the table.
const mostLocks = 20

func (p *painter) locks() string {
	if len(p.forest.locks) == 0 {
		return "<p>None.</p>"
	}
	type row struct {
		*lockNode
		total time.Duration
	}
	rows := make([]row, len(p.forest.locks))
	for i, l := range p.forest.locks {
		rows[i].lockNode = l
		for _, w := range l.waiters {
			rows[i].total += w.wait.For
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		if p.q.byTime {
			return cmp.Compare(b.total, a.total)
		}
		return cmp.Compare(len(b.waiters), len(a.waiters))
	})
	var m markup
	heading := func(id, title string, sorted bool, byTime bool) {
		if sorted {
			m.add(`<th scope="col" class="n" aria-sort="descending">%s</th>`, title)
		} else {
			m.add(`<th scope="col" class="n"><a id="%s" href="%s">%s</a></th>`, id, p.q.with(func(q *query) { q.byTime = byTime }), title)
		}
	}
	m.add(`<div class="scroll" role="group" aria-labelledby="locks" tabindex="0" id="locks-scroll"><table><thead><tr><th scope="col">Lock</th>`)
	heading("by-waiters", "Waiters", !p.q.byTime, false)
	heading("by-time", "Waited together", p.q.byTime, true)
	m.add(`<th scope="col" class="n">The longest</th></tr></thead><tbody>`)
	for _, r := range rows[:min(len(rows), mostLocks)] {
		m.add(`<tr><th scope="row">%s</th><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>`,
			r.info.Kind+" "+r.info.String(), number(len(r.waiters)), words(r.total), words(r.waiters[0].wait.For))
	}
	m.add("</tbody></table></div>")
	if more := len(rows) - mostLocks; more > 0 {
		m.add("<p>And %s more.</p>", count(more, "lock"))
	}
	return m.String()
}

func (p *painter) violations() string {
	if len(p.failed) == 0 {
		return "<p>None since the program started.</p>"
	}
	var m markup
	m.add(`<ul class="violations">`)
	for _, v := range p.failed {
		id := fmt.Sprintf("v%d", v.id)
		m.add(`<li><a id="%s" href="%s">%s</a> <span class="when">`, id, p.q.with(func(q *query) { q.open = id })+"#panel", cut(v.err.Error(), 400))
		if v.count > 1 {
			m.add("%s times here, the last one ", number(v.count))
		}
		m.add("%s ago</span></li>", words(p.at.Sub(v.at)))
	}
	m.add("</ul>")
	return m.String()
}

// longestReport is how many characters of a report are shown.
const longestReport = 100_000

func (p *painter) violationPanel(m *markup) {
	for _, v := range p.failed {
		if uint64(v.id) == p.q.opened("v") {
			m.add(`<pre class="scroll" tabindex="0" role="group" aria-labelledby="panel" id="report-scroll">`)
			for line := range strings.Lines(cut(fmt.Sprintf("%+v", v.err), longestReport)) {
				line = strings.TrimSuffix(line, "\n")
				indent := line[:len(line)-len(strings.TrimLeft(line, "\t"))]
				m.add("%s%s\n", raw(indent), line[len(indent):])
			}
			m.add("</pre>")
			return
		}
	}
	m.add("<p>It is not kept any more: there were %d at other places since.</p>", mostViolations)
}

// serveIndex serves the page.
func serveIndex(w http.ResponseWriter, r *http.Request) {
	header(w, "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_ = paint(live.look(), queryOf(r.URL.Query())).writePage(w) // who has asked is gone
}
