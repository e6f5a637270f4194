package order

import "github.com/rqlock/rqlock/rqlock"

// The order is that of the files by name, in which the first one to be seen is right.
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
