package rqhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/rqlock/rqlock/rqlock"
)

// A look is what there is to see at one moment. Nobody changes it.
type look struct {
	*rqlock.WaitGraph
	at      time.Time
	failed  []violation
	samples []sample
	looked  map[uint64]lookedAt
}

// lookedAt is what a holder did when that was looked up last.
type lookedAt struct {
	state string
	stack []runtime.Frame
	at    time.Time
}

// A lookout looks for all viewers, and only if one of them wants it.
type lookout struct {
	mu   sync.Mutex
	last *look
	next time.Time // no other look before
}

var live lookout

const (
	fresh      = 250 * time.Millisecond // for so long a look will do for all viewers
	share      = 20                     // looking, and painting, takes one part in so many of the time
	latest     = 3 * time.Second        // but nobody waits for longer than that
	keepLooked = time.Minute            // for so long it is worth saying what a holder did
)

// rest is for how long what took some time is not done again.
func rest(took time.Duration) time.Duration { return min(max(fresh, share*took), latest) }

func (o *lookout) look() *look {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.last != nil && now.Before(o.next) {
		return o.last
	}
	l := &look{WaitGraph: rqlock.Snapshot(), at: now, failed: violations.all()}
	took := time.Since(now)
	l.LookUp() // which is done rarely enough by itself
	var before look
	if o.last != nil {
		before = *o.last
	}
	l.remember(before.looked)
	l.samples = withSample(before.samples, sample{now, rqlock.ReadEvents(), len(l.Waits)})
	o.last = l
	o.next = now.Add(rest(took))
	return l
}

// remember fills in what holders did when they were looked up last, which is done rarely.
func (l *look) remember(before map[uint64]lookedAt) {
	l.looked = map[uint64]lookedAt{}
	for i := range l.Waits {
		for j := range l.Waits[i].Holders {
			h := &l.Waits[i].Holders[j]
			if h.State != "" {
				if _, known := l.looked[h.Goroutine]; !known {
					l.looked[h.Goroutine] = lookedAt{h.State, h.Stack, l.at}
				}
				continue
			}
			known, ok := before[h.Goroutine]
			if ago := l.at.Sub(known.at); ok && ago < keepLooked && (h.For == 0 || ago <= h.For) { // it held the lock then
				l.looked[h.Goroutine] = known
				h.State, h.Stack = known.state, known.stack
			}
		}
	}
}

// An update is what has changed of the page, for the script.
type update struct {
	Title string            `json:"title"`
	Parts map[string]string `json:"parts"`
}

// idleFor is after how long without a change something is written, to see whether somebody reads.
const idleFor = 15 * time.Second

// serveEvents sends the parts of the page that have changed, at most four times a second, until
// the viewer leaves or the server shuts down.
func serveEvents(w http.ResponseWriter, r *http.Request) {
	header(w, "text/event-stream")
	q := queryOf(r.URL.Query())
	to := http.NewResponseController(w)
	down := shutdown(r)
	shown := map[string]string{}
	wrote := time.Now()
	for {
		l := live.look()
		began := time.Now()
		p := paint(l, q)
		u := update{Title: p.title(), Parts: map[string]string{}}
		for _, part := range parts {
			if text := part.write(p); text != shown[part.name] || len(shown) < len(parts) {
				shown[part.name], u.Parts[part.name] = text, text
			}
		}
		message := ":\n\n"
		if len(u.Parts) > 0 {
			data, err := json.Marshal(u)
			if err != nil {
				return // strings can be marshalled
			}
			message = fmt.Sprintf("data: %s\n\n", data)
		}
		if len(u.Parts) > 0 || time.Since(wrote) > idleFor {
			wrote = time.Now()
			_ = to.SetWriteDeadline(wrote.Add(idleFor)) // not every writer has one
			if _, err := fmt.Fprint(w, message); err != nil || to.Flush() != nil {
				return
			}
		}
		pause := time.NewTimer(rest(time.Since(began)))
		select {
		case <-pause.C:
		case <-r.Context().Done():
			return
		case <-down:
			return
		}
		if q.paused {
			select {
			case <-r.Context().Done():
			case <-down:
			}
			return
		}
	}
}

// downs has for each server a channel that is closed when it shuts down, which else would wait for
// those who look.
var downs struct {
	mu sync.Mutex
	of map[weak.Pointer[http.Server]]chan struct{}
}

// shutdown returns a channel that is closed when the server of a request shuts down, or nil.
func shutdown(r *http.Request) <-chan struct{} {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	key := weak.Make(server)
	downs.mu.Lock()
	defer downs.mu.Unlock()
	down := downs.of[key]
	if down == nil {
		if downs.of == nil {
			downs.of = map[weak.Pointer[http.Server]]chan struct{}{}
		}
		down = make(chan struct{})
		downs.of[key] = down
		server.RegisterOnShutdown(sync.OnceFunc(func() { close(down) }))
		runtime.AddCleanup(server, forgetServer, key)
	}
	return down
}

func forgetServer(key weak.Pointer[http.Server]) {
	downs.mu.Lock()
	defer downs.mu.Unlock()
	delete(downs.of, key)
}
