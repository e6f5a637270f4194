package mc

import (
	"fmt"
	"unsafe"
)

// pointers gives each pointer of an execution a small id, and a hash that does not
// depend on the address, which differs between executions. Id 0 is nil.
type pointers struct {
	m    *machine
	ids  map[unsafe.Pointer]uint64
	all  []unsafe.Pointer
	hash []uint64
}

func (ps *pointers) reset() {
	if len(ps.all) > 1 || ps.ids == nil {
		ps.ids = make(map[unsafe.Pointer]uint64)
	}
	clear(ps.all)
	ps.all = append(ps.all[:0], nil)
	ps.hash = append(ps.hash[:0], 0)
}

func (ps *pointers) at(id uint64) unsafe.Pointer { return ps.all[id] }

// intern returns the id of p, which t is about to store. If the variable at p has no
// name, t has allocated it, and t's control state stands for its contents in the hash.
func (ps *pointers) intern(p unsafe.Pointer, t *thread) uint64 {
	if p == nil {
		return 0
	}
	if id, ok := ps.ids[p]; ok {
		return id
	}
	id := uint64(len(ps.all))
	ps.ids[p] = id
	ps.all = append(ps.all, p)
	ps.hash = append(ps.hash, ps.identity(p, t))
	return id
}

func (ps *pointers) identity(p unsafe.Pointer, t *thread) uint64 {
	if _, ok := ps.m.names[p]; ok {
		return mix(uint64(uintptr(p)), 1)
	}
	h := uint64(2)
	if t != nil {
		h = mix(t.control(), uint64(t.id)+3)
	}
	for ps.has(h) { // t has allocated another variable in the same state
		h = mix(h, 4)
	}
	return h
}

func (ps *pointers) has(h uint64) bool {
	for _, have := range ps.hash {
		if have == h {
			return true
		}
	}
	return false
}

func (ps *pointers) String(id uint64) string {
	if id == 0 {
		return "nil"
	}
	if n, ok := ps.m.names[ps.all[id]]; ok {
		return "&" + n
	}
	return fmt.Sprintf("ptr%d", id)
}
