// Package hashtab has a hash table that survives being re-entered: the counterpart
// of Linux' BPF hash map.
//
// Each bucket has a resilient lock (package rqlock) for writers. Readers take none.
// A callback that runs while a bucket is locked ([Map.Compute]) may use the map: what
// would be a deadlock is an error of the inner call, and the map is unchanged by it.
//
//	m := hashtab.New[string, int](1000)
//	if err := m.Update("a", 1, hashtab.Any); err != nil {
//		return err
//	}
//	n, ok := m.Lookup("a")
//
// # When a lock fails
//
// A method that returns an error has then changed nothing, and the error is rqlock's:
// errors.Is(err, rqlock.ErrDeadlock) if the goroutine is inside of a callback that has
// the bucket locked, or one of a cycle of such goroutines; errors.Is(err,
// rqlock.ErrTimeout) if a callback stays for longer than the stall timeout.
//
//	Lookup, LookupBatch, All, Len             take no lock
//	Update, Compute, Delete, LookupAndDelete  nothing is changed
//	UpdateBatch, DeleteBatch                  as far as n says
//	LookupAndDeleteBatch                      whole buckets, as far as n says
//
// An element of a preallocated map that is freed goes back by freelist.List.Push,
// which never fails; one that is needed comes by Pop, which may find none while another
// goroutine's lock is out of reach: then, as when there is none, the error is ErrFull.
// A map made by NewLRU looks for an element to delete and passes over those whose
// bucket it cannot lock at once.
//
// # How readers do without locks
//
// A bucket has a version, odd while elements come or go and while values of more than a
// word change (a sequence lock). A reader copies keys and values word by word, with atomic
// loads, and looks whether the version is what it was; if not, it begins again. So elements
// can be used again at once, without waiting for readers to be done.
package hashtab
