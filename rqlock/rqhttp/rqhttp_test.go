package rqhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/delays"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
	rqsync "github.com/rqlock/rqlock/rqlock/sync"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scene is a program in which goroutines wait.
type scene struct {
	t      *testing.T
	wg     sync.WaitGroup
	end    chan bool // closed at the end
	locked chan bool
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, end: make(chan bool), locked: make(chan bool)}
	t.Cleanup(func() {
		close(s.end)
		s.wg.Wait()
	})
	return s
}

// locker is a lock as a scene sees it.
type locker interface {
	LockTimeout(d time.Duration) error
	Unlock()
}

type reader struct{ *rqlock.RWMutex }

func (r reader) LockTimeout(d time.Duration) error { return r.RLockTimeout(d) }
func (r reader) Unlock()                           { r.RUnlock() }

// hold has a goroutine hold l until the scene's end.
func (s *scene) hold(l locker) {
	s.wg.Go(func() {
		must(s.t, l.LockTimeout(time.Minute))
		s.locked <- true
		holdsOverAChannel(s.end)
		l.Unlock()
	})
	<-s.locked
}

//go:noinline
func holdsOverAChannel(end chan bool) { <-end }

// wait has a goroutine wait for l until the scene's end.
func (s *scene) wait(l locker) {
	before := len(rqlock.Snapshot().Waits)
	s.wg.Go(func() {
		pprof.Do(context.Background(), pprof.Labels("request", "r<7>"), func(context.Context) {
			must(s.t, waitsForIt(l))
			l.Unlock()
		})
	})
	for len(rqlock.Snapshot().Waits) == before {
		time.Sleep(time.Millisecond)
	}
}

//go:noinline
func waitsForIt(l locker) error { return l.LockTimeout(time.Minute) }

// watched returns when the waiter at the queue's head knows for how long the lock is held.
func watched() {
	for rqlock.Snapshot().Waits[0].Holders[0].For == 0 {
		time.Sleep(time.Millisecond)
	}
}

// get returns a page of the handler, and checks its headers.
func get(t *testing.T, h http.Handler, path, contentType string) []byte {
	t.Helper()
	goid.Fresh()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	r := rec.Result()
	if got := r.Header.Get("Content-Type"); r.StatusCode != 200 || got != contentType || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("GET %s: %s, %v", path, r.Status, r.Header)
	}
	body, err := io.ReadAll(r.Body)
	must(t, err)
	return body
}

const (
	textT = "text/plain; charset=utf-8"
	htmlT = "text/html; charset=utf-8"
	jsonT = "application/json"
	dotT  = "text/vnd.graphviz; charset=utf-8"
	prof  = "application/octet-stream"
)

// TestMuxes: the pages are there at the default mux, and at any other without stripping.
func TestMuxes(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/debug/rqlock/", Handler())
	for name, h := range map[string]http.Handler{"default": http.DefaultServeMux, "own": mux, "alone": Handler()} {
		page := string(get(t, h, "/debug/rqlock/", htmlT))
		for _, p := range pages {
			if !strings.Contains(page, `href="`+p.name+`"`) {
				t.Errorf("%s: the index lacks %s", name, p.name)
			}
			get(t, h, "/debug/rqlock/"+p.name, p.contentType)
		}
		for path, want := range map[string]int{"/debug/rqlock/nothing": 404, "/debug/rqlock": 307} {
			rec := httptest.NewRecorder()
			if h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil)); rec.Code != want && rec.Code != 301 {
				t.Errorf("%s: GET %s: %d, want %d", name, path, rec.Code, want)
			}
		}
		rec := httptest.NewRecorder()
		if h.ServeHTTP(rec, httptest.NewRequest("POST", "/debug/rqlock/text", nil)); rec.Code != 405 {
			t.Errorf("%s: POST: %d", name, rec.Code)
		}
	}
}

// TestText: who reads the page finds the lock's name, both goroutines, both stacks, what the
// holder does, and the labels.
func TestText(t *testing.T) {
	s := newScene(t)
	l := new(rqlock.Mutex)
	l.SetName("Server.mu")
	s.hold(l)
	s.wait(l)
	page := string(get(t, Handler(), "/debug/rqlock/text", textT))
	for _, want := range []string{
		`"Server.mu"`, "holdsOverAChannel", "waitsForIt", "[chan receive, holds Mutex", "rqhttp_test.go:", `label "request": "r<7>"`, "1 goroutines wait",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^goroutine \d+ \[`).FindAllString(page, -1)); n != 2 {
		t.Errorf("the page has %d goroutines:\n%s", n, page)
	}
}

// TestJSON: the page has what is documented, and nothing else.
func TestJSON(t *testing.T) {
	s := newScene(t)
	l := new(rqlock.Mutex)
	l.SetName("Server.mu")
	s.hold(l)
	s.wait(l)
	type frame struct {
		Function, File string
		Line           int
	}
	var page struct {
		Time  time.Time
		Waits []struct {
			Goroutine uint64
			Lock      struct{ Addr, Name, Kind string }
			Read      *bool
			ForNs     int64 `json:"for_ns"`
			Stack     []frame
			Labels    map[string]string
			Holders   []struct {
				Goroutine uint64
				Read      *bool
				ForNs     *int64 `json:"for_ns"`
				State     string
				Stack     []frame
				Taken     []frame // with rqlocktrace
			}
		}
		Cycles [][]int
	}
	watched()
	time.Sleep(10 * time.Millisecond)
	dec := json.NewDecoder(bytes.NewReader(get(t, Handler(), "/debug/rqlock/json", jsonT)))
	dec.DisallowUnknownFields()
	must(t, dec.Decode(&page))
	if len(page.Waits) != 1 || page.Cycles == nil || len(page.Cycles) != 0 || time.Since(page.Time) > time.Minute {
		t.Fatalf("the page is %+v", page)
	}
	w := page.Waits[0]
	if w.Goroutine == 0 || w.Lock.Addr != fmt.Sprintf("%p", l) || w.Lock.Name != "Server.mu" || w.Lock.Kind != "Mutex" || w.Read == nil || *w.Read ||
		w.ForNs < int64(10*time.Millisecond) || w.Labels["request"] != "r<7>" || len(w.Stack) < 3 || w.Stack[0].Line == 0 || len(w.Holders) != 1 {
		t.Fatalf("the wait is %+v", w)
	}
	if h := w.Holders[0]; h.Goroutine == 0 || h.Goroutine == w.Goroutine || h.State != "chan receive" || h.Read == nil || len(h.Stack) == 0 ||
		h.ForNs == nil || *h.ForNs <= 0 || *h.ForNs > w.ForNs+int64(time.Second) {
		t.Errorf("the holder is %+v", h)
	}
}

// plain is a lock of package sync as a scene sees it.
type plain struct{ rqsync.Locker }

func (p plain) LockTimeout(time.Duration) error {
	p.Lock()
	return nil
}

// TestPackageSync: the locks of package rqlock/sync are shown as those of package rqlock.
func TestPackageSync(t *testing.T) {
	s := newScene(t)
	var server struct {
		mu rqsync.Mutex
		rw rqsync.RWMutex
	}
	rqlock.SetNames(&server)
	s.hold(plain{&server.mu})
	s.wait(plain{&server.mu})
	s.hold(plain{server.rw.RLocker()})
	s.wait(plain{&server.rw})
	live.forget()
	for path, contentType := range map[string]string{"": htmlT, "text": textT, "json": jsonT, "dot": dotT} {
		page := string(get(t, Handler(), "/debug/rqlock/"+path, contentType))
		for _, name := range []string{".mu", ".rw"} {
			if !strings.Contains(page, name) {
				t.Errorf("/debug/rqlock/%s lacks %s:\n%s", path, name, page)
			}
		}
	}
}

// TestPileUp: readers that are held up by a waiting writer are said to be so, with the reader
// that the writer waits for.
func TestPileUp(t *testing.T) {
	s := newScene(t)
	l := new(rqlock.RWMutex)
	l.SetName("cache")
	s.hold(reader{l})
	s.wait(l)
	var g *rqlock.WaitGraph
	for start := time.Now(); !strings.Contains(fmt.Sprint(g), "waits to write"); g = rqlock.Snapshot() {
		if g == nil {
			s.wait(reader{l}) // once the writer is the head, and waits for the reader
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("nobody is said to be held up: %v", g)
		}
	}
	page := string(get(t, Handler(), "/debug/rqlock/text", textT))
	m := regexp.MustCompile(`goroutine (\d+) \[waits to read, for RWMutex "cache" \(0x[0-9a-f]+\), which goroutine (\d+) waits to write, held by goroutine (\d+)`).FindStringSubmatch(page)
	if m == nil || !strings.Contains(page, "goroutine "+m[2]+" [waits for RWMutex") || !strings.Contains(page, "goroutine "+m[3]+" [chan receive, reads RWMutex") {
		t.Fatalf("the page does not say who holds whom up:\n%s", page)
	}
	if dot := string(get(t, Handler(), "/debug/rqlock/dot", dotT)); !strings.Contains(dot, "g"+m[1]+" -> g"+m[2]+" [style=dashed") {
		t.Errorf("the graph does not say so: %s", dot)
	}
	if page := string(get(t, Handler(), "/debug/rqlock/json", jsonT)); !strings.Contains(page, `"behind":`+m[2]) {
		t.Errorf("the data do not say so: %s", page)
	}
}

// TestNames: names and labels are data, whatever is in them.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"\"}; evil [label=\"x\n\r\x00\x1b[31m", "<script>alert(1)</script>", "\\\" -> g1", strings.Repeat("\"long\\\n", 2000), "\xff\xfe", "\ngoroutine 1 [running]:\n",
	} {
		s := newScene(t)
		l := new(rqlock.Mutex)
		l.SetName(name)
		s.hold(l)
		s.wait(l)
		page := string(get(t, Handler(), "/debug/rqlock/text", textT))
		for _, r := range page {
			if r < ' ' && r != '\n' && r != '\t' {
				t.Fatalf("%.20q: the text has %q", name, r)
			}
		}
		if n := len(regexp.MustCompile(`(?m)^goroutine \d+ \[`).FindAllString(page, -1)); n != 2 || len(page) > 10_000 {
			t.Errorf("%.20q: %d goroutines in %d bytes", name, n, len(page))
		}
		var data map[string]any
		raw := get(t, Handler(), "/debug/rqlock/json", jsonT)
		must(t, json.Unmarshal(raw, &data))
		if bytes.Contains(raw, []byte("<script")) {
			t.Errorf("%.20q: the data have HTML", name)
		}
		dot := string(get(t, Handler(), "/debug/rqlock/dot", dotT))
		line := regexp.MustCompile(`^(digraph waits \{|\}|\tnode \[shape=box\];|\t[gl]\d+( -> [gl]\d+)?( \[([a-z]+=([a-z]+|"([^"\\]|\\.)*")(, )?)+\])?;)$`)
		for _, l := range strings.Split(strings.TrimSuffix(dot, "\n"), "\n") {
			if !line.MatchString(l) {
				t.Errorf("%.20q: the graph has the line %q", name, l)
			}
		}
		if _, err := profile.ParseData(get(t, Handler(), "/debug/rqlock/profile", prof)); err != nil {
			t.Errorf("%.20q: %v", name, err)
		}
		close(s.end)
		s.wg.Wait()
		s.end = make(chan bool)
	}
}

// TestDotCycle: what waits in a circle is red.
func TestDotCycle(t *testing.T) {
	g := &rqlock.WaitGraph{Cycles: [][]int{{0, 1}}}
	for i := range 2 {
		g.Waits = append(g.Waits, rqlock.Wait{
			Goroutine: uint64(i + 1), Lock: rqlock.LockInfo{Addr: uintptr(10 + i)}, Holders: []rqlock.Holder{{Goroutine: uint64(2 - i)}},
		})
	}
	var b bytes.Buffer
	dot(&b, g)
	if got := b.String(); strings.Count(got, "color=red") != 2 || !strings.Contains(got, "l10 -> g2 [color=red]") {
		t.Errorf("got %s", got)
	}
}

// sums adds up a profile's values, of samples that name a function.
func sums(t *testing.T, p *profile.Profile, function string) map[string]int64 {
	t.Helper()
	sum := map[string]int64{}
	for _, s := range p.Sample {
		for _, l := range s.Location {
			if strings.Contains(l.Line[0].Function.Name, function) {
				for i, v := range s.Value {
					sum[p.SampleType[i].Type] += v
				}
				break
			}
		}
	}
	return sum
}

func parse(t *testing.T) (*profile.Profile, []byte) {
	t.Helper()
	raw := get(t, Handler(), "/debug/rqlock/profile", prof)
	p, err := profile.ParseData(raw)
	must(t, err)
	return p, raw
}

// TestProfile: waiters and holders are in the profile by stack, equal stacks together, and go
// tool pprof shows it.
func TestProfile(t *testing.T) {
	s := newScene(t)
	l := new(rqlock.Mutex)
	l.SetName("Server.mu")
	s.hold(l)
	const n = 3
	for range n {
		s.wait(l)
	}
	watched()
	p, raw := parse(t)
	if got := sums(t, p, "waitsForIt"); got["waiters"] != n || got["waiting"] <= 0 || got["holders"] != 0 {
		t.Errorf("waiters: %v", got)
	}
	if got := sums(t, p, "holdsOverAChannel"); got["holders"] != 1 || got["holding"] <= 0 || got["waiters"] != 0 {
		t.Errorf("holders: %v", got)
	}
	found := 0
	for _, s := range p.Sample {
		if s.Value[waiters] > 0 {
			found++
			if s.Label["lock"][0] != "Server.mu" || s.Label["kind"][0] != "Mutex" || s.Label["request"][0] != "r<7>" {
				t.Errorf("labels %v", s.Label)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d equal waiters are %d samples", n, found)
	}
	file := filepath.Join(t.TempDir(), "rqlock.pb.gz")
	must(t, os.WriteFile(file, raw, 0o666))
	out, err := exec.Command("go", "tool", "pprof", "-sample_index=waiters", "-top", "-cum", file).CombinedOutput()
	if err != nil && strings.Contains(string(out), "no such tool") {
		t.Skip("there is no go tool pprof here")
	}
	if err != nil || !strings.Contains(string(out), "waitsForIt") {
		t.Errorf("go tool pprof: %v\n%s", err, out)
	}
}

//go:noinline
func holdsLong(l locker, d time.Duration) {
	time.Sleep(d)
	l.Unlock()
}

// TestDelays: a wait is counted by the stack of who waited and by that of the unlock, which is
// charged with the time of each goroutine that it kept waiting.
func TestDelays(t *testing.T) {
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(0))
	const long = 100 * time.Millisecond
	round := func(rate, n int, held, wanted locker) (waits, unlocked map[string]int64) {
		runtime.SetMutexProfileFraction(rate)
		before, _ := parse(t)
		must(t, held.LockTimeout(time.Minute))
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				must(t, waitsForIt(wanted))
				wanted.Unlock()
			})
		}
		for len(rqlock.Snapshot().Waits) < n {
			runtime.Gosched()
		}
		holdsLong(held, long)
		wg.Wait()
		after, _ := parse(t)
		diff := func(name string) map[string]int64 {
			d := sums(t, after, name)
			for k, v := range sums(t, before, name) {
				d[k] -= v
			}
			return d
		}
		// Of one wait in many, the one that is counted may be the one whose unlock let all in.
		if all := diff(""); rate == 1 && all["unlock_delay"] > all["delay"]*3/2 {
			t.Errorf("unlocks are charged with more than all have waited: %v", all)
		}
		return diff("waitsForIt"), diff("holdsLong")
	}
	l, rw := new(rqlock.Mutex), new(rqlock.RWMutex)
	if waits, unlocked := round(0, 1, l, l); waits["contentions"] != 0 || unlocked["unlocks"] != 0 {
		t.Errorf("with rate 0: %v, %v", waits, unlocked)
	}
	for name, c := range map[string]struct {
		held, wanted locker
		n, unlocks   int64 // who wait, and how many of them the long section's unlock lets in
	}{
		"mutex":        {l, l, 5, 1},
		"readers wait": {rw, reader{rw}, 5, 5},
		"writers wait": {rw, rw, 5, 1},
	} {
		waits, unlocked := round(1, int(c.n), c.held, c.wanted)
		if waits["contentions"] != c.n || waits["delay"] < c.n*int64(long) {
			t.Errorf("%s: waits: %v", name, waits)
		}
		if unlocked["unlocks"] != c.unlocks || unlocked["unlock_delay"] < c.n*int64(long)*9/10 || unlocked["unlock_delay"] > waits["delay"] {
			t.Errorf("%s: unlocks: %v, waits: %v", name, unlocked, waits)
		}
	}
	// The race detector is not to see what readers do, see package gate.
	if !raceEnabled {
		if _, unlocked := round(1, 1, reader{rw}, rw); unlocked["unlocks"] != 1 || unlocked["unlock_delay"] < int64(long)*9/10 {
			t.Errorf("wait for a reader: unlocks: %v", unlocked)
		}
	}
	// Of one in many, few are counted, and each for as many.
	waits, _ := round(1000, 5, l, l)
	if c := waits["contentions"]; c%1000 != 0 || c > 2000 {
		t.Errorf("with rate 1000: %v", waits)
	}
}

// TestManyStacks: what is kept is bounded.
func TestManyStacks(t *testing.T) {
	var table delays.Table
	for range 11_000 {
		table.Add([]runtime.Frame{{Function: "f"}}, time.Second, 1)
	}
	all := table.All()
	var count int64
	for _, d := range all {
		count += d.Count
	}
	if len(all) > 10_001 || count != 11_000 {
		t.Errorf("%d stacks with %d waits", len(all), count)
	}
}
