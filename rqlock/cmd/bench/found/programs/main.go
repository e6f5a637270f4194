// Programs has programs with mistakes in their use of locks, each in the shape of bugs that real
// programs have had. They are built three times, with another import in place of "sync".
package main

import (
	"fmt"
	"os"
	"time"
)

// A program is a mistake.
type program struct {
	kind string // of mistake
	what string // it does
	run  func()
}

var programs = map[string]program{}

func add(name, kind, what string, run func()) { programs[name] = program{kind, what, run} }

func main() {
	if len(os.Args) != 2 {
		for name, p := range programs {
			fmt.Printf("%s\t%s\t%s\n", name, p.kind, p.what)
		}
		return
	}
	go func() { // as in a server, there is always a goroutine that does something
		for range time.Tick(time.Second) {
		}
	}()
	programs[os.Args[1]].run()
	fmt.Println("it goes on")
}

// both runs f and g at once, and waits for both. Each is told of what the other one has said with
// its first call of meet.
func both(f, g func(meet func())) {
	here, there := make(chan struct{}, 1), make(chan struct{}, 1)
	done := make(chan struct{})
	meet := func(mine, others chan struct{}) func() {
		return func() {
			mine <- struct{}{}
			select {
			case <-others:
			case <-time.After(50 * time.Millisecond): // it waits for a lock
			}
		}
	}
	go func() { f(meet(here, there)); done <- struct{}{} }()
	go func() { g(meet(there, here)); done <- struct{}{} }()
	<-done
	<-done
}
