package readers

import "sync"

// A walk asks which readers of a lock are blocked: others cannot be part of a cycle. So a
// goroutine that begins to wait enters the locks that it holds for reading into a table by
// lock, and takes them out when its wait ends.
const buckets = 256

var blocked [buckets]struct {
	mu    sync.Mutex
	first *node
	_     [cacheLine - 16]byte
}

// A node says that the goroutine of a record, which waits, holds a lock for reading.
type node struct {
	lock       uint64
	record     uint32
	next, prev *node
}

// Blocked are the read locks of a goroutine that waits. The zero value has none. Its nodes
// are used again in later waits.
type Blocked struct {
	nodes []*node
	used  int
}

func bucketOf(lock uint64) int { return int(lock * 0x9e3779b97f4a7c15 >> 40 % buckets) }

// Enter enters what r holds, whose wait has this record.
func (b *Blocked) Enter(r Reader, record uint32) {
	r.Held(func(lock uint64) {
		if b.used == len(b.nodes) {
			b.nodes = append(b.nodes, new(node))
		}
		n := b.nodes[b.used]
		b.used++
		at := &blocked[bucketOf(lock)]
		at.mu.Lock()
		defer at.mu.Unlock()
		*n = node{lock: lock, record: record, next: at.first}
		if n.next != nil {
			n.next.prev = n
		}
		at.first = n
	})
}

// Leave takes out what Enter has entered.
func (b *Blocked) Leave() {
	for _, n := range b.nodes[:b.used] {
		at := &blocked[bucketOf(n.lock)]
		at.mu.Lock()
		if n.prev != nil {
			n.prev.next = n.next
		} else {
			at.first = n.next
		}
		if n.next != nil {
			n.next.prev = n.prev
		}
		at.mu.Unlock()
	}
	b.used = 0
}

// Idle reports whether nothing is entered. It is for tests.
func (b *Blocked) Idle() bool { return b.used == 0 }

// AppendBlocked appends the records of those who hold the lock for reading and wait.
func AppendBlocked(records []uint32, lock uint64) []uint32 {
	at := &blocked[bucketOf(lock)]
	at.mu.Lock()
	defer at.mu.Unlock()
	for n := at.first; n != nil; n = n.next {
		if n.lock == lock {
			records = append(records, n.record)
		}
	}
	return records
}

// IsBlocked reports whether the goroutine of the record holds the lock for reading and waits.
// With record 0 it reports that of anybody.
func IsBlocked(lock uint64, record uint32) bool {
	at := &blocked[bucketOf(lock)]
	at.mu.Lock()
	defer at.mu.Unlock()
	for n := at.first; n != nil; n = n.next {
		if n.lock == lock && (n.record == record || record == 0) {
			return true
		}
	}
	return false
}
