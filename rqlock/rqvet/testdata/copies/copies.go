// Package copies has locks that are copied, and some that are not.
package copies

import "github.com/rqlock/rqlock/rqlock"

type node struct {
	lock rqlock.Lock
	n    int
}

func byValue(n node) int { return n.n } // want `byValue passes lock by value.*a copy is another lock.*copylock`

func (n node) value() int { return n.n } // want `copylock`

func assigned(n *node) int {
	m := *n // want `copylock`
	return m.n
}

func ranged(all []node) (sum int) {
	for _, n := range all { // want `copylock`
		sum += n.n
	}
	return sum
}

func right(all []node) (sum int) {
	for i := range all {
		sum += all[i].n
	}
	m := &node{n: 1}
	return sum + m.n
}
