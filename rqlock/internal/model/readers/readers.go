// Package readers is the twin of rqlock/internal/readers for a model of locks without readers:
// nobody reads anything.
package readers

// Reader is readers.Reader.
type Reader struct{ ID uint64 }

// Here is readers.Here.
func Here() Reader { return Reader{} }

// Scan is readers.Scan.
type Scan struct{}

// Blocked is readers.Blocked.
type Blocked struct{}

// Enter is Blocked.Enter.
func (*Blocked) Enter(Reader, uint32) {}

// Leave is Blocked.Leave.
func (*Blocked) Leave() {}

// AppendBlocked is readers.AppendBlocked.
func AppendBlocked(records []uint32, _ uint64) []uint32 { return records }

// IsBlocked is readers.IsBlocked.
func IsBlocked(uint64, uint32) bool { return false }
