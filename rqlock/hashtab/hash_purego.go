//go:build purego

package hashtab

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"reflect"
)

// hashOf hashes k by reflection, because maphash.Comparable does not agree with == under the
// tag purego: in some versions of Go it panics for a nil interface, and takes account of
// blank fields.
func hashOf[K comparable](seed maphash.Seed, k K) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	write(&h, reflect.ValueOf(&k).Elem())
	return h.Sum64()
}

// write writes a part of a key to h. Values that are equal write the same.
func write(h *maphash.Hash, v reflect.Value) {
	switch {
	case v.CanInt():
		word(h, uint64(v.Int()))
	case v.CanUint():
		word(h, v.Uint())
	case v.CanFloat():
		number(h, v.Float())
	case v.CanComplex():
		number(h, real(v.Complex()))
		number(h, imag(v.Complex()))
	default:
		writeOther(h, v)
	}
}

func writeOther(h *maphash.Hash, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			h.WriteByte(1)
		} else {
			h.WriteByte(0)
		}
	case reflect.String:
		word(h, uint64(v.Len())) // "ab", "c" is not "a", "bc"
		h.WriteString(v.String())
	case reflect.Array:
		for i := range v.Len() {
			write(h, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "_" {
				write(h, v.Field(i))
			}
		}
	case reflect.Interface:
		if v.IsNil() {
			h.WriteByte(0)
			return
		}
		h.WriteString(v.Elem().Type().String())
		write(h, v.Elem())
	case reflect.Chan, reflect.Pointer, reflect.UnsafePointer:
		word(h, uint64(v.Pointer()))
	default:
		panic(unhashable(v.Type().String()))
	}
}

func word(h *maphash.Hash, x uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	h.Write(b[:])
}

func number(h *maphash.Hash, f float64) {
	switch {
	case f == 0:
		word(h, 0) // -0 equals 0.
	case f != f:
		word(h, rand.Uint64()) // NaN equals nothing.
	default:
		word(h, math.Float64bits(f))
	}
}

// An unhashable is what a map of Go panics with, too.
type unhashable string

func (t unhashable) Error() string { return "runtime error: hash of unhashable type " + string(t) }
func (unhashable) RuntimeError()   {}
