// Package capacity has what the containers' constructors and methods say when they are called
// in a way that cannot work, and makes their memory.
package capacity

import (
	"fmt"
	"math"
	"strings"
)

// Check panics if n is not from least to most. The message names the constructor, like
// "queuestack.NewQueue", and what n counts.
func Check(constructor, what string, n, least, most int) {
	if n >= least && n <= most {
		return
	}
	span := fmt.Sprintf("%d to %d", least, most)
	if most == math.MaxInt {
		span = fmt.Sprintf("%d or more", least)
	}
	cannot(constructor, n, fmt.Sprintf("be made: %s wants %s %s", after(constructor), span, what))
}

// Make returns n elements. If there cannot be as many on this machine, it panics with a message
// that names the constructor.
func Make[T any](constructor string, n int) []T {
	defer func() {
		if recover() != nil {
			cannot(constructor, n, fmt.Sprintf("be allocated: give %s less", after(constructor)))
		}
	}()
	return make([]T, n)
}

// after returns what is after the package's name.
func after(name string) string { return name[strings.IndexByte(name, '.')+1:] }

func cannot(constructor string, n int, what string) {
	pkg, _, _ := strings.Cut(constructor, ".")
	panic(fmt.Sprintf("rqlock/%s: capacity %d cannot %s", pkg, n, what))
}

// NotMade panics because a container, of the type "queuestack.Queue" say, was not made by the
// constructor of this name.
func NotMade(typ, constructor string) {
	pkg, name, _ := strings.Cut(typ, ".")
	panic(fmt.Sprintf("rqlock/%s: %s was not made by %s: call %s", pkg, name, constructor, constructor))
}
