// Package hashtab has a hash table that survives being re-entered. It is the counterpart
// of Linux' BPF hash map.
//
// Each bucket has a resilient lock (see package rqlock) for writers. Readers take no lock.
// A callback that runs while a bucket is locked ([Map.Compute]) may use the map: a call
// that would deadlock returns an error instead and leaves the map unchanged.
//
//	m := hashtab.New[string, int](1000)
//	if err := m.Update("a", 1, hashtab.Any); err != nil {
//		return err
//	}
//	n, ok := m.Lookup("a")
//
// # Which constructor
//
//	New          room for so many elements, allocated at once
//	NewOnDemand  the same limit; elements and buckets are allocated as they are needed
//	NewGrowing   no limit
//	NewLRU       a cache: a full map deletes an element that is unlikely to be used again
//	NewLRUWith   a cache whose elements expire, have weights, or are told of when they leave
//
// # When a lock fails
//
// A method whose lock fails returns rqlock's error and has changed nothing. The error
// matches [rqlock.ErrDeadlock] if the goroutine is in a callback that has the bucket
// locked, or if it is one of several such goroutines that wait for one another in a cycle.
// It matches [rqlock.ErrTimeout] if the bucket was granted to nobody for the stall timeout:
// because another goroutine's callback takes longer, or because the machine has not let the
// holder run for so long.
//
//	Lookup, Peek, LookupBatch, All, Keys, Values,
//	    Len, Stats, LoadOrStore of a present key     do not fail by a lock
//	Update, Swap, LoadOrStore, CompareAndSwap,
//	    Compute, Delete, LookupAndDelete             change nothing
//	UpdateBatch, DeleteBatch                         have changed the first n keys
//	LookupAndDeleteBatch                             has deleted n elements, in whole buckets
//	Clear                                            has deleted those of the buckets before
//
// A map made by [NewLRU] or [NewLRUWith] has one more lock, of its queues, which is held for
// a limited number of steps. Calls that add or delete an element take it, too.
//
// # When a map is full
//
// [ErrFull] means that there was a moment of the call when the map had as many elements as
// it may have. A map made by [NewLRU] deletes another element instead.
//
// # Keys
//
// Keys are equal if == says so. A key that is not equal to itself, like NaN, is never found,
// and each update with it adds an element. Only iterations see these, and only [Map.Clear]
// and [Map.LookupAndDeleteBatch] delete them. A key that cannot be hashed, like an interface
// that holds a slice, panics as it does with Go's map.
//
// # How readers do without locks
//
// An element keeps its place in its bucket until it is removed. In most maps an element is
// never used again, so a reader may use whatever it finds. A large value is changed by
// another element in the same place. A reader loads one pointer, whatever the value's size.
//
// The elements of a map that allocates them at once are reused. Such a bucket has a version,
// which changes before an element is added and after one is removed, and is odd while a value
// of more than one word changes. This is a sequence lock. A reader copies a key and a value,
// word by word in order. Then it checks that the version is what it was, and starts again if it
// is not. After 100 tries it takes the bucket's lock.
package hashtab
