package torture

import (
	"sync"

	"github.com/rqlock/rqlock/gen/gallery/clh"
	"github.com/rqlock/rqlock/gen/gallery/deque"
	"github.com/rqlock/rqlock/gen/gallery/mcs"
	"github.com/rqlock/rqlock/gen/gallery/rwlock"
	"github.com/rqlock/rqlock/gen/gallery/seqlock"
	"github.com/rqlock/rqlock/gen/gallery/ticket"
)

// All has what is done to each package.
var All = map[string]func(r Run) error{
	"ticket": func(r Run) error {
		l := new(ticket.Lock)
		return r.Exclusion(func(int) sync.Locker { return l })
	},
	"mcs": func(r Run) error {
		l := mcs.New(uint16(r.Goroutines))
		return r.Exclusion(func(id int) sync.Locker { return l.Waiter(id) })
	},
	"clh": func(r Run) error {
		l := clh.New(uint16(r.Goroutines))
		return r.Exclusion(func(id int) sync.Locker { return l.Waiter(id) })
	},
	"seqlock": func(r Run) error { return r.Pairs(new(seqlock.Pair)) },
	"rwlock":  func(r Run) error { return r.Readers(new(rwlock.Lock)) },
	"deque":   func(r Run) error { return r.Deque(func() Deque { return deque.New(2) }) },
}
