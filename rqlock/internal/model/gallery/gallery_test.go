package gallery

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/clh"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/deque"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/mcs"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/rwlock"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/seqlock"
	"github.com/rqlock/rqlock/rqlock/internal/model/gallery/ticket"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// A subject is a package of the gallery. Its programs are small enough to be explored whole.
type subject struct {
	name      string
	programs  []*mc.Program
	orders    map[string]mc.Order // of each primitive
	sources   map[string]string
	sites     []mc.SiteInfo
	firstSite mc.Site
	drops     []mc.SiteInfo
	firstDrop int32
}

var subjects = []subject{
	{"ticket", ticketPrograms, ticket.Orders, ticket.Sources, ticket.Sites, ticket.FirstSite, ticket.Drops, ticket.FirstDrop},
	{"mcs", mcsPrograms, mcs.Orders, mcs.Sources, mcs.Sites, mcs.FirstSite, mcs.Drops, mcs.FirstDrop},
	{"clh", clhPrograms, clh.Orders, clh.Sources, clh.Sites, clh.FirstSite, clh.Drops, clh.FirstDrop},
	{"seqlock", seqlockPrograms, seqlock.Orders, seqlock.Sources, seqlock.Sites, seqlock.FirstSite, seqlock.Drops, seqlock.FirstDrop},
	{"rwlock", rwlockPrograms, rwlock.Orders, rwlock.Sources, rwlock.Sites, rwlock.FirstSite, rwlock.Drops, rwlock.FirstDrop},
	{"deque", dequePrograms, deque.Orders, deque.Sources, deque.Sites, deque.FirstSite, deque.Drops, deque.FirstDrop},
}

// TestCopied: the copies are of the sources as they are now.
func TestCopied(t *testing.T) {
	for _, s := range subjects {
		for name, want := range s.sources {
			src, err := os.ReadFile(filepath.Join("..", "..", "..", "..", name))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(src)); got != want {
				t.Errorf("%s has changed since gen copied it for the model: run make generate", name)
			}
		}
	}
}

var memories = []mc.Model{mc.SC, mc.TSO, mc.RA}

// TestGallery explores every program of each lock whole, in each memory.
func TestGallery(t *testing.T) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) { explore(t, s.programs) })
	}
}

// TestLong does the same with larger programs.
func TestLong(t *testing.T) {
	if os.Getenv("RQLOCK_LONG") == "" {
		t.Skip("takes minutes: set RQLOCK_LONG")
	}
	explore(t, longPrograms)
}

func explore(t *testing.T, programs []*mc.Program) {
	for _, p := range programs {
		for _, memory := range memories {
			r := mc.World{Memory: memory, Marks: true}.Run(p, mc.Exhaustive())
			t.Log(r)
			if f := r.Failure; f != nil {
				t.Errorf("%s\nschedule: %s\n%s", f.Message, f.Schedule, f.Trace)
			} else if !r.Complete {
				t.Errorf("not explored to its end: %v", r)
			}
		}
	}
}

// weaker has for each ordering the next weaker ones. SeqCst is a fence's. Of a weaker fence
// nothing is left of what it is for: to order a store before a later load.
var weaker = map[mc.Order][]mc.Order{
	mc.Acquire: {mc.Relaxed},
	mc.Release: {mc.Relaxed},
	mc.AcqRel:  {mc.Acquire, mc.Release},
	mc.SeqCst:  {mc.Relaxed},
}

// A mutant is a lock with one ordering weakened, or with one statement left out.
type mutant struct {
	name   string
	weaken map[mc.Access]mc.Order
	drop   int32
}

// kill returns the first failure of any program in one of the memories, or nil.
func (m mutant) kill(s subject, memories ...mc.Model) (*mc.Failure, string) {
	for _, p := range s.programs {
		for _, memory := range memories {
			w := mc.World{Memory: memory, Marks: true, Weaken: m.weaken, Drop: m.drop, MaxSteps: 1000, MaxStates: 200_000}
			if r := w.Run(p, mc.Exhaustive()); r.Failure != nil {
				return r.Failure, p.Name + "/" + memory.String()
			}
		}
	}
	return nil, ""
}

// coverage returns the accesses that the programs of s make, and the statements that they
// reach.
func (s subject) coverage() (map[mc.Access]mc.Order, map[int32]bool) {
	w := mc.World{Memory: mc.RA, Marks: true, Accesses: map[mc.Access]mc.Order{}, Reached: map[int32]bool{}}
	for _, p := range s.programs {
		w.Run(p, mc.Exhaustive())
	}
	return w.Accesses, w.Reached
}

// text returns the line of the source that makes an access.
func (s subject) text(site mc.Site) string {
	at := s.sites[site-s.firstSite]
	return fmt.Sprintf("%s: %s %s", at.File, at.Func, at.Text)
}

// TestOrderings: RA finds every access whose ordering is weaker than its row's. Who finds
// none that needs it gives the row a weaker one.
func TestOrderings(t *testing.T) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			accesses, _ := s.coverage()
			used := map[string]bool{}
			var all []mutant
			for a, o := range accesses {
				used[a.Prim] = true
				for _, to := range weaker[o] {
					name := fmt.Sprintf("%s %v, not %v", s.text(a.Site), to, o)
					all = append(all, mutant{name: name, weaken: map[mc.Access]mc.Order{a: to}})
				}
			}
			for row := range s.orders {
				if !used[row] {
					t.Errorf("no program uses %s", row)
				}
			}
			s.mustDie(t, all, beyond, mc.RA)
		})
	}
}

// TestStatements: the model finds every statement and branch that is left out.
func TestStatements(t *testing.T) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			_, reached := s.coverage()
			var all []mutant
			for i, d := range s.drops {
				text, _ := strings.CutSuffix(d.Text, " { ...")
				if id := s.firstDrop + int32(i); reached[id] {
					all = append(all, mutant{name: fmt.Sprintf("%s:%d: %s without %s", d.File, d.Line, d.Func, text), drop: id})
				}
			}
			s.mustDie(t, all, nil, mc.SC, mc.TSO, mc.RA)
		})
	}
}

// mustDie checks that each mutant dies, unless it is known why not.
func (s subject) mustDie(t *testing.T, all []mutant, known map[string]string, memories ...mc.Model) {
	slices.SortFunc(all, func(a, b mutant) int { return cmp.Compare(a.name, b.name) })
	left := maps.Clone(known)
	for _, m := range all {
		f, by := m.kill(s, memories...)
		_, excused := known[m.name]
		delete(left, m.name)
		switch {
		case f != nil && excused:
			t.Errorf("%s: killed, though it is said to be beyond the model", m.name)
		case f != nil:
			t.Logf("%s: killed by %s: %s", m.name, by, f.Message)
		case !excused:
			t.Errorf("%s: survives", m.name)
		}
	}
	for name := range left {
		if strings.HasPrefix(name, s.name+".go") {
			t.Errorf("there is no mutant %s", name)
		}
	}
}

// beyond has the mutants that only what is not modelled could kill, and why.
var beyond = map[string]string{
	"deque.go: Steal StealTop(&d.top.Val, t, t+1) relaxed, not release": "load buffering: see TestStealLate",
	"deque.go: Push AcquireTop(&d.top.Val) relaxed, not acquire":        "load buffering that no processor has: the store of the slot would overtake a branch",
}

// TestStealLate: StealTop must release, or else the load of the slot may take effect after it.
// Threads of the model run in program order, so a weaker StealTop alone does no harm there. What
// it would allow on arm64 does.
func TestStealLate(t *testing.T) {
	for _, memory := range memories {
		p := stealingBy(stealLate, 0, "uuu", 1, 1)
		r := mc.World{Memory: memory}.Run(p, mc.Exhaustive())
		if r.Failure == nil {
			t.Errorf("%v: no failure: %v", memory, r)
			continue
		}
		t.Logf("%v: %s", memory, r.Failure.Message)
	}
}
