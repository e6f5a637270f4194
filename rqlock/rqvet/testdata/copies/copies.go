// Package copies has locks that are copied, and some that are not.
package copies

import "github.com/rqlock/rqlock/rqlock"

type node struct {
	lock rqlock.Mutex
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

func sent(ch chan node, n *node) {
	ch <- *n // want `a send on a channel copies a lock.*copylock`
}

func sentArray(ch chan [2]node, n *[2]node) {
	ch <- *n // want `copylock`
}

func copied(to, from []node) {
	copy(to, from) // want `the builtin copy copies a lock.*copylock`
}

func appendedAll(to []node, from [4]node) []node { // want `copylock`
	return append(to, from[1:]...) // want `the builtin append copies a lock.*copylock`
}

func appendedOne(to []node, n *node) []node {
	return append(to, *n) // want `call of append copies lock value: rqvet.test/copies.node contains rqlock.Mutex: a copy.*copylock`
}

func pointers(to, from []*node, ch chan *node) []*node {
	copy(to, from)
	ch <- from[0]
	return append(to, from...)
}

func right(all []node) (sum int) {
	for i := range all {
		sum += all[i].n
	}
	m := &node{n: 1}
	return sum + m.n
}
