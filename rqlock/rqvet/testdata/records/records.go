// Package records reserves records of a ring.
package records

import (
	"errors"

	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

var errEmpty = errors.New("empty")

func lost(r *ringbuf.Ring, p []byte) error {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return err
	}
	if len(p) == 0 {
		return errEmpty // want `neither committed nor discarded.*record`
	}
	rec.Commit()
	return nil
}

func dropped(r *ringbuf.Ring) {
	r.Reserve(1)
} // want `neither committed nor discarded.*record`

func twice(r *ringbuf.Ring) error {
	rec, err := r.Reserve(8)
	if err != nil {
		return err
	}
	rec.Commit()
	rec.Discard() // want `the record is finished twice.*record`
	return nil
}

func failed(r *ringbuf.Ring) error {
	rec, err := r.Reserve(8)
	if err != nil {
		rec.Discard() // want `Discard of a record on a path where Reserve .* failed.*record`
		return err
	}
	rec.Commit()
	return nil
}

func late(r *ringbuf.Ring) ([]byte, error) {
	rec, err := r.Reserve(8)
	if err != nil {
		return nil, err
	}
	rec.Commit()
	return rec.Bytes(), nil // want `Bytes of a record that is finished.*record`
}

func inLoop(r *ringbuf.Ring, all [][]byte) error {
	for _, p := range all {
		rec, err := r.Reserve(len(p)) // want `before the next iteration.*record`
		if err != nil {
			return err
		}
		if len(p) > 0 {
			copy(rec.Bytes(), p)
			rec.Commit()
		}
	}
	return nil
}

func finish(rec ringbuf.Record, ok bool) {
	if ok {
		rec.Commit()
	} else {
		rec.Discard()
	}
}

func throughHelper(r *ringbuf.Ring, ok bool) error {
	rec, err := r.Reserve(8)
	if err != nil {
		return err
	}
	finish(rec, ok)
	rec.Discard() // want `the record is finished twice.*record`
	return nil
}

// What follows is right.

func reserve(r *ringbuf.Ring) (ringbuf.Record, error) {
	return r.Reserve(8)
}

func handedOn(r *ringbuf.Ring, ok bool) error {
	rec, err := reserve(r)
	if err != nil {
		return err
	}
	defer finish(rec, ok)
	copy(rec.Bytes(), "12345678")
	return nil
}

type writer struct{ rec ringbuf.Record }

func (w *writer) open(r *ringbuf.Ring) (err error) {
	w.rec, err = r.Reserve(8)
	return err
}

func (w *writer) close() { w.rec.Commit() }

func later(r *ringbuf.Ring, done chan ringbuf.Record) error {
	rec, err := r.Reserve(8)
	if err != nil {
		return err
	}
	done <- rec
	return nil
}

func elsewhere(r *ringbuf.Ring, f func(ringbuf.Record)) error {
	rec, err := r.Reserve(8)
	if err != nil {
		return err
	}
	f(rec)
	return nil
}

func inGoroutine(r *ringbuf.Ring) error {
	rec, err := r.Reserve(8)
	if err != nil {
		return err
	}
	go func() {
		copy(rec.Bytes(), "12345678")
		rec.Commit()
	}()
	return nil
}
