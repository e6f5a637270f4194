package order

import "github.com/rqlock/rqlock/rqlock"

// Files are read in the order of their names, so the edge in this one comes first and is
// right.
type files struct{ first, last rqlock.Mutex }

func (f *files) inFirst() error {
	if err := f.first.Lock(); err != nil {
		return err
	}
	defer f.first.Unlock()
	if err := f.last.Lock(); err != nil {
		return err
	}
	f.last.Unlock()
	return nil
}
