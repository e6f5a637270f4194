package mc

import "math/bits"

// mix hashes b into a by a multiplication to 128 bits, which it folds to 64.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return hi ^ lo ^ bits.RotateLeft64(a, 17)
}
