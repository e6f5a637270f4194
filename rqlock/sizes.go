package rqlock

// How much there is room for.
const (
	chunkSize  = 64   // records made at once
	maxChunks  = 3072 // chunks
	maxRecords = chunkSize * maxChunks

	edgeBuckets = 1 << 14 // of the table of edges
	bucketSlots = 15      // edges in each: with their counter, a cache line
)
