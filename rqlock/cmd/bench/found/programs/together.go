package main

import (
	"context"
	"sync"
	"time"
)

const (
	abba     = "ABBA between two types"
	reads    = "recursive read with a writer between"
	readABBA = "the read side in an ABBA"
	overChan = "lock held over a channel operation"
	overWait = "lock held over a WaitGroup"
	overCond = "lock held over a Cond"
	overOnce = "lock held over a Once"
)

// A server has sessions. Each of the two locks itself, and then the other.
type server struct {
	mu       sync.Mutex
	rw       sync.RWMutex
	sessions map[*session]bool
}

type session struct {
	mu     sync.Mutex
	rw     sync.RWMutex
	server *server
	closed bool
}

func newServer() (*server, *session) {
	s := &server{sessions: map[*session]bool{}}
	c := &session{server: s}
	s.sessions[c] = true
	return s, c
}

func (s *server) closeAll(meet func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	meet()
	for c := range s.sessions {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
	}
}

func (c *session) close(meet func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	meet()
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	delete(c.server.sessions, c)
}

// take locks a and then b.
func take(a, b sync.Locker) func(meet func()) {
	return func(meet func()) {
		a.Lock()
		defer a.Unlock()
		meet()
		b.Lock()
		defer b.Unlock()
	}
}

// A pool has workers, which take its lock.
type pool struct {
	mu   sync.Mutex
	jobs chan int
	done int
}

func (p *pool) worker() {
	for range p.jobs {
		p.mu.Lock()
		p.done++
		p.mu.Unlock()
	}
}

func init() {
	add("transfer", abba, "two transfers between two accounts, one in each direction", func() {
		a, b := new(account), new(account)
		both(take(&a.mu, &b.mu), take(&b.mu, &a.mu))
	})
	add("close", abba, "a server closes its sessions, while a session leaves the server", func() {
		s, c := newServer()
		both(s.closeAll, c.close)
	})
	add("three", abba, "three philosophers, each with one fork", func() {
		var forks [3]sync.Mutex
		var wg sync.WaitGroup
		for i := range forks {
			wg.Add(1)
			go func() {
				defer wg.Done()
				forks[i].Lock()
				defer forks[i].Unlock()
				time.Sleep(50 * time.Millisecond)
				forks[(i+1)%3].Lock()
				defer forks[(i+1)%3].Unlock()
			}()
		}
		wg.Wait()
	})
	add("locker", abba, "two goroutines take a Mutex behind the interface Locker and an RWMutex in opposite orders", func() {
		s, c := newServer()
		both(take(&s.rw, &c.mu), take(&c.mu, &s.rw))
	})

	add("recursive", reads, "a getter that reads calls another one, while a writer waits", func() {
		var mu sync.RWMutex
		both(func(meet func()) {
			mu.RLock()
			defer mu.RUnlock()
			meet()
			time.Sleep(50 * time.Millisecond) // the writer comes
			mu.RLock()
			defer mu.RUnlock()
		}, func(meet func()) {
			meet()
			mu.Lock()
			defer mu.Unlock()
		})
	})
	add("rlocker", reads, "a goroutine reads twice through RLocker, while a writer waits", func() {
		var mu sync.RWMutex
		r := mu.RLocker()
		both(func(meet func()) {
			r.Lock()
			defer r.Unlock()
			meet()
			time.Sleep(50 * time.Millisecond)
			r.Lock()
			defer r.Unlock()
		}, func(meet func()) {
			meet()
			mu.Lock()
			defer mu.Unlock()
		})
	})

	add("reader", readABBA, "one goroutine reads a and locks b, the other one locks b and writes a", func() {
		s, c := newServer()
		both(take(s.rw.RLocker(), &c.mu), take(&c.mu, &s.rw))
	})
	add("readers", readABBA, "each of two goroutines reads its own lock, and writes the other's", func() {
		s, c := newServer()
		both(take(s.rw.RLocker(), &c.rw), take(c.rw.RLocker(), &s.rw))
	})
	add("behind", readABBA, "two goroutines read both locks in opposite orders, and a writer waits for each lock", func() {
		s, c := newServer()
		for _, mu := range []*sync.RWMutex{&s.rw, &c.rw} {
			go func() {
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
			}()
		}
		later := func(meet func()) func() { return func() { meet(); time.Sleep(200 * time.Millisecond) } }
		f, g := take(s.rw.RLocker(), c.rw.RLocker()), take(c.rw.RLocker(), s.rw.RLocker())
		both(func(meet func()) { f(later(meet)) }, func(meet func()) { g(later(meet)) })
	})

	add("send", overChan, "a goroutine sends jobs with a lock held, and the worker takes that lock for each job", func() {
		p := &pool{jobs: make(chan int)}
		go p.worker()
		for i := range 3 {
			p.mu.Lock()
			p.jobs <- i
			p.mu.Unlock()
		}
	})
	add("receive", overChan, "a goroutine waits for an answer with a lock held, and the one who answers takes that lock first", func() {
		var mu sync.Mutex
		answer := make(chan int)
		go func() {
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			answer <- 1
		}()
		mu.Lock()
		defer mu.Unlock()
		<-answer
	})
	add("full", overChan, "events are sent to a channel that is full, with the read lock held", func() {
		var mu sync.RWMutex
		events := make(chan int, 2)
		go func() {
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			for range events {
			}
		}()
		mu.RLock()
		defer mu.RUnlock()
		for i := range 3 {
			events <- i
		}
	})
	add("context", overChan, "a goroutine waits with a lock held until a context ends, and the one who cancels it takes that lock first", func() {
		var mu sync.Mutex
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			cancel()
		}()
		mu.Lock()
		defer mu.Unlock()
		<-ctx.Done()
	})

	add("waitgroup", overWait, "a goroutine waits for its workers with a lock held that they take", func() {
		var mu sync.Mutex
		var wg sync.WaitGroup
		mu.Lock()
		defer mu.Unlock()
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
		}()
		wg.Wait()
	})
	add("cond", overCond, "a goroutine waits for a Cond with another lock held, and the one who signals takes that lock first", func() {
		var outer, mu sync.Mutex
		ready := false
		c := sync.NewCond(&mu)
		go func() {
			time.Sleep(10 * time.Millisecond)
			outer.Lock()
			defer outer.Unlock()
			mu.Lock()
			defer mu.Unlock()
			ready = true
			c.Signal()
		}()
		outer.Lock()
		defer outer.Unlock()
		mu.Lock()
		defer mu.Unlock()
		for !ready {
			c.Wait()
		}
	})
	add("once", overOnce, "a Once is called with a lock held, and its function takes that lock", func() {
		var mu sync.Mutex
		var once sync.Once
		mu.Lock()
		defer mu.Unlock()
		once.Do(func() {
			mu.Lock()
			defer mu.Unlock()
		})
	})
	add("once-both", overOnce, "a goroutine waits for a Once with a lock held, and the Once's function, in another goroutine, takes that lock", func() {
		var mu sync.Mutex
		var once sync.Once
		both(func(meet func()) {
			once.Do(func() {
				meet()
				mu.Lock()
				defer mu.Unlock()
			})
		}, func(meet func()) {
			mu.Lock()
			defer mu.Unlock()
			meet()
			once.Do(func() {})
		})
	})
}
