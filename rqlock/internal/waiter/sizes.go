package waiter

// Sizes. The model has its own, as small as its programs allow.
const (
	chunkSize  = 256     // records made at once
	maxRecords = 1 << 20 // waiters that there can be, over all locks
	maxChunks  = maxRecords / chunkSize

	edgeBuckets = 1 << 17 // of the table of edges
	bucketSlots = 14      // edges in each
)

// A bucket is a cache line. A record that finds its bucket full goes to the next,
// and says so in passed.
type bucket struct {
	slots  [bucketSlots]uint32 // indices of records, 0 = empty
	passed uint32              // records that went further
	spare  uint32              // index of a free record, 0 = none; by exchange
}

func hash(x uint64) uint32 { return uint32(x * 0x9e3779b97f4a7c15 >> 40) }
