package hashtab

import "sync/atomic"

// A node is an element's place in a queue. It is guarded by the lock of the queues, but for
// uses and expires.
type node struct {
	next, prev *node // next was pushed later
	hash       uint64
	weight     int64
	expires    atomic.Int64
	uses       atomic.Uint32 // since it was queued, or has gone round, up to maxUses
	kept       bool          // it is in the main queue
}

const maxUses = 3

// A queue is a list of nodes.
type queue struct {
	first, last *node // first was pushed last
	weight      int64 // of its nodes
}

// push adds n.
func (q *queue) push(n *node) {
	n.prev, n.next = q.first, nil
	if q.first != nil {
		q.first.next = n
	} else {
		q.last = n
	}
	q.first = n
	q.weight += n.weight
}

// remove removes n.
func (q *queue) remove(n *node) {
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		q.first = n.prev
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		q.last = n.next
	}
	n.next, n.prev = nil, nil
	q.weight -= n.weight
}

// ghosts remembers the hashes of about as many elements that were evicted lately as there is
// room for elements. A hash is in one of a few places, where it takes that of the oldest.
type ghosts struct {
	groups [][ghostPlaces]ghost
	added  uint32 // counts those that were added, and wraps around
	most   uint32 // after so many more a ghost is forgotten
}

const ghostPlaces = 4

// A ghost is the upper half of a hash, and the number of its addition.
type ghost struct{ hash, added uint32 }

// grow makes room for n ghosts, and forgets those that there are.
func (g *ghosts) grow(n int) {
	groups := 1
	for groups*ghostPlaces < n && groups < 1<<24 {
		groups *= 2
	}
	g.groups, g.most = make([][ghostPlaces]ghost, groups), uint32(min(n, 1<<26))
}

func (g *ghosts) group(hash uint64) *[ghostPlaces]ghost {
	return &g.groups[hash&uint64(len(g.groups)-1)]
}

func (g *ghosts) add(hash uint64) {
	if len(g.groups) == 0 {
		return
	}
	g.added++
	group := g.group(hash)
	oldest := &group[0]
	for i := range group {
		if g.added-group[i].added > g.added-oldest.added {
			oldest = &group[i]
		}
	}
	*oldest = ghost{uint32(hash >> 32), g.added}
}

// remove reports whether a hash was added lately, and forgets it.
func (g *ghosts) remove(hash uint64) bool {
	if len(g.groups) == 0 {
		return false
	}
	group := g.group(hash)
	for i := range group {
		if group[i].hash == uint32(hash>>32) && group[i].added != 0 && g.added-group[i].added < g.most {
			group[i] = ghost{}
			return true
		}
	}
	return false
}
