package localstorage

import (
	"runtime"
	"slices"
	"sync/atomic"
)

// An Owner is the field of an object that makes it an owner of values. The zero value is
// ready for use. An Owner must not be copied after first use.
type Owner struct {
	cells atomic.Pointer[[]slot] // copied to change it; nil: none
}

// A slot has a map's cell. A map finds its own cell without looking into others.
type slot struct {
	of *identity // the map's
	member
	tie any // the cell's; nothing else keeps it alive
}

// An identity distinguishes a map from others by its address.
type identity struct{ _ byte }

// A member is a cell of some map.
type member interface {
	gone() bool
	end()
}

// destroyed takes the part of an owner's cells after Destroy.
var destroyed []slot

// Destroy removes the values that all maps have attached to the owner, and calls their
// destructors. It takes no lock and never fails. Nothing can be attached to the owner
// afterwards: the error is [ErrNoOwner].
//
// To use the object again, when no other goroutine has it, assign it a new Owner{}.
func (o *Owner) Destroy() {
	if cells := o.cells.Swap(&destroyed); cells != nil {
		for _, c := range *cells {
			c.end()
			runtime.KeepAlive(c.tie)
		}
	}
}

// add adds a cell if the owner's cells are still the given ones, and reports whether they
// were. Cells that are gone are left out.
func (o *Owner) add(to *[]slot, c slot) bool {
	cells := append(present(to), c)
	return o.cells.CompareAndSwap(to, &cells)
}

// sweep removes the cells that are gone.
func (o *Owner) sweep() {
	for {
		old := o.cells.Load()
		if old == nil || !slices.ContainsFunc(*old, slot.gone) {
			return
		}
		var cells *[]slot
		if left := present(old); len(left) > 0 {
			cells = &left
		}
		if o.cells.CompareAndSwap(old, cells) {
			return
		}
	}
}

// present returns a copy of the cells that are not gone, with room for one more.
func present(cells *[]slot) (left []slot) {
	if cells == nil {
		return nil
	}
	left = make([]slot, 0, len(*cells)+1)
	for _, c := range *cells {
		if !c.gone() {
			left = append(left, c)
		}
	}
	return left
}
