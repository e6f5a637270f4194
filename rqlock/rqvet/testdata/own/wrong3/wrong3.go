// Package wrong3 is wrong, case by case: a bank, a scheduler and a file cache. When it was
// written, 39 of 47 were found.
package wrong3

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"maps"
	"net"
	"slices"
	"sort"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

type customer struct {
	lock    rqlock.Mutex
	name    string
	balance int
	vip     bool
	parent  *customer
	audit   func(string)
}

type bank struct {
	guard   rqlock.RWMutex
	clients map[string]*customer
	queue   []*customer
	ring    *ringbuf.Ring
	hooks   []func()
	closer  io.Closer
}

var errNoMoney = errors.New("no money")

// case while loop with continue
func (b *bank) collect() (sum int, err error) {
	i := 0
	for i < len(b.queue) {
		c := b.queue[i]
		i++
		if err = c.lock.Lock(); err != nil {
			return
		}
		if !c.vip {
			continue
		}
		sum += c.balance
		c.lock.Unlock()
	}
	return
}

// case loop over parents that stops early
func richest(c *customer) *customer {
	for p := c; p != nil; p = p.parent {
		if p.lock.Lock() != nil {
			return nil
		}
		if p.balance > 1000 {
			return c
		}
		p.lock.Unlock()
	}
	return nil
}

// case break out of a labelled loop
func (b *bank) search(names []string, rows [][]*customer) (found bool, err error) {
loop:
	for _, row := range rows {
		for _, c := range row {
			if err := c.lock.Lock(); err != nil {
				return false, err
			}
			if slices.Contains(names, c.name) {
				found = true
				break loop
			}
			c.lock.Unlock()
		}
	}
	return found, nil
}

// case switch with a return
func (c *customer) change(op string, n int) error {
	if err := c.lock.LockTimeout(time.Second); err != nil {
		return err
	}
	switch {
	case op == "add":
		c.balance += n
	case op == "sub" && c.balance < n:
		return errNoMoney
	default:
		c.balance -= n
	}
	c.lock.Unlock()
	return nil
}

// case select with a return
func (c *customer) wait(done <-chan struct{}, in <-chan int) error {
	if err := c.lock.Lock(); err != nil {
		return err
	}
	select {
	case n := <-in:
		c.balance += n
	case <-done:
		return io.EOF
	}
	c.lock.Unlock()
	return nil
}

// case a flag that is never set
func (c *customer) maybe(vip bool) error {
	held := false
	if vip {
		if err := c.lock.Lock(); err != nil {
			return err
		}
	}
	c.balance++
	if held {
		c.lock.Unlock()
	}
	return nil
}

// case a flag set before the lock
func (c *customer) before(vip bool) error {
	held := vip
	defer func() {
		if held {
			c.lock.Unlock()
		}
	}()
	if err := c.lock.Lock(); err != nil {
		return err
	}
	c.balance++
	return nil
}

// case deferred unlock for success only
func (c *customer) spend(n int) (ok bool, err error) {
	if err := c.lock.Lock(); err != nil {
		return false, err
	}
	defer func() {
		if ok {
			c.lock.Unlock()
		}
	}()
	if c.balance < n {
		return false, nil
	}
	c.balance -= n
	return true, nil
}

// case recover without unlock, a method that may panic
func (b *bank) safely() (err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Println(r)
			err = errNoMoney
		}
	}()
	if err := b.guard.Lock(); err != nil {
		return err
	}
	for _, h := range b.hooks {
		h()
	}
	b.guard.Unlock()
	return nil
}

// case iterator and body with one lock, through a helper
func (b *bank) all() iter.Seq2[string, *customer] {
	return func(yield func(string, *customer) bool) {
		if b.guard.RLock() != nil {
			return
		}
		defer b.guard.RUnlock()
		for n, c := range b.clients {
			if !yield(n, c) {
				break
			}
		}
	}
}

func (b *bank) remove(name string) error {
	if err := b.guard.Lock(); err != nil {
		return err
	}
	defer b.guard.Unlock()
	delete(b.clients, name)
	return nil
}

func (b *bank) purge() error {
	for name, c := range b.all() {
		if c.balance == 0 {
			if err := b.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// case pulled iterator, then a writer
func (b *bank) firstAndRemove() error {
	next, stop := iter.Pull2(b.all())
	defer stop()
	name, _, ok := next()
	if !ok {
		return nil
	}
	return b.remove(name)
}

// case test cleanup too late
func TestBank(t *testing.T) {
	b := &bank{}
	if err := b.guard.Lock(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.guard.Unlock() })
	if err := b.remove("x"); err != nil {
		t.Fatal(err)
	}
}

// case lock all, forget on failure
func (b *bank) freezeAll(f func() error) error {
	for _, c := range b.queue {
		if err := c.lock.Lock(); err != nil {
			return err
		}
	}
	if err := f(); err != nil {
		return err
	}
	for _, c := range b.queue {
		c.lock.Unlock()
	}
	return nil
}

// case function that locks its parameter for nobody
func bill(c *customer, n int) {
	if err := c.lock.Lock(); err != nil {
		panic(err)
	}
	c.balance -= n
}

// case getter that forgets, beside one that does not
type meter struct {
	mu    sync.RWMutex
	value float64
	unit  string
}

func (m *meter) Unit() string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.unit
}

func (m *meter) Value() float64 {
	m.mu.RLock()
	return m.value
}

// case interface with lock methods, one implementation
type protected interface {
	enter() error
	leave()
}

func (c *customer) enter() error { return c.lock.Lock() }
func (c *customer) leave()       { c.lock.Unlock() }

func visit(p protected, n int) error {
	if err := p.enter(); err != nil {
		return err
	}
	if n < 0 {
		return errNoMoney
	}
	p.leave()
	return nil
}

// case interface with one implementation, order of locks
type ledger interface{ post(n int) error }

type book struct {
	mu sync.Mutex
	b  *vault
}

type vault struct {
	mu sync.Mutex
	l  ledger
}

func (k *book) post(n int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return nil
}

func (v *vault) deposit(n int) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.l.post(n)
}

func (k *book) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.b.mu.Lock()
	k.b.mu.Unlock()
}

// case callback in a field, set by a constructor's literal
func newCustomer(name string) *customer {
	c := &customer{name: name}
	c.audit = func(what string) {
		if c.lock.Lock() != nil {
			return
		}
		defer c.lock.Unlock()
		c.name += what
	}
	return c
}

func (c *customer) charge(n int) error {
	if err := c.lock.Lock(); err != nil {
		return err
	}
	defer c.lock.Unlock()
	c.balance -= n
	c.audit("charged")
	return nil
}

// case release function ignored
func (m *meter) freeze() (release func()) {
	m.mu.Lock()
	return m.mu.Unlock
}

func (m *meter) zero() {
	m.freeze()
	m.value = 0
}

// case release function deferred, not called
func (m *meter) scale(f float64) {
	defer m.freeze()
	m.value *= f
}

// case once with a method
type loader struct {
	mu   sync.Mutex
	once gosync.Once
	data []byte
}

func (l *loader) init() {
	l.mu.Lock()
	l.data = []byte("x")
	l.mu.Unlock()
}

func (l *loader) get() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.once.Do(l.init)
	return l.data
}

// case sort with a literal that locks
func (b *bank) ranking() error {
	if err := b.guard.RLock(); err != nil {
		return err
	}
	defer b.guard.RUnlock()
	sort.Slice(b.queue, func(i, j int) bool {
		if err := b.guard.Lock(); err != nil {
			return false
		}
		defer b.guard.Unlock()
		return b.queue[i].balance < b.queue[j].balance
	})
	return nil
}

// case own helper with a method value
func (l *loader) locked(f func()) {
	l.mu.Lock()
	f()
	l.mu.Unlock()
}

func (l *loader) reload() { l.locked(l.init) }

// case mutual recursion between two types
type dir struct {
	mu    sync.Mutex
	files []*entry
}

type entry struct {
	d *dir
	n int
}

func (d *dir) size() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		n += f.size()
	}
	return n
}

func (f *entry) size() int {
	if f.n < 0 {
		return f.d.size()
	}
	return f.n
}

func (f *entry) touch() int {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.size()
}

// case three package locks in a ring
var diskMu, memMu, netMu sync.Mutex

func nest(outer, inner *sync.Mutex, f func()) {
	outer.Lock()
	inner.Lock()
	f()
	inner.Unlock()
	outer.Unlock()
}

func ringA() { nest(&diskMu, &memMu, func() {}) }
func ringB() { nest(&memMu, &netMu, func() {}) }
func ringC() { nest(&netMu, &diskMu, func() {}) }

// case Stringer logged under its lock
type job struct {
	mu   sync.Mutex
	name string
}

func (j *job) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.name
}

func (j *job) start() {
	j.mu.Lock()
	defer j.mu.Unlock()
	log.Printf("starting %s", j)
}

// case text marshaler under its lock
func (j *job) MarshalText() ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return []byte(j.name), nil
}

func (j *job) dump(w io.Writer) error {
	j.mu.Lock()
	err := json.NewEncoder(w).Encode(j)
	j.mu.Unlock()
	return err
}

// case Writer that locks, handed to a bufio under its lock
type logfile struct {
	mu  sync.Mutex
	buf []byte
}

func (f *logfile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = append(f.buf, p...)
	return len(p), nil
}

func (f *logfile) header() {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintln(f, "header")
}

// case deferred closure of a moved pointer
func climb(c *customer) error {
	cur := c
	if err := cur.lock.Lock(); err != nil {
		return err
	}
	defer func() {
		cur.lock.Unlock()
	}()
	for cur.parent != nil {
		cur = cur.parent
	}
	cur.balance++
	return nil
}

// case lock pointer swapped
type slot struct {
	mu *sync.Mutex
	n  int
}

func (s *slot) reset(mu *sync.Mutex) {
	s.mu.Lock()
	s.n = 0
	s.mu = mu
	s.mu.Unlock()
}

// case accessor with other argument
type shards struct{ mu [8]sync.Mutex }

func (s *shards) lockFor(name string) *sync.Mutex { return &s.mu[len(name)%8] }

func (s *shards) rename(from, to string) {
	s.lockFor(from).Lock()
	defer s.lockFor(to).Unlock()
}

// case copies through slices and maps
type record struct {
	mu sync.Mutex
	n  int
}

func backup(m map[int]record) map[int]record { return maps.Clone(m) }

// case insert moves
func insert(all []record, r *record) []record {
	return slices.Insert(all, 0, record{n: r.n})
}

// case compact moves
func compact(all []record) []record {
	return slices.DeleteFunc(all, func(r record) bool { return r.n == 0 })
}

// case copy through a generic pointer
func deref[T any](p *T) T { return *p }

func value(r *record) int {
	v := deref(r)
	return v.n
}

// case copy of what a function returns
func (b *bank) top() *customer { return b.queue[0] }

func (b *bank) preview() customer {
	return *b.top()
}

// case assertion copies
func number(v any) int {
	if r, ok := v.(record); ok {
		return r.n
	}
	return 0
}

// case read, then write in a callee of a callee
func (b *bank) lookup(name string) (*customer, error) {
	if err := b.guard.RLock(); err != nil {
		return nil, err
	}
	defer b.guard.RUnlock()
	c, ok := b.clients[name]
	if !ok {
		return b.create(name)
	}
	return c, nil
}

func (b *bank) create(name string) (*customer, error) {
	c := newCustomer(name)
	return c, b.put(c)
}

func (b *bank) put(c *customer) error {
	if err := b.guard.Lock(); err != nil {
		return err
	}
	defer b.guard.Unlock()
	b.clients[c.name] = c
	return nil
}

// case unlocked the other way
func (m *meter) set(v float64) {
	m.mu.Lock()
	m.value = v
	m.mu.RUnlock()
}

// case read while writing
func (m *meter) add(v float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Unit() == "" {
		return
	}
	m.value += v
}

// case RLocker kept
func (m *meter) peek() float64 {
	l := m.mu.RLocker()
	l.Lock()
	if m.value < 0 {
		return 0
	}
	l.Unlock()
	return m.value
}

// case record lost in a switch
func (b *bank) event(kind int, p []byte) error {
	rec, err := b.ring.Reserve(len(p))
	if err != nil {
		return err
	}
	switch kind {
	case 0:
		copy(rec.Bytes(), p)
		rec.Commit()
	case 1:
		rec.Discard()
	}
	return nil
}

// case record finished by a helper and again
func finish(rec ringbuf.Record) { rec.Commit() }

func (b *bank) eventTwice(p []byte) error {
	rec, err := b.ring.Reserve(len(p))
	if err != nil {
		return err
	}
	finish(rec)
	rec.Commit()
	return nil
}

// case record lost on a read error
func (b *bank) pump(r *bufio.Reader) error {
	for {
		rec, err := b.ring.Reserve(64)
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, rec.Bytes()); err != nil {
			return err
		}
		rec.Commit()
	}
}

// case pinned over a network call
func pinned(mu *rqlock.Mutex, c net.Conn) error {
	if err := mu.LockPinned(); err != nil {
		return err
	}
	defer mu.UnlockPinned()
	_, err := c.Write(nil)
	return err
}

// case unlock in a goroutine of another
func async(c *customer, f func()) error {
	if err := c.lock.Lock(); err != nil {
		return err
	}
	go func() {
		f()
		c.lock.Unlock()
	}()
	return nil
}

// case else branch without unlock
func (l *loader) branch(ok bool) string {
	l.mu.Lock()
	var b strings.Builder
	if ok {
		b.Write(l.data)
		l.mu.Unlock()
	} else {
		b.WriteString("none")
	}
	return b.String()
}
