package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	callback  = "double lock through a callback"
	forgotten = "forgotten unlock on an early return"
	ended     = "owner ended"
	printing  = "printed under its own lock"
	upgrade   = "a read lock is not upgraded"
)

// A cache calls back when it evicts.
type cache struct {
	mu      sync.Mutex
	items   map[string]int
	onEvict func(key string)
}

func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.items)
}

func (c *cache) remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, key)
	c.onEvict(key)
}

// A bus has subscribers, which it calls with its lock held.
type bus struct {
	mu   sync.RWMutex
	subs map[int]func(event string)
}

func (b *bus) publish(event string) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, f := range b.subs {
		f(event)
	}
}

func (b *bus) unsubscribe(id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs, id)
}

// A table is walked with its lock held.
type table struct {
	sync.RWMutex
	rows map[string]int
}

func (t *table) each(f func(name string)) {
	t.Lock()
	defer t.Unlock()
	for name := range t.rows {
		f(name)
	}
}

func (t *table) get(name string) int {
	t.RLock()
	defer t.RUnlock()
	return t.rows[name]
}

// A machine has states, and tells of changes.
type machine struct {
	mu     sync.Mutex
	state  string
	change func()
}

func (m *machine) current() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

func (m *machine) set(state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = state
	if m.change != nil {
		m.change()
	}
}

// A ranking is sorted by what takes its lock.
type ranking struct {
	mu     sync.Mutex
	names  []string
	points map[string]int
}

func (r *ranking) of(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.points[name]
}

func (r *ranking) sort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.names, func(a, b string) int { return r.of(a) - r.of(b) })
}

// An account has a lock that its unexported methods expect to be held, and one does not.
type account struct {
	mu      sync.Mutex
	balance int
}

func (a *account) Balance() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.balance
}

func (a *account) withdraw(n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Balance() < n {
		return errors.New("not enough")
	}
	a.balance -= n
	return nil
}

// A store forgets its lock.
type store struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	data map[string]string
}

func (s *store) put(key, value string) error {
	s.mu.Lock()
	if key == "" {
		return errors.New("empty key")
	}
	s.data[key] = value
	s.mu.Unlock()
	return nil
}

func (s *store) putRW(key, value string) bool {
	s.rw.Lock()
	if _, ok := s.data[key]; ok {
		return false
	}
	s.data[key] = value
	s.rw.Unlock()
	return true
}

func (s *store) get(key string) (string, bool) {
	s.rw.RLock()
	value, ok := s.data[key]
	if !ok {
		return "", false
	}
	s.rw.RUnlock()
	return value, true
}

func (s *store) each(keys ...string) (n int) {
	for _, key := range keys {
		s.mu.Lock()
		if s.data[key] == "" {
			continue
		}
		n++
		s.mu.Unlock()
	}
	return n
}

func newStore() *store { return &store{data: map[string]string{"a": "1"}} }

// A counter prints itself.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.n)
}

func (c *counter) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

func (c *counter) LogValue() slog.Value { return slog.StringValue(c.String()) }

// A failure is an error that takes the lock of what has failed.
type failure struct{ of *counter }

func (f failure) Error() string { return "failed at " + f.of.String() }

// locked calls f with c's lock held.
func (c *counter) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func init() {
	add("evict", callback, "a cache holds its lock and calls its eviction function, which asks for the cache's size", func() {
		c := &cache{items: map[string]int{"a": 1}}
		c.onEvict = func(string) { c.len() }
		c.remove("a")
	})
	add("unsubscribe", callback, "a subscriber is called with the read lock held, and unsubscribes", func() {
		b := &bus{subs: map[int]func(string){}}
		b.subs[1] = func(string) { b.unsubscribe(1) }
		b.publish("event")
	})
	add("walk", callback, "a table is walked with the write lock held, and the visitor reads it", func() {
		t := &table{rows: map[string]int{"a": 1}}
		t.each(func(name string) { t.get(name) })
	})
	add("state", callback, "a state machine holds its lock and tells a listener of a change, which asks for its state", func() {
		m := new(machine)
		m.change = func() { m.current() }
		m.set("on")
	})
	add("sort", callback, "a comparison takes the lock that the sort holds", func() {
		r := &ranking{names: []string{"b", "a"}, points: map[string]int{"a": 1, "b": 2}}
		r.sort()
	})
	add("exported", callback, "a method holds the lock and calls an exported method of its own type, which locks", func() {
		(&account{balance: 1}).withdraw(1)
	})

	add("early", forgotten, "a method returns an error with the lock held, and is called again", func() {
		s := newStore()
		s.put("", "x")
		s.put("a", "x")
	})
	add("early-rw", forgotten, "a method returns an error with the write lock of an RWMutex held, and is called again", func() {
		s := newStore()
		s.putRW("a", "x")
		s.putRW("b", "x")
	})
	add("early-read", forgotten, "a read lock is kept if nothing is found, and then the same goroutine writes", func() {
		s := newStore()
		s.get("b")
		s.putRW("b", "x")
	})
	add("continue", forgotten, "a loop continues with the lock held", func() {
		newStore().each("a", "b", "a")
	})

	add("ended", ended, "a goroutine returns with the lock held, and another one waits for it", func() {
		s := newStore()
		done := make(chan struct{})
		go func() { defer close(done); s.put("", "x") }()
		<-done
		s.put("a", "x")
	})
	add("recovered", ended, "a request panics with the lock held, its handler recovers the panic, and another request waits", func() {
		s := new(store)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { recover() }()
			s.put("a", "x") // into a nil map
		}()
		<-done
		s.put("a", "x")
	})
	add("goexit", ended, "runtime.Goexit, as a failed test calls it, leaves a read lock behind", func() {
		var mu sync.RWMutex
		done := make(chan struct{})
		go func() {
			defer close(done)
			mu.RLock()
			runtime.Goexit()
		}()
		<-done
		mu.Lock()
	})

	add("stringer", printing, "a value is printed under its own lock, and its String locks", func() {
		c := new(counter)
		c.locked(func() { fmt.Fprintln(io.Discard, c) })
	})
	add("json", printing, "a value is marshaled under its own lock, and its MarshalJSON locks", func() {
		c := new(counter)
		c.locked(func() { json.Marshal(c) })
	})
	add("logged", printing, "a value is logged under its own lock, and its LogValue locks", func() {
		c := new(counter)
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		c.locked(func() { log.Info("counted", "counter", c) })
	})
	add("error", printing, "an error is printed under the lock that its Error takes", func() {
		c := new(counter)
		c.locked(func() { _ = fmt.Sprint(failure{c}) })
	})

	add("upgrade", upgrade, "a reader finds that it has to write, and locks to write", func() {
		s := newStore()
		s.rw.RLock()
		defer s.rw.RUnlock()
		if s.data["b"] == "" {
			s.putRW("b", "x")
		}
	})
	add("upgrade-both", upgrade, "two readers find at once that they have to write", func() {
		var mu sync.RWMutex
		both(func(meet func()) {
			mu.RLock()
			defer mu.RUnlock()
			meet()
			mu.Lock()
			defer mu.Unlock()
		}, func(meet func()) {
			mu.RLock()
			defer mu.RUnlock()
			meet()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
		})
	})
}
