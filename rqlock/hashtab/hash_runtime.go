//go:build !purego

package hashtab

import "hash/maphash"

func hashOf[K comparable](seed maphash.Seed, k K) uint64 { return maphash.Comparable(seed, k) }
