package waitgraph

import "sync"

// spare has the walks that are not in use. What they have grown to they keep.
var spare struct {
	mu    sync.Mutex
	walks []*walk
}

func newWalk(start Step) *walk {
	spare.mu.Lock()
	defer spare.mu.Unlock()
	if len(spare.walks) == 0 {
		return &walk{start: start}
	}
	last := len(spare.walks) - 1
	k := spare.walks[last]
	spare.walks = spare.walks[:last]
	k.start = start
	return k
}

// free gives k back, without what it knows of locks, which may be garbage soon.
func (k *walk) free() {
	k.start, k.skipped = Step{}, k.skipped[:0]
	clear(k.path[:min(k.longest, cap(k.path))])
	clear(k.next[:min(k.longest, cap(k.next))])
	k.longest = 0
	spare.mu.Lock()
	defer spare.mu.Unlock()
	spare.walks = append(spare.walks, k)
}
