// Package localstorage attaches values to objects, and removes them with the object: the
// counterpart of Linux' BPF local storage (of tasks, sockets, inodes, cgroups).
//
// An object that values can be attached to has an [Owner], which costs a word. A [Map]
// attaches one value to each owner; as many maps as one likes can share the owners, and
// know nothing of each other. To find a value is to look through the values of its owner:
// a few nanoseconds for each map.
//
//	type Conn struct {
//		net.Conn
//		local localstorage.Owner
//	}
//	m := localstorage.New(func(c *Conn) *localstorage.Owner { return &c.local }, (*stats).flush)
//
//	s, err := m.GetOrCreate(conn, newStats)
//	conn.local.Destroy() // flushes the stats, and whatever other maps have attached
//
// # When a lock fails
//
// Each value has a resilient lock (see package rqlock), for those who change it. It is
// held while a callback of GetOrCreate or Compute runs, which may use the same map for
// other owners, and other maps for the same owner; what would be a deadlock is an error
// of the inner call.
//
//	Get, All, Len        take no lock
//	GetOrCreate          nothing is changed, f has not been called
//	Update, Compute      nothing is changed, f has not been called
//	Delete               nothing is changed
//	Owner.Destroy        takes no lock, and never fails
//	Map.Close            takes no lock, and never fails
//	an owner's end as garbage is the same
//
// The error is rqlock's: errors.Is(err, rqlock.ErrDeadlock) if the goroutine is inside of a
// callback for the same value, or one of a cycle of such goroutines; errors.Is(err,
// rqlock.ErrTimeout) if a callback stays for longer than the stall timeout.
//
// # How a removal cannot fail
//
// A value's cell is used once: it is empty, then it has a value, which may be replaced,
// then it is gone. Whoever holds the lock changes it by compare-and-exchange, and a
// Destroy or Close, without the lock, by an exchange that leaves "gone". So exactly one
// of them gets the value and calls the destructor, and the other one, if it was inside of
// a callback, finds out when it is back and returns ErrNoOwner or ErrClosed. An
// owner's cells are a slice that is copied to be changed; whoever adds a cell or removes
// one also leaves out those that are gone.
//
// # Values and the garbage collector
//
// The owner has its values, and a map knows them by weak pointers only. An owner that is
// garbage takes its values along, even if they refer to it: a map from weak pointers of
// objects to values, which is the other way to have local storage for objects of any type,
// would keep such an object for ever. For an object whose type is not yours, put a
// struct around it that has an Owner.
//
// In a map with a destructor a value is kept until the destructor is called, which is some
// time after its owner was found to be garbage, in a goroutine of the runtime. In such
// a map a value must not refer to its owner, or the owner has to be destroyed by
// [Owner.Destroy]: otherwise it is never garbage.
//
// A map that is not needed any more must be closed: what it has attached stays with the
// owners otherwise.
package localstorage
