// Package right4 is right: small tools. When it was written, there were findings in 3 of 19.
package right4

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

type unit struct {
	mu       rqlock.Mutex
	level    int
	owned    bool
	tag      string
	pending  []int
	peer     *unit
	deadline time.Time
}

// case level above zero
func (u *unit) up() error {
	if u.level++; u.level > 1 {
		return nil
	}
	return u.mu.Lock()
}

func (u *unit) down() {
	if u.level--; u.level > 0 {
		return
	}
	u.mu.Unlock()
}

func (u *unit) twice() error {
	if err := u.up(); err != nil {
		return err
	}
	defer u.down()
	if err := u.up(); err != nil {
		return err
	}
	defer u.down()
	return nil
}

// case owned says it, asked by a method
func (u *unit) has() bool { return u.owned }

func (u *unit) take() error {
	if u.has() {
		return nil
	}
	if err := u.mu.Lock(); err != nil {
		return err
	}
	u.owned = true
	return nil
}

func (u *unit) give() {
	if !u.has() {
		return
	}
	u.owned = false
	u.mu.Unlock()
}

func (u *unit) work() error {
	if err := u.take(); err != nil {
		return err
	}
	u.level = 1
	u.give()
	return nil
}

// case pending work says it
func (u *unit) flush() error {
	if len(u.pending) > 0 {
		if err := u.mu.Lock(); err != nil {
			return err
		}
	}
	for _, p := range u.pending {
		u.level += p
	}
	if len(u.pending) > 0 {
		u.mu.Unlock()
	}
	return nil
}

// case a time says it
func (u *unit) expire(now time.Time) error {
	late := now.After(u.deadline)
	if late {
		if err := u.mu.Lock(); err != nil {
			return err
		}
	}
	u.level = 0
	if late {
		u.mu.Unlock()
	}
	return nil
}

// case a time says it twice
func (u *unit) expireTwice(now time.Time) error {
	if now.After(u.deadline) {
		if err := u.mu.Lock(); err != nil {
			return err
		}
	}
	u.tag = "x"
	if now.After(u.deadline) {
		u.mu.Unlock()
	}
	return nil
}

// case tag compared with two constants
func (u *unit) tagged() error {
	if u.tag == "a" || u.tag == "b" {
		if err := u.mu.Lock(); err != nil {
			return err
		}
	}
	u.level++
	switch u.tag {
	case "a", "b":
		u.mu.Unlock()
	}
	return nil
}

// case peer's lock if there is a peer
func (u *unit) both() error {
	if err := u.mu.Lock(); err != nil {
		return err
	}
	defer u.mu.Unlock()
	if u.peer != nil {
		if err := u.peer.mu.Lock(); err != nil {
			return err
		}
		defer u.peer.mu.Unlock()
	}
	u.level++
	return nil
}

// case error variable kept
func (u *unit) attempt(ctx context.Context) (err error) {
	if err = u.mu.LockContext(ctx); err == nil {
		u.level++
	}
	if err == nil {
		u.mu.Unlock()
	}
	return err
}

// case state machine with a loop
func (u *unit) loop(in <-chan string) error {
	locked := false
	for s := range in {
		switch {
		case s == "+" && !locked:
			if err := u.mu.Lock(); err != nil {
				return err
			}
			locked = true
		case s == "-" && locked:
			u.mu.Unlock()
			locked = false
		}
	}
	if locked {
		u.mu.Unlock()
	}
	return nil
}

// case pointer to the flag
func (u *unit) byPointer() error {
	var held bool
	defer u.unlockIf(&held)
	if err := u.mu.Lock(); err != nil {
		return err
	}
	held = true
	u.level++
	return nil
}

func (u *unit) unlockIf(held *bool) {
	if *held {
		u.mu.Unlock()
	}
}

// case a slice of locked ones, released in the end
func gather(all []*unit) (err error) {
	var got []*unit
	defer func() {
		for _, u := range got {
			u.mu.Unlock()
		}
	}()
	for _, u := range all {
		if err := u.mu.Lock(); err != nil {
			return err
		}
		got = append(got, u)
	}
	return nil
}

// case found and returned locked
func find(all []*unit, tag string) (*unit, error) {
	for _, u := range all {
		if err := u.mu.Lock(); err != nil {
			return nil, err
		}
		if u.tag == tag {
			return u, nil
		}
		u.mu.Unlock()
	}
	return nil, nil
}

func use(all []*unit) error {
	u, err := find(all, "x")
	if err != nil || u == nil {
		return err
	}
	defer u.mu.Unlock()
	u.level++
	return nil
}

// case ring of two phases
type phase struct {
	mu   sync.RWMutex
	read bool
	n    int
}

func (p *phase) begin(read bool) {
	p.read = read
	if read {
		p.mu.RLock()
	} else {
		p.mu.Lock()
	}
}

func (p *phase) end() {
	if p.read {
		p.mu.RUnlock()
	} else {
		p.mu.Unlock()
	}
}

func (p *phase) look() int {
	p.begin(true)
	defer p.end()
	return p.n
}

func (p *phase) bump() {
	p.begin(false)
	p.n++
	p.end()
}

// case unlock function chosen
func (p *phase) chosen(write bool) int {
	unlock := p.mu.RUnlock
	if write {
		p.mu.Lock()
		unlock = p.mu.Unlock
	} else {
		p.mu.RLock()
	}
	defer unlock()
	return p.n
}

// case Stringer of another object under the lock
func (p *phase) String() string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return fmt.Sprint(p.n)
}

func (p *phase) compare(q *phase) string {
	p.mu.RLock()
	n := p.n
	p.mu.RUnlock()
	return fmt.Sprintf("%d %v", n, q)
}

// case sorted pointers under the lock
type list struct {
	mu  sync.Mutex
	all []*phase
}

func (l *list) sort() {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortFunc(l.all, func(a, b *phase) int { return a.n - b.n })
}

// case callback outside of the lock
func (l *list) each(f func(*phase)) {
	l.mu.Lock()
	all := slices.Clone(l.all)
	l.mu.Unlock()
	for _, p := range all {
		f(p)
	}
}

func (l *list) compact() {
	l.each(func(p *phase) {
		if p.look() == 0 {
			l.mu.Lock()
			l.all = nil
			l.mu.Unlock()
		}
	})
}

// case record reserved if there is need
func note(r *ringbuf.Ring, text string) error {
	if text == "" {
		return nil
	}
	rec, err := r.Reserve(len(text))
	switch {
	case errors.Is(err, ringbuf.ErrFull):
		return nil
	case err != nil:
		return err
	}
	copy(rec.Bytes(), text)
	rec.Commit()
	return nil
}

// case record finished by one of two
func either(r *ringbuf.Ring, src io.Reader) error {
	rec, err := r.Reserve(16)
	if err != nil {
		return err
	}
	end := rec.Commit
	if _, err := io.ReadFull(src, rec.Bytes()); err != nil {
		end = rec.Discard
	}
	end()
	return nil
}
