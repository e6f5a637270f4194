// Package lib acquires two locks in one order.
package lib

import "github.com/rqlock/rqlock/rqlock"

type Table struct {
	Rows, Index rqlock.Mutex
	n           int
}

func (t *Table) Insert() error {
	if err := t.Rows.Lock(); err != nil {
		return err
	}
	defer t.Rows.Unlock()
	if err := t.Index.Lock(); err != nil {
		return err
	}
	defer t.Index.Unlock()
	t.n++
	return nil
}

// LockRows locks the rows for its caller.
func (t *Table) LockRows() error { return t.Rows.Lock() }

func (t *Table) UnlockRows() { t.Rows.Unlock() }

// Touch locks the rows for itself.
func (t *Table) Touch() error {
	if err := t.Rows.Lock(); err != nil {
		return err
	}
	t.n++
	t.Rows.Unlock()
	return nil
}
