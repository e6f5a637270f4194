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
	secret  secret // zero if keys are no integers
	strings bool   // keys are strings
	seed    maphash.Seed
}

func newHasher[K comparable]() hasher[K] {
	kind := reflect.TypeFor[K]().Kind()
	h := hasher[K]{strings: kind == reflect.String, seed: maphash.MakeSeed()}
	if reflect.Int <= kind && kind <= reflect.Uintptr {
		h.secret = secret{rand.Uint64(), rand.Uint64() | 1, rand.Uint64() | 1}
	}
	return h
}

// quick reports whether keys are integers or strings.
func (h *hasher[K]) quick() bool { return h.strings || h.secret.known() }

// hash returns k's hash. It panics like Go's map if k has a part that cannot be hashed.
func (m *Map[K, V]) hash(k K) uint64 {
	switch h := &m.hasher; {
	case unsafe.Sizeof(k) <= 8 && h.secret.known():
		return h.secret.hash(integer(&k))
	case unsafe.Sizeof(k) == unsafe.Sizeof("") && h.strings:
		return maphash.String(h.seed, *(*string)(unsafe.Pointer(&k)))
	default:
		m.made()
		return hashOf(h.seed, k)
	}
}

// integer returns the bits of a key that is an integer.
func integer[K comparable](k *K) uint64 {
	switch p := unsafe.Pointer(k); unsafe.Sizeof(*k) {
	case 1:
		return uint64(*(*uint8)(p))
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	case 8:
		return *(*uint64)(p)
	}
	return 0
}

// A secret hashes an integer by two products, like wyhash (Wang, 2019), which takes less time
// than maphash's calls. One product is not enough: for one secret in about 200, keys at a
// fixed distance would all fall into one bucket.
type secret [3]uint64

func (s *secret) known() bool { return s[1] != 0 }

func (s *secret) hash(x uint64) uint64 { return fold(fold(x^s[0], s[1]), s[2]) }

// fold returns the exclusive or of the halves of a product.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// comparableValue reports whether v can be compared by == without a panic.
func comparableValue[V any](v V) bool { return reflect.ValueOf(&v).Elem().Comparable() }
