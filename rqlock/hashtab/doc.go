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
// # When a lock fails
//
// A method whose lock fails returns rqlock's error and has changed nothing. The error
// matches [rqlock.ErrDeadlock] if the goroutine is in a callback that has the bucket
// locked, or if it is one of several such goroutines that wait for one another in a cycle.
// It matches [rqlock.ErrTimeout] if another goroutine's callback takes longer than the
// stall timeout.
//
//	Lookup, LookupBatch, All, Len             take no lock
//	Update, Compute, Delete, LookupAndDelete  change nothing
//	UpdateBatch, DeleteBatch                  have changed the first n keys
//	LookupAndDeleteBatch                      has deleted n elements, in whole buckets
//
// A preallocated map keeps its unused elements in a freelist.List, whose Push never fails.
// Pop may find no element while another goroutine has a list locked. The error is then
// [ErrFull], as if there were none. A map made by [NewLRU] deletes another element
// instead, and skips those whose bucket it cannot lock at once.
//
// # How readers do without locks
//
// A bucket has a version, which is odd while elements are added or removed, and while
// a value of more than one word changes. This is a sequence lock. A reader copies keys and
// values word by word, with atomic loads. Then it checks that the version is what it was,
// and starts again if it is not. So a removed element can be used again at once, without
// waiting for readers.
package hashtab
