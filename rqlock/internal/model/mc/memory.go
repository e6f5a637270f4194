package mc

// A Model is a memory model.
type Model uint8

// The memory models; see the package's documentation.
const (
	SC Model = iota
	TSO
	RA
)

func (m Model) String() string { return [...]string{"SC", "TSO", "RA"}[m] }

// Memory returns the memory that the current program runs in.
func Memory() Model { return cur.Memory }

// A memory implements a model. Methods that take a thread act for it.
type memory interface {
	reset()

	// loads, stores, updates and pauses count the alternatives of the pending operation.
	// A Pause has none as long as nothing has changed.
	loads(t *thread, l *location, o Order) int
	stores(t *thread, l *location, o Order, mask uint64) int
	updates(t *thread, l *location, o Order) int
	pauses(t *thread) int

	load(t *thread, l *location, o Order, alt int) uint64
	store(t *thread, l *location, v, mask uint64, o Order, alt int)
	newest(t *thread, l *location) uint64 // what the pending store or update reads
	update(t *thread, l *location, v uint64, o Order)
	failedUpdate(t *thread, l *location) // an update that does not write
	resume(t *thread, alt int)           // the end of a Pause

	// readsNewest reports whether a plain read by t is ordered after the newest store to
	// l, and makes sure that *p has what t must read.
	readsNewest(t *thread, l *location) bool
	plainWrite(t *thread, l *location)

	flush(t *thread)                    // of the oldest entry of t's store buffer
	forget(lo, hi int, mask *accessSet) // see machine.forget
	hash() uint64
}
