package rqhttp

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
)

// wellFormed fails if a part of the page has an element that does not end, or an attribute that
// does not.
func wellFormed(t *testing.T, part string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<part>" + part + "</part>"))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Errorf("%v in %.2000s", err, part)
			return
		}
	}
}

// index returns the page with a query, as it is now.
func index(t *testing.T, query string) string {
	t.Helper()
	live.forget()
	return string(get(t, Handler(), "/debug/rqlock/"+query, htmlT))
}

// forget has the next viewer look anew.
func (o *lookout) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = time.Time{}
}

// TestPolicy: the page allows nothing that it does not need, and needs nothing of other hosts, nor
// a script or a style within it.
func TestPolicy(t *testing.T) {
	violations.mu.Lock()
	violations.list = nil // names of locks in it, as text, may look like what is sought
	violations.mu.Unlock()
	live.forget()
	rec := httptest.NewRecorder()
	Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/debug/rqlock/", nil))
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := rec.Header().Get("Content-Security-Policy"); got != want || rec.Header().Get("Referrer-Policy") != "no-referrer" || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", rec.Header())
	}
	sources := rec.Body.String() + style + script + icon
	if bad := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9]|@import|\son[a-z]+=|style=|<style|javascript:|data:[^ ]|\beval\(`).FindAllString(strings.ReplaceAll(sources, `xmlns="http://www.w3.org/2000/svg"`, ""), -1); bad != nil {
		t.Errorf("the page has %q", bad)
	}
	if n := strings.Count(sources, "<script"); n != 1 {
		t.Errorf("the page has %d scripts", n)
	}
	for _, f := range files {
		if body := string(get(t, Handler(), "/debug/rqlock/"+f.name, f.contentType)); len(body) < 50 || !strings.Contains(rec.Body.String(), `"`+f.name+`"`) {
			t.Errorf("%s has %d bytes, or is not named in the page", f.name, len(body))
		}
	}
}

// TestReload: where scripts are off the page reloads, unless it is paused, and says when it was
// made then.
func TestReload(t *testing.T) {
	const refresh = `<noscript><meta http-equiv="refresh" content="5; url=?`
	if page := index(t, "?open=g7"); strings.Count(page, refresh+`open=g7"></noscript>`) != 1 {
		t.Errorf("it does not reload with what is open: %s", page)
	}
	if page := index(t, ""); strings.Count(page, refresh+`"></noscript>`) != 1 || !strings.Contains(page, `href="?pause=1">Pause`) {
		t.Errorf("it does not reload: %s", page)
	}
	if page := index(t, "?pause=1"); strings.Contains(page, "refresh") || !strings.Contains(page, `href="?">Go on`) || !regexp.MustCompile(`at \d\d:\d\d:\d\d\.`).MatchString(page) {
		t.Errorf("it is not paused: %s", page)
	}
}

// TestIndex: the page shows who waits, for what, for how long, and who holds that. If somebody
// opens it, it shows stack and labels. Reloading is enough for that.
func TestIndex(t *testing.T) {
	if page := index(t, ""); !strings.Contains(page, "No goroutine waits for a lock.") || !strings.Contains(page, "<title>rqlock: nobody waits</title>") {
		t.Errorf("nobody waits: %s", page)
	}
	s := newScene(t)
	l := new(rqlock.Mutex)
	l.SetName("Server.mu")
	s.hold(l)
	s.wait(l)
	watched()
	g := rqlock.Snapshot()
	waiter, holder := g.Waits[0].Goroutine, g.Waits[0].Holders[0].Goroutine
	page := index(t, "")
	for _, want := range []string{
		"<title>rqlock: 1 goroutine waits</title>", ">Server.mu<", ">Mutex, held<", ">1 waiter<", fmt.Sprintf(">goroutine %d<", waiter), fmt.Sprintf(">goroutine %d (chan receive)<", holder),
		">holds ", fmt.Sprintf(`id="g%d" href="?open=g%d#panel"`, waiter, waiter), "rqhttp.holdsOverAChannel:", "rqhttp.waitsForIt:", "goroutines that wait",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, `class="panel"`) {
		t.Error("something is open")
	}
	for id, want := range map[uint64][]string{
		waiter:  {"It waits ", `for Mutex &#34;Server.mu&#34; (0x`, "<dt>request</dt><dd>r&lt;7&gt;</dd>", ".waitsForIt</code>", "rqhttp_test.go:", "Where it waits"},
		holder:  {"It holds Mutex &#34;Server.mu&#34; (0x", "at least", "1 goroutine waits for it", "State: chan receive, ", ".holdsOverAChannel</code>", "Where it is"},
		1 << 60: {"It does not wait now, and nobody waits for what it holds."},
	} {
		page := index(t, fmt.Sprintf("?open=g%d", id))
		if !strings.Contains(page, fmt.Sprintf(`<h2 id="panel" tabindex="-1">Goroutine %d</h2>`, id)) || !strings.Contains(page, `<a id="close" href="?#graph">`) {
			t.Errorf("goroutine %d is not open: %s", id, page)
		}
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("goroutine %d: the page lacks %q:\n%s", id, w, page)
			}
		}
	}
}

// TestReadersWriters: who reads and who writes are told apart, and who is behind whom.
func TestReadersWriters(t *testing.T) {
	s := newScene(t)
	l := new(rqlock.RWMutex)
	s.hold(reader{l})
	s.hold(reader{l})
	s.wait(l)
	for len(rqlock.Snapshot().Waits) == 1 {
		s.wait(reader{l})
	}
	page := ""
	for start := time.Now(); !regexp.MustCompile(`>goroutine \d+, behind \d+</text><text[^>]*>[^<]*</text><text[^>]*>waits to read, [a-z0-9 ]+</text>`).MatchString(page); page = index(t, "") {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("nobody is behind the writer: %s", page)
		}
	}
	for _, want := range []string{`class="goroutine reader"`, `class="goroutine"`, ">RWMutex, read by 2 goroutines<", ">waits to write, ", ">reads", " (chan receive)<"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if n := strings.Count(page, `class="goroutine holder reader"`); n != 2 {
		t.Errorf("%d readers are drawn as holders", n)
	}
}

// TestPageNames: whatever is in a name, a label or an address is shown as text.
func TestPageNames(t *testing.T) {
	for _, name := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "a\x00\x1b[31m\r\nb", "\xff\xfe", "\u202eevil", "</svg></title><b>", strings.Repeat("<&\"'\n", 2000), "&lt;",
	} {
		s := newScene(t)
		l := new(rqlock.Mutex)
		l.SetName(name)
		s.hold(l)
		s.wait(l)
		before, began := len(violations.all()), time.Now()
		done := make(chan error)
		go func() { done <- l.LockTimeout(time.Millisecond) }()
		if err := <-done; !errors.Is(err, rqlock.ErrTimeout) {
			t.Error(err)
		}
		all := violations.all()
		id := rqlock.Snapshot().Waits[0].Goroutine
		for _, open := range []string{fmt.Sprintf("g%d", id), fmt.Sprintf("v%d", all[0].id), url.QueryEscape(name)} {
			page := index(t, "?open="+open+"&unfold="+url.QueryEscape(name)+"&sort="+url.QueryEscape(name))
			if strings.Contains(page, "<script>") || strings.Contains(page, "<img") || strings.Contains(page, "<b>") || len(page) > 60_000 {
				t.Errorf("%.20q: %d bytes: %s", name, len(page), page)
			}
			for _, r := range page {
				if r < ' ' && r != '\n' && r != '\t' || r == '\u202e' || r == '\ufffd' {
					t.Fatalf("%.20q: the page has %q", name, r)
				}
			}
			_, body, _ := strings.Cut(page, "<main>")
			body, _, _ = strings.Cut(body, "</main>")
			wellFormed(t, body)
		}
		if len(all) < before || all[0].at.Before(began) {
			t.Errorf("%.20q: %d violations, and %d before", name, len(all), before)
		}
		close(s.end)
		s.wg.Wait()
		s.end = make(chan bool)
	}
}

// TestQuery: what an address says is what its links say, but for what they change.
func TestQuery(t *testing.T) {
	for _, q := range []query{{}, {paused: true, byTime: true, open: "g7", unfold: []uintptr{1, 0xc0012345}}, {open: "v3"}} {
		u, err := url.Parse(q.with(func(*query) {}))
		must(t, err)
		if got := queryOf(u.Query()); !reflect.DeepEqual(got, q) {
			t.Errorf("%+v became %+v by %s", q, got, u)
		}
	}
	q := query{unfold: []uintptr{5}}
	if got := q.with(func(q *query) { q.toggle(6) }); got != "?unfold=0x5&unfold=0x6" {
		t.Errorf("got %s", got)
	}
	if got := q.with(func(q *query) { q.toggle(5) }); got != "?" || len(q.unfold) != 1 || q.unfold[0] != 5 {
		t.Errorf("got %s, and %v", got, q)
	}
	values := url.Values{"open": {"x1"}, "pause": {"2"}}
	for i := range 1000 {
		values.Add("unfold", fmt.Sprint(i))
	}
	if got := queryOf(values); got.open != "" || got.paused || len(got.unfold) != mostUnfolded {
		t.Errorf("got %+v", got)
	}
	for i := range uintptr(1000) {
		q.toggle(i + 100)
	}
	if len(q.unfold) != mostUnfolded || q.unfold[mostUnfolded-1] != 1099 {
		t.Errorf("unfolds %v", q.unfold)
	}
}

// TestLocksTable: locks are sorted by waiters, or by time waited, as the address says.
func TestLocksTable(t *testing.T) {
	g := &rqlock.WaitGraph{Waits: []rqlock.Wait{waitsFor(1, 0x10, 9), waitsFor(2, 0x20, 8), waitsFor(3, 0x20, 8)}}
	g.Waits[0].For = time.Hour
	for i := range mostLocks {
		w := waitsFor(uint64(100+i), uintptr(0x1000+i), 7)
		w.For = time.Second
		g.Waits = append(g.Waits, w)
	}
	row := regexp.MustCompile(`<th scope="row">Mutex (0x\w+)</th><td class="n">(\d+)</td><td class="n">([^<]+)</td><td class="n">([^<]+)</td>`)
	for byTime, want := range map[bool][2]string{false: {"0x20 2 2 minutes 60 seconds", "0x10 1 60 minutes 60 minutes"}, true: {"0x10 1 60 minutes 60 minutes", "0x20 2 2 minutes 60 seconds"}} {
		table := paint(&look{WaitGraph: g}, query{byTime: byTime}).locks()
		rows := row.FindAllStringSubmatch(table, -1)
		for i, w := range want {
			if got := strings.Join(rows[i][1:], " "); got != w {
				t.Errorf("by time: %v: row %d is %s, want %s", byTime, i, got, w)
			}
		}
		sorted := `aria-sort="descending">Waiters`
		if byTime {
			sorted = `aria-sort="descending">Waited together`
		}
		if len(rows) != mostLocks || !strings.Contains(table, "And 2 locks more.") || strings.Count(table, "aria-sort") != 1 || !strings.Contains(table, sorted) {
			t.Errorf("%d rows: %s", len(rows), table)
		}
	}
}

// deadlock makes a violation of a lock that the caller holds.
func deadlock(t *testing.T, l *rqlock.Mutex) {
	t.Helper()
	if err := l.Lock(); !errors.Is(err, rqlock.ErrDeadlock) {
		t.Error(err)
	}
}

// TestViolations: the last violations are kept, one of each place with how many there were, and
// OnViolation's function is left to the user.
func TestViolations(t *testing.T) {
	var list violationList
	add := list.add
	before := events.Violated.Swap(&add)
	defer events.Violated.Store(before)
	told := 0
	if previous := rqlock.OnViolation(func(error) { told++ }); previous != nil {
		t.Error("OnViolation's function is set already")
	}
	t.Cleanup(func() { rqlock.OnViolation(nil) })
	fail := func(l *rqlock.Mutex, n int) {
		must(t, l.Lock())
		for range n {
			deadlock(t, l)
		}
		l.Unlock()
	}
	locks := make([]rqlock.Mutex, mostViolations+10)
	fail(&locks[0], 7)
	fail(&locks[1], 1)
	fail(&locks[0], 5)
	all := list.all()
	if told == 0 || len(all) != 2 || all[0].count != 12 || all[1].count != 1 || all[0].id != 1 || time.Since(all[0].at) > time.Minute {
		t.Errorf("told of %d, and kept %+v", told, all)
	}
	p := paint(&look{WaitGraph: &rqlock.WaitGraph{}, at: time.Now(), failed: all}, query{open: "v1"})
	if text := p.violations(); !strings.Contains(text, "12 times here, the last one ") || strings.Index(text, `id="v1"`) > strings.Index(text, `id="v2"`) {
		t.Errorf("shown: %s", text)
	}
	if text := p.panel(); !strings.Contains(text, "rqlock: deadlock: goroutine ") || !strings.Contains(text, "\tgithub.com") && !strings.Contains(text, "page_test.go:") {
		t.Errorf("opened: %s", text)
	}
	for i := range locks {
		fail(&locks[i], 1)
	}
	if all = list.all(); len(all) != mostViolations || all[0].id != len(locks) {
		t.Errorf("%d violations are kept, the last one %+v", len(all), all[0])
	}
	p.failed = all
	if text := p.panel(); !strings.Contains(text, "It is not kept any more") {
		t.Errorf("opened: %s", text)
	}
}

// TestViolationCopies: whoever gets an error may change it.
func TestViolationCopies(t *testing.T) {
	var list violationList
	for _, err := range []error{
		&rqlock.DeadlockError{Cycle: []rqlock.Wait{{Goroutine: 1}}},
		&rqlock.TimeoutError{}, &rqlock.OrderError{},
	} {
		list.add(err)
		reflect.ValueOf(err).Elem().FieldByName("Unreported").SetUint(7)
		if kept := reflect.ValueOf(list.all()[0].err).Elem().FieldByName("Unreported").Uint(); kept != 0 {
			t.Errorf("%T: the error that is kept has changed", err)
		}
	}
	if n := len(list.all()); n != 3 {
		t.Errorf("%d are kept", n)
	}
}

// TestCounters: each counter of rqlock.Events is there, in words, with its rate, over the last
// minutes. There is a gap where nobody looked.
func TestCounters(t *testing.T) {
	fields := reflect.TypeFor[rqlock.Events]()
	for i := range fields.NumField() {
		if outcomes[fields.Field(i).Name] == "" {
			t.Errorf("there are no words for %s", fields.Field(i).Name)
		}
	}
	var samples []sample
	begin := time.Now()
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	for i := range 1000 {
		samples = withSample(samples, sample{at(float64(i) * .5), rqlock.Events{Stall: uint64(5 * i)}, i}) // twice a second
	}
	if n, most := len(samples), int(plotted/sampleEvery)+1; n != most {
		t.Errorf("%d samples are kept, want %d", n, most)
	}
	last := samples[len(samples)-1]
	samples = withSample(samples, sample{last.at.Add(time.Minute), last.events, 0})
	stalls := series{}
	for _, s := range seriesOf(samples) {
		if s.name == outcomes["Stall"] {
			stalls = s
		}
	}
	for _, p := range stalls.points {
		if p.value != 10 {
			t.Fatalf("the rate is %+v, want 10", p)
		}
	}
	samples = withSample(samples, sample{last.at.Add(time.Minute + time.Second), last.events, 0})
	waiting := seriesOf(samples)[0]
	if drawn := string(waiting.plot(samples[len(samples)-1].at)); strings.Count(drawn, "M") != 2 || !strings.Contains(drawn, `aria-label="goroutines that wait: now 0, at most 998"`) {
		t.Errorf("drawn %s", drawn)
	}
	p := paint(&look{WaitGraph: &rqlock.WaitGraph{}, at: last.at, samples: samples[:len(samples)-2]}, query{})
	if table := p.counters(); !strings.Contains(table, `<th scope="row">failed: stall</th><td class="n">4,990</td>`) || !strings.Contains(table, "now 10 a second, at most 10 a second") {
		t.Errorf("got %s", table)
	}
}

// A stream reads what the page is sent.
type stream struct {
	t     *testing.T
	lines *bufio.Reader
	end   func()
}

func follow(t *testing.T, server, query string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", server+"/debug/rqlock/events"+query, nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("the stream is %s", got)
	}
	return &stream{t, bufio.NewReader(answer.Body), func() { cancel(); answer.Body.Close() }}
}

// next returns the next update, or false at the end.
func (s *stream) next() (update, bool) {
	s.t.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return update{}, false
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var u update
			must(s.t, json.Unmarshal([]byte(data), &u))
			return u, true
		}
	}
}

// serveLive serves the page until the test's end.
func serveLive(t *testing.T) *httptest.Server {
	server := httptest.NewServer(Handler())
	t.Cleanup(server.Close)
	return server
}

// TestEvents: a viewer is sent the whole page, and then what has changed of it.
func TestEvents(t *testing.T) {
	s := newScene(t)
	l := new(rqlock.Mutex)
	l.SetName("Server.mu")
	s.hold(l)
	live.forget()
	viewer := follow(t, serveLive(t).URL, "?open=g7")
	defer viewer.end()
	first, ok := viewer.next()
	if !ok || len(first.Parts) != len(parts) || !strings.Contains(first.Parts["graph"], "No goroutine waits") || first.Title != "rqlock: nobody waits" {
		t.Fatalf("first: %+v", first)
	}
	if page := index(t, "?open=g7"); !strings.Contains(page, first.Parts["panel"]) || !strings.Contains(first.Parts["panel"], "Goroutine 7") {
		t.Error("the page differs from what is sent")
	}
	s.wait(l)
	for {
		u, ok := viewer.next()
		if !ok {
			t.Fatal("the stream has ended")
		}
		if _, again := u.Parts["violations"]; again && u.Parts["violations"] == first.Parts["violations"] || u.Parts["panel"] != "" {
			t.Errorf("sent again though nothing has changed: %v", u.Parts)
		}
		if strings.Contains(u.Parts["graph"], ">Server.mu<") {
			if u.Title != "rqlock: 1 goroutine waits" || !strings.Contains(u.Parts["locks"], "Server.mu") {
				t.Errorf("got %+v", u)
			}
			break
		}
	}
}

// TestRate: a viewer is told four times a second at most, however much changes.
func TestRate(t *testing.T) {
	viewer := follow(t, serveLive(t).URL, "")
	defer viewer.end()
	var l rqlock.Mutex
	stop := make(chan bool)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() { // a violation that is counted, again and again
		must(t, l.Lock())
		defer l.Unlock()
		for {
			select {
			case <-stop:
				return
			default:
				deadlock(t, &l)
			}
		}
	})
	const n = 8
	start := time.Now()
	for range n {
		if _, ok := viewer.next(); !ok {
			t.Fatal("the stream has ended")
		}
	}
	if took := time.Since(start); took < (n-2)*fresh {
		t.Errorf("%d updates in %v", n, took)
	}
}

// TestPaused: a viewer that is paused is sent the page once.
func TestPaused(t *testing.T) {
	viewer := follow(t, serveLive(t).URL, "?pause=1")
	if first, ok := viewer.next(); !ok || len(first.Parts) != len(parts) {
		t.Fatalf("first: %+v", first)
	}
	ended := make(chan bool)
	go func() {
		_, ok := viewer.next()
		ended <- ok
	}()
	var l rqlock.Mutex
	must(t, l.Lock())
	deadlock(t, &l) // a change
	l.Unlock()
	select {
	case <-ended:
		t.Error("it was sent more")
	case <-time.After(4 * fresh):
	}
	viewer.end()
	<-ended
}

// TestNobodyLooks: while nobody looks nothing is computed, and no goroutine is there for it.
func TestNobodyLooks(t *testing.T) {
	server := serveLive(t)
	runtime.GC()
	before := runtime.NumGoroutine()
	viewer := follow(t, server.URL, "")
	viewer.next()
	looked := func() time.Time {
		live.mu.Lock()
		defer live.mu.Unlock()
		return live.last.at
	}
	first := looked()
	for start := time.Now(); looked().Equal(first); time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatal("nobody looks for a viewer")
		}
	}
	viewer.end()
	http.DefaultClient.CloseIdleConnections()
	for start := time.Now(); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d goroutines, and %d before", runtime.NumGoroutine(), before)
		}
	}
	// Goroutines of an earlier test may have ended instead of the last of this one.
	last := looked()
	for start := time.Now(); ; {
		time.Sleep(4 * fresh)
		now := looked()
		if now.Equal(last) {
			return
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("somebody looks, though nobody is there")
		}
		last = now
	}
}

// TestShared: viewers share a look, and the next one waits until looking has taken a twentieth of
// the time.
func TestShared(t *testing.T) {
	var o lookout
	first := o.look()
	if o.look() != first {
		t.Error("the second viewer looks again")
	}
	o.next = time.Now()
	if o.look() == first {
		t.Error("nobody looks again")
	}
	if until := time.Until(o.next); until > latest || until < fresh/2 {
		t.Errorf("the next look is in %v", until)
	}
	for took, want := range map[time.Duration]time.Duration{0: fresh, 100 * time.Millisecond: 2 * time.Second, time.Minute: latest} {
		if got := rest(took); got != want {
			t.Errorf("what took %v is done again after %v, want %v", took, got, want)
		}
	}
}

// TestLooked: what a holder did is said for as long as it was not looked up again.
func TestLooked(t *testing.T) {
	holder := func(state string) *look {
		w := waitsFor(1, 10, 2)
		w.Holders[0].State = state
		return &look{WaitGraph: &rqlock.WaitGraph{Time: time.Now(), Waits: []rqlock.Wait{w}}, at: time.Now()}
	}
	first := holder("select")
	first.at = first.at.Add(-10 * time.Second)
	first.remember(nil)
	second := holder("")
	second.remember(first.looked)
	if text := paint(second, query{open: "g2"}).panel(); !strings.Contains(text, "State: select, 10 seconds ago.") {
		t.Errorf("got %s", text)
	}
	late := holder("")
	late.Waits[0].Holders[0].For = 9 * time.Second // it held the lock later
	late.remember(first.looked)
	if text := paint(late, query{open: "g2"}).panel(); !strings.Contains(text, "was not looked at yet") {
		t.Errorf("got %s", text)
	}
	third := holder("")
	third.at = third.at.Add(keepLooked)
	third.remember(second.looked)
	if text := paint(third, query{open: "g2"}).panel(); !strings.Contains(text, "was not looked at yet") {
		t.Errorf("got %s", text)
	}
}

// TestShutdown: a server that shuts down does not wait for those who look.
func TestShutdown(t *testing.T) {
	for _, query := range []string{"", "?pause=1"} {
		server := serveLive(t)
		viewer := follow(t, server.URL, query)
		viewer.next()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := server.Config.Shutdown(ctx); err != nil {
			t.Errorf("%q: %v", query, err)
		}
		cancel()
		viewer.end()
	}
}

// TestNoFlusher: a writer that cannot send at once ends the stream, and nothing goes on.
func TestNoFlusher(t *testing.T) {
	rec := httptest.NewRecorder()
	serveEvents(struct{ http.ResponseWriter }{rec}, httptest.NewRequest("GET", "/debug/rqlock/events", nil))
	if !strings.HasPrefix(rec.Body.String(), "data: ") {
		t.Errorf("got %q", rec.Body.String())
	}
}

// TestGone: a viewer that has left is not looked for any more, even if nothing fails.
func TestGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan bool)
	go func() {
		serveEvents(httptest.NewRecorder(), httptest.NewRequest("GET", "/debug/rqlock/events", nil).WithContext(ctx))
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the stream goes on")
	}
}

// TestLookedBefore: a look that comes too soon after another for a dump has the states of that.
func TestLookedBefore(t *testing.T) {
	s := newScene(t)
	l := new(rqlock.Mutex)
	s.hold(l)
	s.wait(l)
	watched()
	var o lookout
	goid.Fresh()
	for range 2 {
		if h := o.look().Waits[0].Holders[0]; h.State != "chan receive" || len(h.Stack) == 0 {
			t.Errorf("the holder is %+v", h)
		}
		o.forget()
	}
}

// TestWords: durations and numbers are said in words that people use.
func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "no time", 999: "no time", time.Microsecond: "1 microsecond", 1999 * time.Microsecond: "1 millisecond", 999 * time.Millisecond: "999 milliseconds",
		time.Second: "1 second", 119 * time.Second: "119 seconds", 2 * time.Minute: "2 minutes", 119 * time.Minute: "119 minutes", 47 * time.Hour: "47 hours", 100 * 24 * time.Hour: "100 days",
	} {
		if got := words(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
	if got := cut("äöü", 3) + " " + cut("äöüß", 3); got != "äöü äö…" {
		t.Errorf("cut to %s", got)
	}
	if got := printable("a\tb\x00\xff\ufffd\u202eä"); got != `a\tb\x00\xff`+"\ufffd"+`\u202eä` {
		t.Errorf("printable is %s", got)
	}
	var m markup
	if m.add(`<a title="%s">%d %s</a>`, "\"<&\x00", 7, raw("<b>")); m.String() != `<a title="&#34;&lt;&amp;\x00">7 <b></a>` {
		t.Errorf("markup is %s", m.String())
	}
}
