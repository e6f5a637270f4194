package localstorage

import (
	"slices"
	"sync/atomic"
)

// An Owner is the part of an object that values are attached to. Its zero value is
// ready. It must not be copied after first use.
type Owner struct {
	cells atomic.Pointer[[]slot] // copied to be changed; nil = none
}

// A slot has a map's cell. To find a map's one does not have to look into others.
type slot struct {
	of *identity // the map's
	member
}

// An identity tells a map from others by its address.
type identity struct{ _ byte }

// A member is a cell of some map.
type member interface {
	gone() bool
	kill()
}

// destroyed is what an owner has instead of cells after Destroy.
var destroyed []slot

// Destroy removes the values that all maps have attached to o, and calls their
// destructors. It takes no lock and never fails. Nothing can be attached to o afterwards:
// the error is ErrNoOwner. To use the object again, when nobody else has it, give it a
// new Owner{}.
func (o *Owner) Destroy() {
	if cells := o.cells.Swap(&destroyed); cells != nil {
		for _, c := range *cells {
			c.kill()
		}
	}
}

// add adds a cell, if the cells are still those.
func (o *Owner) add(to *[]slot, c slot) bool {
	cells := append(living(to), c)
	return o.cells.CompareAndSwap(to, &cells)
}

// sweep lets go of cells that are gone.
func (o *Owner) sweep() {
	for {
		old := o.cells.Load()
		if old == nil || !slices.ContainsFunc(*old, slot.gone) {
			return
		}
		var cells *[]slot
		if left := living(old); len(left) > 0 {
			cells = &left
		}
		if o.cells.CompareAndSwap(old, cells) {
			return
		}
	}
}

func living(cells *[]slot) (left []slot) {
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
