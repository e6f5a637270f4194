// Package localstorage attaches values to objects, and removes them with the object. It is
// the counterpart of Linux' BPF local storage (of tasks, sockets, inodes and cgroups).
//
// An object that values can be attached to is their owner. It has an [Owner], which takes
// one word. A [Map] attaches one value to each owner. Any number of maps can share the
// owners without knowing of one another. To find a value, Get searches the values of the
// owner, which takes a few nanoseconds for each map.
//
//	type Conn struct {
//		net.Conn
//		local localstorage.Owner
//	}
//	m := localstorage.New(func(c *Conn) *localstorage.Owner { return &c.local }, (*stats).flush)
//
//	s, err := m.GetOrCreate(conn, newStats)
//	conn.local.Destroy() // flushes the stats, and removes what other maps have attached
//
// # When a lock fails
//
// Each value has a resilient lock (see package rqlock) for the goroutines that change it.
// The lock is held while a callback of GetOrCreate or Compute runs. The callback may use the
// same map for other owners, and other maps for the same owner. A call that would deadlock
// returns an error instead.
//
//	Get, All, Len        take no lock
//	GetOrCreate          changes nothing and does not call f
//	Update, Compute      change nothing and do not call f
//	Delete               changes nothing
//	LoadAndDelete        changes nothing
//	Owner.Destroy        takes no lock, and never fails
//	Map.Close            takes no lock, and never fails
//
// The values of an owner that is garbage are removed as by Owner.Destroy.
//
// The error is rqlock's. It matches [rqlock.ErrDeadlock] if the goroutine is in a callback
// for the same value, or if it is one of several such goroutines that wait for one another
// in a cycle. It matches [rqlock.ErrTimeout] if another goroutine's callback takes longer
// than the stall timeout, or if a machine that is badly overloaded does not run it for that long.
//
// # Why a removal cannot fail
//
// A value is in a cell, which is used once: it is empty, then it has a value, which may be
// replaced, and then it is gone. A goroutine that holds the lock changes the cell by
// compare-and-exchange. Destroy and Close do not hold the lock, and make the cell gone by an
// exchange. So exactly one of them gets the value and calls the destructor. If the other one
// was running a callback, it notices afterwards and returns [ErrNoOwner] or [ErrClosed]. The
// cells of an owner are a slice, which is copied to change it. The copy leaves out cells
// that are gone.
//
// # Values and the garbage collector
//
// An owner keeps its values alive, and a map has only weak pointers to them. If an owner
// becomes garbage, so do its values, even if they refer to it. The other solution for objects
// of any type, a map from weak pointers of objects to values, keeps such an object for ever.
// If you cannot add a field to the type of an object, put a struct with an Owner around it.
//
// The owners may be elements of one slice or fields of one object. Nothing is kept by the runtime
// for the owner itself, whose costs would grow with their number, but for an object that only the
// owner refers to, and that refers to the owner. Therefore an owner must not have a finalizer
// ([runtime.SetFinalizer]), which would never run. It may have cleanups ([runtime.AddCleanup]).
//
// A map with a destructor keeps a value until the destructor was called. That happens some
// time after its owner was found to be garbage, in a goroutine of the runtime. In such a map
// a value must not refer to its owner: the owner would never become garbage. If it must,
// call [Owner.Destroy].
//
// Close a map that is not needed any more. Otherwise the values that it has attached stay
// with their owners.
package localstorage
