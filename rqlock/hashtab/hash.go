package hashtab

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"unsafe"
)

// A hasher hashes keys. All bits of a hash are of use.
type hasher[K comparable] struct {
	secret secret // zero if keys are not integers of 64 bits
	seed   maphash.Seed
}

func newHasher[K comparable]() hasher[K] {
	return hasher[K]{secretOf[K](), maphash.MakeSeed()}
}

// hash returns k's hash. It panics like Go's map if k has a part that cannot be hashed.
func (m *Map[K, V]) hash(k K) uint64 {
	if m.hasher.secret.known() {
		return m.hasher.secret.hash(*(*uint64)(unsafe.Pointer(&k)))
	}
	m.made()
	return hashOf(m.hasher.seed, k)
}

// A secret hashes an integer of 64 bits by two products, like wyhash (Wang, 2019), which
// takes less time than maphash's calls. One product is not enough: for one secret in about
// 200, keys at a fixed distance would all fall into one bucket.
type secret [3]uint64

// secretOf returns a random secret, or zero if K is not an integer of 64 bits.
func secretOf[K comparable]() (s secret) {
	switch t := reflect.TypeFor[K](); t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Uintptr:
		if t.Size() == 8 {
			s = secret{rand.Uint64(), rand.Uint64() | 1, rand.Uint64() | 1}
		}
	}
	return s
}

func (s *secret) known() bool { return s[1] != 0 }

func (s *secret) hash(x uint64) uint64 { return fold(fold(x^s[0], s[1]), s[2]) }

// fold returns the exclusive or of the halves of a product.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// comparableValue reports whether v can be compared by == without a panic.
func comparableValue[V any](v V) bool { return reflect.ValueOf(&v).Elem().Comparable() }
