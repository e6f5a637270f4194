// Package main is the plugin.
package main

import "github.com/rqlock/rqlock/rqlock"

func Lock(l *rqlock.Mutex) error { return l.Lock() }

func Unlock(l *rqlock.Mutex) { l.Unlock() }

// Add adds 1 to n, so many times, each time in a section of its own.
func Add(l *rqlock.Mutex, n *int, rounds int) error {
	for range rounds {
		if err := l.Lock(); err != nil {
			return err
		}
		*n++
		l.Unlock()
	}
	return nil
}

// Hold locks first, says so, and locks second as well.
func Hold(first, second *rqlock.Mutex, held chan<- bool) error {
	if err := first.Lock(); err != nil {
		return err
	}
	defer first.Unlock()
	held <- true
	if err := second.Lock(); err != nil {
		return err
	}
	second.Unlock()
	return nil
}
