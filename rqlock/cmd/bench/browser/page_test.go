package browser

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/rqhttp"
)

var picture = flag.String("picture", "", "`file` to write the picture of the page to that TestPicture makes")

// serve serves the page until the test's end.
func serve(t *testing.T) string {
	mux := http.NewServeMux()
	mux.Handle("/debug/rqlock/", rqhttp.Handler())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/debug/rqlock/"
}

// A scene has goroutines that wait until it ends.
type scene struct {
	t   *testing.T
	all sync.WaitGroup
	end func()
}

func newScene(t *testing.T) (*scene, context.Context) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &scene{t: t}
	s.end = sync.OnceFunc(func() {
		cancel()
		s.all.Wait()
	})
	t.Cleanup(s.end)
	return s, ctx
}

// crowd has n goroutines wait for a lock with a name, which is held over a channel.
func crowd(t *testing.T, name string, n int) *scene {
	s, ctx := newScene(t)
	l := new(rqlock.Mutex)
	l.SetName(name)
	held := make(chan bool)
	s.all.Go(func() {
		must(t, l.Lock())
		close(held)
		holdsOverAChannel(ctx.Done())
		l.Unlock()
	})
	<-held
	before := len(rqlock.Snapshot().Waits)
	for range n {
		s.all.Go(func() {
			pprof.Do(ctx, pprof.Labels("request", "<seven>"), func(context.Context) {
				must(t, waitsForIt(l))
				l.Unlock()
			})
		})
	}
	for len(rqlock.Snapshot().Waits) < before+n {
		time.Sleep(time.Millisecond)
	}
	return s
}

//go:noinline
func holdsOverAChannel(end <-chan struct{}) { <-end }

//go:noinline
func waitsForIt(l *rqlock.Mutex) error { return l.LockTimeout(time.Hour) }

const soon = 20 * time.Second // for what must happen, but not by when

// TestLive: a deadlock that is made while somebody looks appears within 2 s, and so does what
// waits because of it. That is gone when the program goes on.
func TestLive(t *testing.T) {
	b := newTab(t, serve(t))
	b.until("the page is live", has("#status", "Live."), soon)
	b.until("nobody waits", has("#part-graph", "No goroutine waits"), soon)

	locks := make([]rqlock.Mutex, 2)
	locks[0].SetName("deadlock.ada")
	locks[1].SetName("deadlock.bob")
	var all sync.WaitGroup
	var both sync.WaitGroup
	both.Add(2)
	goOn := make(chan bool)
	for i := range locks {
		all.Go(func() {
			must(t, locks[i].Lock())
			defer locks[i].Unlock()
			both.Done()
			both.Wait()
			if err := locks[1-i].Lock(); err != nil {
				if !errors.Is(err, rqlock.ErrDeadlock) {
					t.Error(err)
				}
				<-goOn // the victim keeps its lock for a while
				return
			}
			locks[1-i].Unlock()
		})
		locks[i].SetStallTimeout(time.Hour)
	}
	b.until("the deadlock appears", has("#part-violations", "rqlock: deadlock: goroutine")+" && "+has("#part-violations", "deadlock.bob"), 2*time.Second)
	b.until("the wait that is left appears", has("#part-graph", "deadlock.")+" && "+has("#part-locks", "deadlock."), 2*time.Second)
	if title := eval[string](b, "document.title"); title != "rqlock: 1 goroutine waits" {
		t.Errorf("the title is %q", title)
	}
	close(goOn)
	all.Wait()
	b.until("it dissolves", has("#part-graph", "No goroutine waits"), 2*time.Second)

	b.click(`#part-violations a`)
	b.until("the report is open", `document.querySelector('#part-panel pre')?.textContent.includes('[waits for Mutex "deadlock.')`, soon)
}

// TestPanel: a click shows a goroutine's stack and labels, which stay open while the page changes,
// and the keyboard does as well. A name that is HTML is shown as text.
func TestPanel(t *testing.T) {
	crowd(t, "<script>alert(1)</script>", 3)
	b := newTab(t, serve(t))
	b.until("the name is shown", has("svg.graph", "<script>alert(1)</script>"), soon)
	if n := eval[int](b, "document.querySelectorAll('main script').length"); n != 0 {
		t.Errorf("%d scripts in the page", n)
	}
	waiter := rqlock.Snapshot().Waits[0].Goroutine
	link := fmt.Sprintf("#g%d", waiter)
	b.click(link)
	open := has("#part-panel", fmt.Sprintf("Goroutine %d", waiter)) + " && document.activeElement.id === 'panel'"
	b.until("the panel is open, and has the focus", open, soon)
	for _, want := range []string{"browser.waitsForIt", "page_test.go:", "request", "<seven>", "Labels"} {
		if text := b.text("#part-panel"); !strings.Contains(text, want) {
			t.Errorf("the panel lacks %q: %s", want, text)
		}
	}
	if at := eval[string](b, "location.search"); at != "?open="+link[1:] {
		t.Errorf("the address has %q", at)
	}
	// The graph changes, as its ages do, and who is in it stays there.
	b.focus(link)
	b.do(chromedp.Evaluate[chromedp.Void](`window.was = document.querySelector('` + link + `')`))
	b.until("the graph is new", `window.was !== document.querySelector('`+link+`')`, soon)
	if id := eval[string](b, "document.activeElement.id"); "#"+id != link {
		t.Errorf("the focus has moved to %q", id)
	}
	// A click that takes its time is one, and what is selected stays selected.
	const renewed = `window.was !== document.querySelector('svg.graph')`
	x, y := eval[float64](b, `window.was = document.querySelector('svg.graph'), document.querySelector('#close').getBoundingClientRect().x + 5`),
		eval[float64](b, `document.querySelector('#close').getBoundingClientRect().y + 5`)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	time.Sleep(1500 * time.Millisecond)
	if eval[bool](b, renewed) {
		t.Error("the page is new under a button that is pressed")
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	b.until("the click closes the panel", "document.querySelector('.panel') === null", soon)
	b.click(link)
	b.until("the panel is open again", open, soon)
	b.do(chromedp.Evaluate[chromedp.Void](`window.was = document.querySelector('svg.graph'); getSelection().selectAllChildren(document.querySelector('.stack'))`))
	b.until("the graph is new", renewed, soon)
	if text := eval[string](b, `getSelection().toString()`); !strings.Contains(text, "browser.waitsForIt") {
		t.Errorf("what was selected is %q now", text)
	}
	b.do(chromedp.Evaluate[chromedp.Void]("getSelection().removeAllRanges()"))

	// Who uses the keyboard sees where they are.
	b.do(chromedp.KeyEvent("\t"))
	b.focus(link)
	if width := eval[string](b, `getComputedStyle(document.querySelector('`+link+` rect')).strokeWidth`); width != "5px" {
		t.Errorf("the box that has the focus has an outline of %s", width)
	}
	b.focus("#close")
	if outline := eval[string](b, `getComputedStyle(document.querySelector('#close')).outlineStyle`); outline != "solid" {
		t.Errorf("the link that has the focus has the outline %q", outline)
	}
	b.do(chromedp.KeyEvent("\r"))
	b.until("the panel is closed", "document.querySelector('.panel') === null", soon)
	b.focus(link)
	b.do(chromedp.KeyEvent("\r"))
	b.until("the panel is open again", open, soon)
	b.do(chromedp.Evaluate[chromedp.Void]("history.back()"))
	b.until("back closes it", "document.querySelector('.panel') === null", soon)

	b.click("#pause")
	b.until("the page is paused", has("#status", "Paused."), soon)
	b.until("it says when", has("#part-summary", "Go on"), soon)
	still := b.text("#part-graph")
	crowd(t, "later", 1)
	time.Sleep(1200 * time.Millisecond)
	if now := b.text("#part-graph"); now != still {
		t.Errorf("it changes though it is paused:\n%s\n%s", still, now)
	}
	b.click("#pause")
	b.until("the page is live again", has("#part-graph", "later"), soon)

	// Nobody looks at a tab that is hidden.
	hide := func(hidden bool) {
		b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`Object.defineProperty(document, 'hidden', {value: %v, configurable: true});
			document.dispatchEvent(new Event('visibilitychange'))`, hidden)))
	}
	hide(true)
	still = b.text("main")
	crowd(t, "hidden", 1)
	time.Sleep(1200 * time.Millisecond)
	if now := b.text("main"); now != still {
		t.Errorf("it changes though it is hidden:\n%s\n%s", still, now)
	}
	hide(false)
	b.until("the page is seen again", has("#part-graph", "hidden"), soon)
}

// TestCrowd: 1,000 waiters are folded and opened on demand. 10,000 stop neither the browser, nor
// the program.
func TestCrowd(t *testing.T) {
	b := newTab(t, serve(t))
	s := crowd(t, "crowd", 1000)
	b.until("they are folded", has("svg.graph", "and 990 more"), soon)
	if n := eval[int](b, "document.querySelectorAll('svg.graph a').length"); n != 12 { // holder, ten waiters, the fold
		t.Errorf("%d boxes", n)
	}
	b.click(`a[id^="fold-"]`)
	b.until("all are drawn", "document.querySelectorAll('svg.graph a').length === 1002", soon)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#graph-scroll').scrollTo(0, 5000); window.was = document.querySelector('svg.graph')`))
	b.until("the graph is new", `window.was !== document.querySelector('svg.graph')`, soon)
	if top := eval[int](b, `document.querySelector('#graph-scroll').scrollTop`); top != 5000 {
		t.Errorf("who has scrolled to 5000 is at %d", top)
	}
	b.click(`a[id^="fold-"]`)
	b.until("they are folded again", "document.querySelectorAll('svg.graph a').length === 12", soon)
	s.end()

	s = crowd(t, "crowd", 10_000)
	b.until("ten thousand are folded", has("svg.graph", "and 9,990 more"), soon)
	b.click(`a[id^="fold-"]`)
	b.until("many are drawn", "document.querySelectorAll('svg.graph a').length === 1002", soon)
	var l rqlock.Mutex
	progress, longest := 0, time.Duration(0)
	for start := time.Now(); time.Since(start) < 3*time.Second; progress++ {
		began := time.Now()
		eval[int](b, "new Promise(done => requestAnimationFrame(() => done(1)))")
		must(t, l.Lock())
		l.Unlock()
		longest = max(longest, time.Since(began))
	}
	t.Logf("with 10,000 waiters unfolded, the browser draws %d frames in 3 s, the longest takes %v", progress, longest)
	if longest > 2*time.Second {
		t.Errorf("the browser stands still for %v", longest)
	}
	s.end()
	b.until("they are gone", has("#part-graph", "No goroutine waits"), soon)
}

// TestWithoutScripts: where scripts are off the page reloads, and every link does what it does
// with them.
func TestWithoutScripts(t *testing.T) {
	s := crowd(t, "no scripts", 20)
	b := newTab(t, serve(t))
	ctx, cancel := b.limited()
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	must(t, err)
	b.do(chromedp.Reload())
	b.until("who waits is shown", has("svg.graph", "and 10 more"), soon)
	if status := b.text("#status"); status != "" {
		t.Errorf("scripts are on: %q", status)
	}
	b.click(`a[id^="fold-"]`)
	b.until("all are drawn", "document.querySelectorAll('svg.graph a').length === 22", soon)
	waiter := rqlock.Snapshot().Waits[0].Goroutine
	b.click(fmt.Sprintf("#g%d", waiter))
	b.until("the panel is open", has("#part-panel", "browser.waitsForIt"), soon)
	s.end()
	b.until("the page reloads", has("#part-graph", "No goroutine waits"), soon)
}

// TestAccessible: axe-core finds nothing, in the folded view and with panels open, and a phone's
// width is enough.
func TestAccessible(t *testing.T) {
	script := axe(t)
	crowd(t, "crowd", 200)
	rw := new(rqlock.RWMutex)
	rw.SetName("cache")
	must(t, rw.RLock())
	if err := rw.Lock(); !errors.Is(err, rqlock.ErrDeadlock) {
		t.Error(err)
	}
	done := make(chan error)
	go func() { done <- rw.LockTimeout(time.Millisecond) }()
	if err := <-done; !errors.Is(err, rqlock.ErrTimeout) {
		t.Error(err)
	}
	defer rw.RUnlock()
	address := serve(t)
	b := newTab(t, address)
	g := rqlock.Snapshot()
	look := func(what, query string) {
		b.open(address + "?pause=1&" + query) // axe-core must not see the page change
		b.until("the page is there", `document.querySelector('main[aria-busy]') === null && `+has("#status", "Paused."), soon)
		b.do(chromedp.Evaluate[chromedp.Void](script))
		b.audit(what)
	}
	waiter := fmt.Sprintf("open=g%d", g.Waits[0].Goroutine)
	for what, query := range map[string]string{
		"folded": "", "a waiter is open": waiter, "a violation is open": "open=v1",
		"the holder is open":   fmt.Sprintf("open=g%d", g.Waits[0].Holders[0].Goroutine),
		"unfolded, by time":    fmt.Sprintf("sort=time&unfold=%#x", g.Waits[0].Lock.Addr),
		"what is not is open":  "open=g999999999",
		"a violation not kept": "open=v999999999",
	} {
		look(what, query)
	}
	b.scheme("dark")
	look("dark, a waiter is open", waiter)
	look("dark, a violation is open", "open=v1")
	b.do(chromedp.EmulateViewport(390, 800))
	for _, query := range []string{"", waiter, "open=v1"} {
		look("phone, "+query, query)
		if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 390 {
			t.Errorf("%s: on a phone the page is %d wide", query, wide)
		}
	}
}

// TestContrast: the text of each kind of box in the graph has the contrast that is asked of text,
// 4.5, and lines that tell something have 3, light and dark.
func TestContrast(t *testing.T) {
	crowd(t, "crowd", 20)
	b := newTab(t, serve(t))
	b.until("there is a graph", "document.querySelector('svg.graph') !== null", soon)
	b.click("#pause")
	b.until("it stays", has("#part-summary", "Go on"), soon)
	type colours struct{ Class, Text, Fill, Stroke, Edge, Back, Page string }
	light := map[string]colours{}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		all := eval[[]colours](b, `(() => {
			const graph = document.querySelector('svg.graph'), out = [];
			const rect = graph.querySelector('rect'), text = graph.querySelector('a text'), edge = graph.querySelector('path.edge');
			const was = [rect.getAttribute('class'), edge.getAttribute('class')];
			for (const c of ['goroutine', 'goroutine reader', 'goroutine holder', 'goroutine holder reader', 'goroutine cycle', 'goroutine reader cycle', 'goroutine open', 'lock', 'fold']) {
				rect.setAttribute('class', c);
				edge.setAttribute('class', c.includes('cycle') ? 'edge cycle' : 'edge');
				const s = getComputedStyle(rect);
				out.push({class: c, text: getComputedStyle(text).fill, fill: s.fill, stroke: s.stroke, edge: getComputedStyle(edge).stroke,
					back: getComputedStyle(graph).backgroundColor, page: getComputedStyle(document.body).backgroundColor});
			}
			rect.setAttribute('class', was[0]);
			edge.setAttribute('class', was[1]);
			return out;
		})()`)
		if len(all) != 9 {
			t.Fatalf("%d kinds of boxes", len(all))
		}
		for _, c := range all {
			if c.Back != "rgba(0, 0, 0, 0)" {
				t.Fatalf("the graph has a background of its own, %s", c.Back)
			}
			for _, pair := range []struct {
				what, a, b string
				least      float64
			}{{"text", c.Text, c.Fill, 4.5}, {"outline", c.Stroke, c.Page, 3}, {"edge", c.Edge, c.Page, 3}} {
				if got := contrast(t, pair.a, pair.b); got < pair.least {
					t.Errorf("%s, %s: %s %s on %s has the contrast %.1f, want %.1f", scheme, c.Class, pair.what, pair.a, pair.b, got, pair.least)
				}
			}
			if scheme == "light" {
				light[c.Class] = c
			} else if light[c.Class].Page == c.Page || light[c.Class].Fill == c.Fill {
				t.Errorf("%s is the same, light and dark", c.Class)
			}
		}
	}
}

// TestPicture: the example web server shows what it is meant to, and makes README's picture.
func TestPicture(t *testing.T) {
	needsBrowser(t)
	program := t.TempDir() + "/webserver"
	if out, err := exec.Command("go", "build", "-o", program, "github.com/rqlock/rqlock/rqlock/examples/webserver").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(program, "-http", "127.0.0.1:0", "-visitors", "0")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { // when the tab is closed
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Scan()
	home := lines.Text()
	if !strings.HasPrefix(home, "http://") {
		t.Fatalf("it says %q", home)
	}
	s, ctx := newScene(t)
	visit := func(path string) {
		s.all.Go(func() {
			request, err := http.NewRequestWithContext(ctx, "GET", home+path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if answer, err := http.DefaultClient.Do(request); err == nil { // or the visitor has left
				answer.Body.Close()
			}
		})
	}
	b := newTab(t, home+"debug/rqlock/")
	b.do(chromedp.EmulateViewport(1100, 1000))
	// Visitors come until each bug is to be seen.
	for _, bug := range []struct {
		paths []string
		shows string
	}{
		{[]string{"transfer", "back"}, has("#part-violations", "rqlock: deadlock: ")},
		{[]string{"export"}, "true"},
		{[]string{"deposit", "import"}, has("#part-graph", "waits to write,") + " && " + has("#part-graph", " (select)")},
		{[]string{"import", "total"}, has("#part-graph", "waits to read,") + " && " + has("#part-graph", "imports.mu")},
	} {
		for start := time.Now(); ; time.Sleep(250 * time.Millisecond) {
			for _, path := range bug.paths {
				visit(path)
			}
			if eval[bool](b, "!!("+bug.shows+")") {
				break
			}
			if time.Since(start) > 2*soon {
				t.Fatalf("visitors of %s see: %s", bug.paths, b.text("body"))
			}
		}
	}
	raw := b.screenshot()
	image, err := png.Decode(bytes.NewReader(raw))
	must(t, err)
	if size := image.Bounds().Size(); size.X != 1100 || size.Y != 1000 {
		t.Errorf("the picture is %v", size)
	}
	if *picture != "" {
		must(t, os.WriteFile(*picture, raw, 0o666))
	}
}
