package ringbuf

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/goid"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestReserveContext has a producer wait in a ring that is full. It goes on when the consumer
// has freed enough, when the ring is closed, or when its context is done.
func TestReserveContext(t *testing.T) {
	type result struct {
		rec Record
		err error
	}
	start := func(ctx context.Context) (*Ring, *Reader, chan result) {
		r := New(64)
		rd := newReader(t, r)
		for range 4 {
			reserve(t, r, "12345678").Commit()
		}
		done := make(chan result, 1)
		go func() {
			rec, err := r.ReserveContext(ctx, 20)
			done <- result{rec, err}
		}()
		until(t, "the producer waits", func() bool { return r.roomAt.Load() != 0 })
		return r, rd, done
	}
	r, rd, done := start(patient(t))
	want(t, rd, "12345678")
	want(t, rd, "12345678") // frees the first one, which is not enough
	select {
	case x := <-done:
		t.Errorf("there is no room for %d bytes yet: %v", len(x.rec.Bytes()), x.err)
	case <-time.After(5 * time.Millisecond):
	}
	want(t, rd, "12345678")
	if x := <-done; x.err != nil || len(x.rec.Bytes()) != 20 {
		t.Errorf("ReserveContext: %d bytes, %v", len(x.rec.Bytes()), x.err)
	} else {
		copy(x.rec.Bytes(), "later")
		x.rec.Commit()
	}
	if r.waiting.Load() != 0 || r.roomAt.Load() != 0 || len(r.turn) != 0 || r.Dropped() != 0 {
		t.Errorf("the producer leaves %d, %d, %d, %d", r.waiting.Load(), r.roomAt.Load(), len(r.turn), r.Dropped())
	}

	r, _, done = start(patient(t))
	r.Close()
	if x := <-done; x.err != ErrClosed || r.Dropped() != 0 {
		t.Errorf("after Close: %v, %d dropped", x.err, r.Dropped())
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	r, rd, done = start(ctx)
	why := errors.New("no time")
	cancel(why)
	if x := <-done; !errors.Is(x.err, why) || r.Dropped() != 1 || r.waiting.Load() != 0 {
		t.Errorf("after the context: %v, %d dropped, %d wait", x.err, r.Dropped(), r.waiting.Load())
	}
	rd.Close()
	for range 4 {
		for range r.All(patient(t)) {
			break
		}
	}
	if _, err := r.ReserveContext(ctx, 1); !errors.Is(err, why) || r.Used() != 0 {
		t.Errorf("with room, and a context that is done: %v, %d bytes used", err, r.Used())
	}
}

// TestTurns has producers wait, one that needs a lot of room before those that need less. They
// get it in the order in which they came, but for one that gives up.
func TestTurns(t *testing.T) {
	r := New(128)
	rd := newReader(t, r)
	for range 8 {
		reserve(t, r, "12345678").Commit()
	}
	ctx, cancel := context.WithCancel(context.Background())
	gaveUp := make(chan error, 1)
	var wg sync.WaitGroup
	ids := make(chan uint64, 1)
	for i, n := range []int{100, 8, 8, 8} {
		wg.Go(func() {
			ids <- asm.CurrentGoid()
			if i == 1 {
				_, err := r.ReserveContext(ctx, n)
				gaveUp <- err
				return
			}
			rec, err := r.ReserveContext(patient(t), n)
			if err != nil {
				t.Error(err)
				return
			}
			rec.Bytes()[0] = byte(i)
			rec.Commit()
		})
		until(t, "the producer waits", func() bool { return r.waiting.Load() == int64(i)+1 })
		id := <-ids
		until(t, "it is in line", func() bool { // It has counted itself before that.
			goid.Fresh()
			state, _ := goid.State(id)
			return state == "select"
		})
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	order := []byte{}
	for range 8 {
		want(t, rd, "12345678")
	}
	for len(order) < 3 {
		b, err := rd.Next(patient(t))
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, b[0])
	}
	wg.Wait()
	if !slices.Equal(order, []byte{0, 2, 3}) {
		t.Errorf("the order is %v, want 0, 2, 3", order)
	}
}

// TestNoBarging: who comes while others wait for room waits behind them, even if there would be
// room for it.
func TestNoBarging(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	for range 4 {
		reserve(t, r, "12345678").Commit()
	}
	var wg sync.WaitGroup
	for i, n := range []int{40, 8} {
		wg.Go(func() {
			rec, err := r.ReserveContext(patient(t), n)
			if err != nil {
				t.Error(err)
				return
			}
			rec.Bytes()[0] = byte(n)
			rec.Commit()
		})
		until(t, "the producer waits", func() bool { return r.waiting.Load() == int64(i)+1 })
		if i == 0 {
			want(t, rd, "12345678")
			want(t, rd, "12345678") // frees 16 bytes
		}
	}
	time.Sleep(5 * time.Millisecond)
	want(t, rd, "12345678")
	want(t, rd, "12345678")
	if b, err := rd.Next(patient(t)); err != nil || b[0] != 40 {
		t.Errorf("the first record is of the producer that wants %d bytes, %v", b[0], err)
	}
	if b, err := rd.Next(patient(t)); err != nil || b[0] != 8 {
		t.Errorf("the second record is of the producer that wants %d bytes, %v", b[0], err)
	}
	wg.Wait()
}

// TestBeforeWaitForRoom frees a record, or closes the ring, at the last moment before a producer
// that waits for its room looks for it. It must have stored that it waits.
func TestBeforeWaitForRoom(t *testing.T) {
	for _, last := range []int{1, 2, 3} {
		r := New(16)
		reserve(t, r, "12345678").Commit()
		rd := newReader(t, r)
		want(t, rd, "12345678")
		waits := 0
		ctx := hookContext{patient(t), func() {}, func() {
			if r.waiting.Load() == 0 {
				return
			}
			if r.roomAt.Load() == 0 {
				t.Error("the producer looks for room before it has stored that it waits")
			}
			if waits++; waits == last {
				rd.TryNext()
			} else {
				wake(r.room) // for nothing
			}
		}}
		rec, err := r.ReserveContext(ctx, 8)
		if err != nil {
			t.Errorf("ReserveContext: %v", err)
			continue
		}
		rec.Commit()
		if len(r.room) == 0 {
			t.Error("the consumer has not woken the producer")
		}
	}
}

// spin is Next of a consumer that does not wait, so that it gets a record as soon as it is there.
func spin(ctx context.Context, rd *Reader) ([]byte, error) {
	for i := 1; ; i++ {
		if b, err := rd.TryNext(); err != ErrEmpty {
			return b, err
		}
		if i%1000 == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			runtime.Gosched()
		}
	}
}

// TestWaitStorm has producers of all kinds and a slow ring. Nothing is lost, each producer's
// records come in order, and nobody waits for ever.
func TestWaitStorm(t *testing.T) {
	number := seed.Of(t)
	const producers = 6
	each := shorter(3000)
	r := New(256)
	ctx := patient(t)
	var wg sync.WaitGroup
	for id := range producers {
		rnd := seed.New(number, id)
		wg.Go(func() {
			record := func(i int) []byte {
				b := make([]byte, 4+rnd.IntN(60))
				b[0], b[1] = byte(id), byte(len(b))
				binary.LittleEndian.PutUint16(b[2:], uint16(i))
				return b
			}
			for i := 0; i < each; {
				if id%3 == 2 {
					n, err := r.WriteBatch([][]byte{record(i), record(i + 1), record(i + 2)}[:min(3, each-i)])
					i += n
					if err == ErrFull {
						runtime.Gosched()
					} else if err != nil {
						t.Error(err)
						return
					}
					continue
				}
				limit, stop := context.WithTimeout(ctx, patience)
				if rnd.IntN(20) == 0 {
					limit, stop = context.WithTimeout(ctx, 10*time.Microsecond)
				}
				p := record(i)
				rec, err := r.ReserveContext(limit, len(p))
				stop()
				if err == nil {
					copy(rec.Bytes(), p)
					rec.Commit()
					i++
				} else if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
					return
				} else if ctx.Err() != nil {
					t.Error("a producer waits for ever")
					return
				}
			}
		})
	}
	rd := newReader(t, r)
	var next [producers]int
	for n := 0; n < producers*each; {
		batch, err := rd.NextBatch(ctx, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batch {
			if i := int(binary.LittleEndian.Uint16(b[2:])); i != next[b[0]] || len(b) != int(b[1]) {
				t.Fatalf("producer %d: record %d of %d bytes, want record %d", b[0], i, len(b), next[b[0]])
			}
			next[b[0]]++
		}
		n += len(batch)
	}
	wg.Wait()
	rd.Close()
	if r.Used() != 0 || r.waiting.Load() != 0 || r.roomAt.Load() != 0 {
		t.Errorf("in the end: %d bytes used, %d producers wait", r.Used(), r.waiting.Load())
	}
}

// TestBatchAtOnce: the consumer gets no record of a batch before all are written, and no other
// producer's record comes in between.
func TestBatchAtOnce(t *testing.T) {
	r := New(1 << 16)
	ctx := patient(t)
	const size = 1000 // records in a batch
	rounds := shorter(500)
	var wg sync.WaitGroup
	for id := range byte(2) {
		wg.Go(func() {
			for range rounds {
				var ps [][]byte
				for i := range size {
					ps = append(ps, []byte{id, byte(i)})
				}
				for r.Available() < 2*16*size {
					runtime.Gosched()
				}
				if n, err := r.WriteBatch(ps); n != size || err != nil {
					t.Errorf("WriteBatch: %d, %v", n, err)
				}
			}
		})
	}
	rd := newReader(t, r)
	for range 2 * rounds {
		b, err := spin(ctx, rd)
		if err != nil {
			t.Fatal(err)
		}
		if r.header(rd.pos+16*(size-1)).Load()&reserved != 0 {
			t.Fatal("the first record of a batch is there before the last one")
		}
		id := b[0]
		for i := range size {
			if i > 0 {
				if b, err = rd.TryNext(); err != nil {
					t.Fatalf("record %d of a batch is not there: %v", i, err)
				}
			}
			if !slices.Equal(b, []byte{id, byte(i)}) {
				t.Fatalf("record %d of a batch of producer %d is %v", i, id, b)
			}
		}
	}
	wg.Wait()
}

// TestNextBatch: a batch ends before a record that is not committed, keeps its records until
// the reader is used again, and wants room for one record.
func TestNextBatch(t *testing.T) {
	r := New(256)
	rd := newReader(t, r)
	for _, s := range []string{"a", "b", "c"} {
		reserve(t, r, s).Commit()
	}
	open := reserve(t, r, "d")
	for _, max := range []int{0, -1} {
		if _, err := rd.NextBatch(patient(t), max); err != ErrMax {
			t.Errorf("NextBatch of %d: %v", max, err)
		}
	}
	batch, err := rd.NextBatch(patient(t), 10)
	if err != nil || len(batch) != 3 || r.Used() != 4*16 {
		t.Errorf("NextBatch: %q, %v; %d bytes used", batch, err, r.Used())
	}
	r.Close()
	go open.Commit()
	if batch, err = rd.NextBatch(patient(t), 10); err != nil || len(batch) != 1 || string(batch[0]) != "d" {
		t.Errorf("NextBatch: %q, %v", batch, err)
	}
	if batch, err = rd.NextBatch(patient(t), 10); err != ErrClosed || batch != nil || r.Used() != 0 {
		t.Errorf("in the end NextBatch: %q, %v; %d bytes used", batch, err, r.Used())
	}
	rd.Close()
	if _, err = rd.NextBatch(patient(t), 1); err != ErrReaderClosed {
		t.Errorf("NextBatch of a closed reader: %v", err)
	}
}
