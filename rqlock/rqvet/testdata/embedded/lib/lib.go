// Package lib has types with embedded locks, for another package.
package lib

import "github.com/rqlock/rqlock/rqlock"

type base struct{ rqlock.Mutex }

// Table has its lock two deep, in a type that others cannot name.
type Table struct {
	base
	N int
}

// Locker is what both kinds of table have in common.
type Locker interface {
	Lock() error
	Unlock()
}

// Begin acquires a lock for its caller.
func Begin(l Locker) error { return l.Lock() }

// End releases it.
func End(l Locker) { l.Unlock() }

// Add acquires the table for itself.
func (t *Table) Add() error {
	if err := t.Lock(); err != nil {
		return err
	}
	t.N++
	t.Unlock()
	return nil
}

// Pointed shares a lock.
type Pointed struct {
	*rqlock.Mutex
	N int
}

// Share gives p a lock.
func Share(p *Pointed) { p.Mutex = new(rqlock.Mutex) }

// Make makes a lock.
func Make(to **rqlock.Mutex) { *to = new(rqlock.Mutex) }
