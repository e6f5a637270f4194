package rqlock

import (
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// Nobody records when a lock is granted. Who polls it sees that it has been, and
// tells the next one to poll what it has seen (G6).

// A grant is told from another by who owns the lock and how often the queue got it.
type grant struct {
	owner uintptr
	count uint32
}

func (l *Mutex) grant() grant { return grant{l.owner(), asm.LoadRelaxed32(&l.word.Aux)} }

// A sighting is the last known grant of a lock, and when it was seen, on the stall
// clock. It is handed from head to head.
type sighting struct {
	grant
	at int64 // 0 = never
}

func (w *waiter) seen() sighting { return sighting{grant{w.owner, w.grants}, w.at} }

func (w *waiter) sees(s sighting) { w.owner, w.grants, w.at = s.owner, s.count, s.at }

// progress is what a poller knows of a lock's.
type progress struct {
	last  sighting
	began int64 // when it began to poll
	shut  bool  // it has found the door closed, or has closed it
}

// look returns a time up to which the lock has not been granted again since the
// last sighting. (A poller may stand still between any two of its steps.)
func (p *progress) look(l *Mutex) (now int64) {
	now = stallClock.now()
	if got := l.grant(); got != p.last.grant || p.last.at == 0 {
		p.last = sighting{got, stallClock.now()}
	}
	return now
}

// closed notes that the door is closed. Up to then the same owner may have come
// back unseen.
func (p *progress) closed(now int64) {
	if !p.shut && now-p.began >= int64(wait.Door) {
		p.last.at = stallClock.now()
	}
	p.shut = true
}

// stall returns an error if for the stall timeout the lock has not been granted,
// though the poller has waited for it.
func (p *progress) stall(l *Mutex, waited, now int64) error {
	if still := min(waited, now-p.last.at); still >= stallTimeout.Load() {
		return l.failStall(time.Duration(still))
	}
	return nil
}
