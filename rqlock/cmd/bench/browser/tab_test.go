package browser

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lacks skips a test that lacks something, or fails it if the environment says that it must run.
func lacks(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("RQLOCK_REQUIRE_BROWSER") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// chromium is where the browser is, or "".
var chromium = sync.OnceValue(func() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
})

// needsBrowser skips a test, or fails it, if there is no browser.
func needsBrowser(t *testing.T) {
	t.Helper()
	if chromium() == "" {
		lacks(t, "no browser here (Debian: apt-get install -y --no-install-recommends chromium)")
	}
}

// browser is the one that all tests share. It ends with the program.
var browser = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium()), chromedp.WindowSize(1280, 1000))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	endBrowser = end
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
})

var endBrowser = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	endBrowser()
	os.Exit(code)
}

// A tab shows a page. It notes what the page asks for, and what goes wrong in it.
type tab struct {
	t        *testing.T
	ctx      context.Context
	mu       sync.Mutex
	requests []string
	errors   []string
}

// newTab opens a page of a server in a new tab. At the test's end there must have been no error in
// its console, and no request to another host.
func newTab(t *testing.T, address string) *tab {
	t.Helper()
	needsBrowser(t)
	first, err := browser()
	must(t, err)
	ctx, end := chromedp.NewContext(first)
	b := &tab{t: t, ctx: ctx}
	must(t, chromedp.Listen(ctx, b.note))
	t.Cleanup(func() {
		end()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.errors) > 0 {
			t.Errorf("the console has %q", b.errors)
		}
		home, err := url.Parse(address)
		must(t, err)
		if len(b.requests) == 0 {
			t.Error("no requests were seen")
		}
		for _, r := range b.requests {
			if u, err := url.Parse(r); err != nil || u.Host != home.Host {
				t.Errorf("the page asks for %s", r)
			}
		}
	})
	b.open(address)
	return b
}

func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.errors = append(b.errors, string(e.Type))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// limited is the context for one action.
func (b *tab) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, time.Minute)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	must(b.t, chromedp.Do(ctx, steps...))
}

func (b *tab) open(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

// eval returns the value of an expression.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	must(b.t, err)
	return v
}

// until waits until an expression is true, for as long as is given. While the tab goes to another
// page it may have no value.
func (b *tab) until(what, expression string, most time.Duration) {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if ok {
			return
		}
		if time.Since(start) > most {
			b.t.Fatalf("not within %v: %s (%v)\n%s", most, what, err, b.text("body"))
		}
	}
}

// text returns what somebody reads in the first element of a selector.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `document.querySelector(`+quote(selector)+`).innerText`)
}

// has is an expression that is true if a text is to be seen in the element of a selector.
func has(selector, text string) string {
	return `document.querySelector(` + quote(selector) + `)?.textContent.includes(` + quote(text) + `)`
}

// quote quotes for a script.
func quote(s string) string {
	return "decodeURIComponent('" + strings.ReplaceAll(url.PathEscape(s), "'", "%27") + "')"
}

// click clicks in the middle of an element, which may be replaced by its like meanwhile.
func (b *tab) click(selector string) {
	b.t.Helper()
	at := eval[struct{ X, Y float64 }](b, `(() => {
		const e = document.querySelector(`+quote(selector)+`);
		e.scrollIntoView({block: 'center'});
		const r = e.getClientRects()[0]; // of a link that is broken, its first line
		return {x: r.x + r.width / 2, y: r.y + r.height / 2};
	})()`)
	b.do(chromedp.MouseClickXY(at.X, at.Y))
}

// focus gives an element the focus.
func (b *tab) focus(selector string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(` + quote(selector) + `).focus()`))
}

// scheme has the tab prefer "light" or "dark".
func (b *tab) scheme(name string) {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	must(b.t, err)
}

// screenshot returns a picture of what is to be seen.
func (b *tab) screenshot() []byte {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	must(b.t, err)
	return png
}
