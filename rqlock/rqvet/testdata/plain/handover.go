package plain

import "github.com/rqlock/rqlock/rqlock/sync"

// What one goroutine has locked, another one unlocks.

// A gate is closed until it is opened by whoever comes.
type gate struct {
	mu   sync.Mutex
	rows sync.RWMutex
	wake chan bool
}

func (g *gate) open() { g.mu.Unlock() }

func (g *gate) shut() { g.mu.Lock() }

func waits() {
	var mu sync.Mutex
	mu.Lock()
	go func() { mu.Unlock() }()
	mu.Lock()
	mu.Unlock()
}

func waitsDirectly() {
	var mu sync.Mutex
	mu.Lock()
	go mu.Unlock()
	mu.Lock()
	mu.Unlock()
}

func fromChannel(c chan *gate) {
	for g := range c {
		g.mu.Unlock()
	}
}

func worker(g *gate) {
	go func() {
		<-g.wake
		g.mu.Unlock()
	}()
	g.mu.Lock()
}

func reader(g *gate) {
	go func() {
		<-g.wake
		g.rows.RUnlock()
	}()
	g.rows.RLock()
}

func begins(g *gate) (end func()) {
	g.rows.RLock()
	return g.rows.RUnlock
}

func started() *gate {
	g := new(gate)
	g.mu.Lock()
	go func() {
		for range g.wake {
			g.mu.Unlock()
		}
	}()
	return g
}

func afterwards(g *gate) {
	var mu sync.Mutex
	done := make(chan bool)
	go func() {
		mu.Lock()
		close(done)
	}()
	<-done
	mu.Unlock()
}

func signal(n int) {
	var mus [4]sync.Mutex
	for i := range mus {
		mus[i].Lock()
		go func() { mus[i].Unlock() }()
	}
	for i := range mus {
		mus[i].Lock()
		mus[i].Unlock()
	}
}

var ready sync.Mutex

func init() { ready.Lock() }

func Ready() { ready.Unlock() }

func Await() {
	ready.Lock()
	defer ready.Unlock()
}

// What the path itself has locked and unlocked is not unlocked once more by it.
func tooOften(g *gate) {
	g.mu.Lock()
	g.mu.Unlock()
	<-g.wake
	g.mu.Unlock() // want `g.mu is unlocked twice on this path.*unheld`
}

func neverLocked() {
	var mu sync.Mutex
	mu.Unlock() // want `mu.*unheld`
}
