package ringbuf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// patience bounds waits that end soon if all is well. It is the stall timeout, too, so that
// a slow machine does not fail a lock that another goroutine is about to release.
const patience = time.Minute

func TestMain(m *testing.M) {
	rqlock.SetStallTimeout(patience)
	os.Exit(m.Run())
}

// shorter returns n, and with -short a tenth of it.
func shorter(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// during returns the end of a test that runs for d, and for a tenth of it with -short.
func during(d time.Duration) time.Time {
	if testing.Short() {
		d /= 10
	}
	return time.Now().Add(d)
}

// patient returns a context that ends after patience.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newReader(t *testing.T, r *Ring) *Reader {
	t.Helper()
	rd, err := r.Reader()
	if err != nil {
		t.Fatal(err)
	}
	return rd
}

func reserve(t *testing.T, r *Ring, text string) Record {
	t.Helper()
	rec, err := r.Reserve(len(text))
	if err != nil {
		t.Fatal(err)
	}
	copy(rec.Bytes(), text)
	return rec
}

// want checks that the next record is text.
func want(t *testing.T, rd *Reader, text string) {
	t.Helper()
	if b, err := rd.TryNext(); string(b) != text || err != nil {
		t.Errorf("the next record is %q, %v, want %q", b, err, text)
	}
}

// untilWaits returns when the consumer waits.
func untilWaits(t *testing.T, r *Ring) {
	t.Helper()
	for end := time.Now().Add(patience); r.waitsAt.Load() == 0; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Error("the consumer does not wait")
			return
		}
	}
}

// A model does what a ring with a reader must do. It has a list of records, the first of
// which the reader may have.
type model struct {
	size    int
	records []*entry
	held    int // records that the reader has, the first ones
	closed  bool
	dropped uint64
}

type entry struct {
	rec   Record
	bytes []byte
	state byte // isReserved, isCommitted or isDiscarded
}

const (
	isReserved = iota
	isCommitted
	isDiscarded
)

func (m *model) used() (n int) {
	for _, e := range m.records {
		n += 8 + (len(e.bytes)+7)/8*8
	}
	return n
}

func (m *model) reserve(n int) error {
	need := 8 + (n+7)/8*8
	switch {
	case n > m.size-8:
		return ErrTooLarge
	case m.closed:
		return ErrClosed
	case m.used()+need > m.size:
		m.dropped++
		return ErrFull
	}
	return nil
}

func (m *model) next() ([]byte, error) {
	m.free()
	for len(m.records) > 0 {
		switch e := m.records[0]; e.state {
		case isCommitted:
			m.held = 1
			return e.bytes, nil
		case isDiscarded:
			m.records = m.records[1:]
		default:
			return nil, ErrEmpty
		}
	}
	if m.closed {
		return nil, ErrClosed
	}
	return nil, ErrEmpty
}

func (m *model) free() {
	m.records, m.held = m.records[m.held:], 0
}

func (m *model) nextBatch(max int) (batch [][]byte, err error) {
	b, err := m.next()
	if err != nil {
		return nil, err
	}
	batch = append(batch, b)
	for ; len(batch) < max && m.held < len(m.records); m.held++ {
		switch e := m.records[m.held]; e.state {
		case isCommitted:
			batch = append(batch, e.bytes)
		case isReserved:
			return batch, nil
		}
	}
	return batch, nil
}

// step does one operation on the ring and on the model, and compares them.
func (m *model) step(t *testing.T, r *Ring, rd **Reader, op, arg byte) {
	t.Helper()
	fill := func(b []byte) {
		for i := range b {
			b[i] = arg + byte(i)
		}
	}
	var err, wantErr error
	switch op % 10 {
	case 0, 1: // reserve
		n := int(arg) % (m.size + 3)
		var rec Record
		rec, err = r.Reserve(n)
		if wantErr = m.reserve(n); wantErr == nil && err == nil {
			if len(rec.Bytes()) != n || cap(rec.Bytes()) != n {
				t.Fatalf("%d bytes of %d, want %d", len(rec.Bytes()), cap(rec.Bytes()), n)
			}
			fill(rec.Bytes())
			m.records = append(m.records, &entry{rec, bytes.Clone(rec.Bytes()), isReserved})
		}
	case 2: // write
		p := make([]byte, int(arg)%(m.size+3))
		fill(p)
		var n int
		n, err = r.Write(p)
		if wantErr = m.reserve(len(p)); wantErr == nil && err == nil {
			m.records = append(m.records, &entry{Record{}, p, isCommitted})
			if n != len(p) {
				t.Fatalf("Write of %d bytes returns %d", len(p), n)
			}
		} else if n != 0 {
			t.Fatalf("Write returns %d, %v", n, err)
		}
	case 3, 4: // commit or discard one that is reserved
		if len(m.records) == 0 {
			return
		}
		if e := m.records[int(arg)%len(m.records)]; e.state == isReserved {
			if arg%3 == 0 {
				e.rec.Discard()
				e.state = isDiscarded
			} else {
				e.rec.Commit()
				e.state = isCommitted
			}
		}
	case 5, 6: // read
		var b, wantB []byte
		b, err = (*rd).TryNext()
		if wantB, wantErr = m.next(); !bytes.Equal(b, wantB) || cap(b) != len(b) {
			t.Fatalf("read % x with room for %d, want % x", b, cap(b), wantB)
		}
	case 7:
		if arg == 99 {
			r.Close()
			m.closed = true
			return
		}
		(*rd).Close() // and another takes over
		m.free()
		*rd, err = r.Reader()
	case 8: // write several
		var ps [][]byte
		wantN := 0
		for i := range int(arg) % 6 {
			p := make([]byte, (int(arg)+17*i)%(m.size-5))
			fill(p)
			ps = append(ps, p)
			if wantErr == nil {
				dropped := m.dropped
				if wantErr = m.reserve(len(p)); wantErr == nil {
					m.records = append(m.records, &entry{Record{}, p, isCommitted})
					wantN++
				}
				m.dropped = dropped
			}
		}
		if wantErr == ErrFull {
			m.dropped += uint64(len(ps) - wantN)
		}
		var n int
		if n, err = r.WriteBatch(ps); n != wantN {
			t.Fatalf("WriteBatch of %d records: %d, %v, want %d, %v", len(ps), n, err, wantN, wantErr)
		}
	case 9: // read several
		probe := *m
		if _, err := probe.next(); err == ErrEmpty {
			return // NextBatch would wait.
		}
		max := int(arg)%5 + 1
		var batch, wantBatch [][]byte
		batch, err = (*rd).NextBatch(context.Background(), max)
		wantBatch, wantErr = m.nextBatch(max)
		if !slices.EqualFunc(batch, wantBatch, bytes.Equal) {
			t.Fatalf("NextBatch of at most %d records: % x, want % x", max, batch, wantBatch)
		}
	}
	if err != wantErr {
		t.Fatalf("operation %d, %d: %v, want %v", op%10, arg, err, wantErr)
	}
	if r.Used() != m.used() || r.Available() != m.size-m.used() || r.Dropped() != m.dropped {
		t.Fatalf("operation %d: %d bytes used, %d available, %d dropped, want %d, %d, %d", op%10, r.Used(), r.Available(), r.Dropped(), m.used(), m.size-m.used(), m.dropped)
	}
}

// FuzzRing compares a ring with a model. Two bytes are an operation and its argument.
func FuzzRing(f *testing.F) {
	f.Add(uint8(2), []byte{0, 9, 0, 3, 3, 1, 5, 0, 3, 0, 5, 0, 5, 0, 2, 40, 7, 0, 5, 0, 7, 99, 5, 0})
	f.Add(uint8(0), []byte{2, 8, 5, 0, 2, 8, 5, 0, 2, 0, 2, 0, 5, 0, 5, 0})
	f.Fuzz(func(t *testing.T, logSize uint8, ops []byte) {
		size := MinSize << (logSize % 4)
		r, m := New(size), &model{size: size}
		rd := newReader(t, r)
		for ; len(ops) >= 2; ops = ops[2:] {
			m.step(t, r, &rd, ops[0], ops[1])
		}
	})
}

// TestRandom compares rings with a model in many random operations.
func TestRandom(t *testing.T) {
	rnd := seed.Rand(t)
	for size := MinSize; size <= 1<<7; size *= 2 {
		for range shorter(20) {
			r, m := New(size), &model{size: size}
			rd := newReader(t, r)
			for range 1000 {
				m.step(t, r, &rd, byte(rnd.Uint32()), byte(rnd.IntN(99)))
			}
			m.step(t, r, &rd, 7, 99)
			for range 100 {
				m.step(t, r, &rd, byte(rnd.Uint32()), byte(rnd.IntN(99)))
			}
		}
	}
}

// TestWrap checks that the longest record fits into an empty ring at every position, and is
// read whole.
func TestWrap(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	long := strings.Repeat("0123456", 8)
	for range 3 * 64 / 8 {
		reserve(t, r, long).Commit()
		if _, err := r.Reserve(0); err != ErrFull {
			t.Errorf("Reserve in a full ring: %v", err)
		}
		want(t, rd, long)
		rd.TryNext()
		r.Write(nil) // moves the position on by a header
		want(t, rd, "")
		rd.TryNext()
	}
}

// TestOrder checks that records are read in the order of their reservation, whatever the
// order of their commits, and that a reserved one holds the others back.
func TestOrder(t *testing.T) {
	r := New(256)
	rd := newReader(t, r)
	a, b, c, d := reserve(t, r, "a"), reserve(t, r, "bb"), reserve(t, r, "ccc"), reserve(t, r, "dddd")
	empty := func() {
		t.Helper()
		if b, err := rd.TryNext(); err != ErrEmpty {
			t.Errorf("TryNext: %q, %v, want ErrEmpty", b, err)
		}
	}
	d.Commit()
	b.Commit()
	empty()
	a.Commit()
	want(t, rd, "a")
	want(t, rd, "bb")
	empty()
	c.Discard()
	want(t, rd, "dddd")
	empty()
	if r.Used() != 0 {
		t.Errorf("in the end %d bytes are used", r.Used())
	}
}

// TestClose checks that records reserved before Close are still read, and waited for.
func TestClose(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	r.Write([]byte("a"))
	b := reserve(t, r, "b")
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if n, err := r.WriteBatch([][]byte{nil}); n != 0 || err != ErrClosed {
		t.Errorf("WriteBatch: %d, %v", n, err)
	}
	if _, err := r.ReserveContext(context.Background(), 1); err != ErrClosed {
		t.Errorf("ReserveContext: %v", err)
	}
	if _, err := r.Reserve(1); err != ErrClosed {
		t.Errorf("Reserve: %v", err)
	}
	if n, err := r.Write(nil); n != 0 || err != ErrClosed || r.Dropped() != 0 {
		t.Errorf("Write: %d, %v; %d dropped", n, err, r.Dropped())
	}
	want(t, rd, "a")
	if _, err := rd.TryNext(); err != ErrEmpty {
		t.Errorf("TryNext before the last commit: %v", err)
	}
	b.Commit()
	want(t, rd, "b")
	for range 2 {
		if _, err := rd.Next(context.Background()); err != ErrClosed {
			t.Errorf("in the end: %v", err)
		}
	}
}

// TestCloseRace closes rings while producers write. Exactly the records that were written
// without an error are read.
func TestCloseRace(t *testing.T) {
	ctx := patient(t)
	for end := during(100 * time.Millisecond); time.Now().Before(end); {
		r := New(1 << 8)
		var written atomic.Int64
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for {
					switch _, err := r.Write([]byte("x")); err {
					case nil:
						written.Add(1)
					case ErrClosed:
						return
					case ErrFull:
						runtime.Gosched()
					default:
						t.Error(err)
						return
					}
				}
			})
		}
		read := int64(0)
		for _, err := range r.All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if read++; read == 20 {
				r.Close()
			}
		}
		wg.Wait()
		if read != written.Load() || r.Used() != 0 {
			t.Fatalf("%d records written, %d read, %d bytes left", written.Load(), read, r.Used())
		}
	}
}

// TestConcurrent has producers with several reserved records each, some of which they
// discard. Each committed record is read once, whole, and in its producer's order.
func TestConcurrent(t *testing.T) {
	t.Run("waits", func(t *testing.T) {
		testConcurrent(t, func(r *Ring, _ *rand.Rand) iter.Seq2[[]byte, error] { return r.All(patient(t)) })
	})
	t.Run("polls", func(t *testing.T) {
		testConcurrent(t, func(r *Ring, rnd *rand.Rand) iter.Seq2[[]byte, error] { return poll(patient(t), newReader(t, r), rnd) })
	})
}

// poll is Ring.All by TryNext.
func poll(ctx context.Context, rd *Reader, rnd *rand.Rand) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			b, err := rd.TryNext()
			if err == ErrEmpty && ctx.Err() == nil {
				if rnd.IntN(10) == 0 {
					runtime.Gosched()
				}
				continue
			}
			if err == ErrClosed || !yield(b, err) || err != nil {
				rd.Close()
				return
			}
		}
	}
}

func testConcurrent(t *testing.T, all func(*Ring, *rand.Rand) iter.Seq2[[]byte, error]) {
	number := seed.Of(t)
	const producers, each = 4, 15_000
	end := during(time.Second)
	r := New(512)
	var wg sync.WaitGroup
	var committed atomic.Int64
	for id := range producers {
		wg.Go(func() {
			rnd := seed.New(number, id)
			var open []Record
			finish := func() {
				i := rnd.IntN(len(open))
				if rnd.IntN(5) == 0 {
					open[i].Discard()
				} else {
					committed.Add(1)
					open[i].Commit()
				}
				open = append(open[:i], open[i+1:]...)
			}
			for seq := 0; seq < each && time.Now().Before(end); {
				rec, err := r.Reserve(3 + rnd.IntN(60))
				if err == nil {
					b := rec.Bytes()
					b[0], b[1], b[2] = byte(id), byte(seq), byte(seq>>8)
					for i := 3; i < len(b); i++ {
						b[i] = byte(id*seq + i)
					}
					open = append(open, rec)
					seq++
				} else if runtime.Gosched(); err != ErrFull {
					t.Error(err)
					break
				}
				if len(open) == 3 || err != nil && len(open) > 0 {
					finish()
				}
			}
			for len(open) > 0 {
				finish()
			}
		})
	}
	go func() { wg.Wait(); r.Close() }()

	last := [producers]int{}
	read := int64(0)
	for b, err := range all(r, seed.New(number, producers)) {
		if err != nil {
			t.Fatal(err)
		}
		read++
		id, seq := int(b[0]), int(b[1])|int(b[2])<<8
		if id >= producers || seq+1 <= last[id] {
			t.Fatalf("record %d of producer %d comes after %d", seq, id, last[id]-1)
		}
		last[id] = seq + 1
		for i := 3; i < len(b); i++ {
			if b[i] != byte(id*seq+i) {
				t.Fatalf("record %d of producer %d: byte %d is %d", seq, id, i, b[i])
			}
		}
	}
	if read != committed.Load() || r.Used() != 0 {
		t.Errorf("%d records committed, %d read, %d bytes left", committed.Load(), read, r.Used())
	}
}

// TestPingPong has two goroutines wait for each other's records in turn. If a wake-up is
// lost, the context ends the test.
func TestPingPong(t *testing.T) {
	there, back := New(64), New(64)
	ctx := patient(t)
	go func() {
		for b, err := range there.All(ctx) {
			if err != nil {
				break
			}
			back.Write(b)
		}
		back.Close()
	}()
	rd := newReader(t, back)
	for i := range shorter(20_000) {
		text := fmt.Sprint(i)
		there.Write([]byte(text))
		if b, err := rd.Next(ctx); err != nil || string(b) != text {
			t.Fatalf("Next: %q, %v, want %s", b, err, text)
		}
	}
	there.Close()
	if _, err := rd.Next(ctx); err != ErrClosed {
		t.Errorf("in the end: %v", err)
	}
}

// TestBeginsToWait commits records at any time while the consumer stops waiting, reads, and
// begins to wait again. A record whose commit does not wake the consumer stays unread, the
// ring fills up, and the context ends the test.
func TestBeginsToWait(t *testing.T) {
	rnd := seed.Rand(t)
	n := shorter(30_000)
	r := New(1 << 10)
	ctx := patient(t)
	go func() {
		defer r.Close()
		until := func(is func() bool) {
			for !is() && ctx.Err() == nil {
				runtime.Gosched()
			}
		}
		for range n {
			for range rnd.IntN(500) {
				r.Available() // takes some time
			}
			until(func() bool { _, err := r.Write(nil); return err == nil })
		}
		until(func() bool { return r.Used() == 0 })
	}()
	read := 0
	for _, err := range r.All(ctx) {
		if err != nil {
			t.Fatalf("after %d records %d bytes are unread: %v", read, r.Used(), err)
		}
		read++
	}
	if read != n {
		t.Errorf("%d of %d records were read", read, n)
	}
}

// A hookContext calls functions when the consumer calls its methods. Next calls Err before
// it looks at the ring. If it finds nothing, it calls Done, stores that it waits, and calls
// Err again.
type hookContext struct {
	context.Context
	done, err func()
}

func (c hookContext) Done() <-chan struct{} { c.done(); return c.Context.Done() }
func (c hookContext) Err() error            { c.err(); return c.Context.Err() }

// TestBeforeWait changes the ring after the consumer has found nothing, before and after it
// has stored that it waits. The consumer notices both.
func TestBeforeWait(t *testing.T) {
	for name, f := range map[string]func(*Ring){
		"Write": func(r *Ring) { r.Write([]byte("late")) },
		"Close": func(r *Ring) { r.Close() },
	} {
		for _, at := range []int{1, 2} {
			r := New(64)
			rd := newReader(t, r)
			asked := 0
			ctx := hookContext{patient(t), func() {}, func() {}}
			if at == 1 {
				ctx.done = func() { f(r) }
			} else {
				ctx.err = func() {
					if asked++; asked == 2 {
						if r.waitsAt.Load() == 0 {
							t.Error("the consumer looks at the ring before it has stored that it waits")
						}
						f(r)
					}
				}
			}
			b, err := rd.Next(ctx)
			if name == "Write" && (string(b) != "late" || err != nil) || name == "Close" && err != ErrClosed {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
	}
}

// TestWake ends the consumer's wait by each event that can end it.
func TestWake(t *testing.T) {
	cause := errors.New("enough")
	for name, c := range map[string]struct {
		f       func(r *Ring, a, b Record, cancel func())
		want    string
		wantErr error
	}{
		"commit":           {func(r *Ring, a, b Record, _ func()) { a.Commit() }, "a", nil},
		"commit, later":    {func(r *Ring, a, b Record, _ func()) { b.Commit(); a.Commit() }, "a", nil},
		"discard":          {func(r *Ring, a, b Record, _ func()) { b.Commit(); a.Discard() }, "b", nil},
		"discard, earlier": {func(r *Ring, a, b Record, _ func()) { a.Discard(); b.Commit() }, "b", nil},
		"close":            {func(r *Ring, a, b Record, _ func()) { a.Discard(); b.Discard(); r.Close() }, "", ErrClosed},
		"close, earlier":   {func(r *Ring, a, b Record, _ func()) { r.Close(); a.Discard(); b.Commit() }, "b", nil},
		"cancel":           {func(r *Ring, a, b Record, cancel func()) { cancel() }, "", cause},
	} {
		r := New(64)
		rd := newReader(t, r)
		a, b := reserve(t, r, "a"), reserve(t, r, "b")
		ctx, cancel := context.WithCancelCause(patient(t))
		go func() {
			untilWaits(t, r)
			c.f(r, a, b, func() { cancel(cause) })
		}()
		if got, err := rd.Next(ctx); string(got) != c.want || !errors.Is(err, c.wantErr) {
			t.Errorf("%s: %q, %v, want %q, %v", name, got, err, c.want, c.wantErr)
		}
		if r.waitsAt.Load() != 0 {
			t.Errorf("%s: waitsAt is still set", name)
		}
		cancel(nil)
	}
}

// TestWaitsOn checks that only the commit of the next record wakes the consumer.
func TestWaitsOn(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	first := reserve(t, r, "first")
	var waits atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		if b, err := rd.Next(hookContext{patient(t), func() { waits.Add(1) }, func() {}}); string(b) != "first" || err != nil {
			t.Errorf("Next: %q, %v", b, err)
		}
	})
	untilWaits(t, r)
	r.Write([]byte("second"))
	time.Sleep(10 * time.Millisecond)
	if waits.Load() != 1 {
		t.Error("the commit of a later record has woken the consumer")
	}
	first.Commit()
	wg.Wait()
}

// TestLateWakeup sends a wake-up that comes when the consumer does not wait any more. It
// wakes the consumer's next wait in vain, and does no harm.
func TestLateWakeup(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	r.wakeup <- struct{}{}
	go func() {
		for end := time.Now().Add(patience); len(r.wakeup) != 0 && time.Now().Before(end); {
			time.Sleep(100 * time.Microsecond)
		}
		r.Write([]byte("a"))
	}()
	if b, err := rd.Next(patient(t)); string(b) != "a" || err != nil {
		t.Errorf("Next: %q, %v", b, err)
	}
}

// TestCancelled checks that Next fails if its context is done, even if there are records, so
// that a consumer ends even if producers never pause. TryNext returns the records.
func TestCancelled(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	r.Write([]byte("a"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if b, err := rd.Next(ctx); b != nil || !errors.Is(err, context.Canceled) || fmt.Sprint(err) != "ringbuf: context canceled" {
		t.Errorf("Next: %q, %v", b, err)
	}
	want(t, rd, "a")
}

// TestLockFails has the lock fail: because this goroutine holds it, and for another goroutine
// because it is not released. The error says why, nothing is reserved, and all methods that
// take no lock work.
func TestLockFails(t *testing.T) {
	defer rqlock.SetStallTimeout(patience)
	rqlock.SetStallTimeout(time.Millisecond)
	for name, op := range map[string]func(*Ring) error{
		"Reserve": func(r *Ring) error { _, err := r.Reserve(1); return err }, //rqvet:ignore record the lock fails, and there is none
		"Write":   func(r *Ring) error { _, err := r.Write([]byte("lost")); return err },
		"WriteBatch": func(r *Ring) error {
			n, err := r.WriteBatch([][]byte{[]byte("lost")})
			if n != 0 {
				t.Errorf("WriteBatch has added %d records", n)
			}
			return err
		},
		"ReserveContext": func(r *Ring) error { _, err := r.ReserveContext(context.Background(), 1); return err },
	} {
		r := New(128)
		rd := newReader(t, r)
		a, b, c := reserve(t, r, "a"), reserve(t, r, "b"), reserve(t, r, "c")
		if err := r.lock.Lock(); err != nil {
			t.Fatal(err)
		}
		used := r.Used()
		if err := op(r); !errors.Is(err, rqlock.ErrDeadlock) {
			t.Errorf("%s by the goroutine that holds the lock: %v", name, err)
		}
		other := make(chan error)
		go func() { other <- op(r) }()
		if err := <-other; !errors.Is(err, rqlock.ErrTimeout) {
			t.Errorf("%s while another goroutine holds the lock: %v", name, err)
		}
		if r.Used() != used || r.Dropped() != 2 {
			t.Errorf("after a failed %s %d bytes are used, %d before; %d dropped", name, r.Used(), used, r.Dropped())
		}
		a.Commit()
		b.Discard()
		c.Commit()
		if got, err := rd.Next(patient(t)); string(got) != "a" || err != nil {
			t.Errorf("Next while the lock is held: %q, %v", got, err)
		}
		r.lock.Unlock()
		reserve(t, r, "d").Commit()
		if err := r.lock.Lock(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if err := op(r); !errors.Is(err, rqlock.ErrDeadlock) {
			t.Errorf("%s by the goroutine that holds the lock of a closed ring: %v", name, err)
		}
		want(t, rd, "c")
		want(t, rd, "d")
		if _, err := rd.TryNext(); err != ErrClosed {
			t.Errorf("in the end: %v", err)
		}
		rd.Close()
		r.lock.Unlock()
		if r.Used() != 0 {
			t.Errorf("in the end %d bytes are used", r.Used())
		}
	}
}

// TestMisuse checks that Commit and Discard of a record that is not reserved panic, and leave
// the ring as it is, even if another record has the same bytes now.
func TestMisuse(t *testing.T) {
	panics := func(text string, f func()) {
		t.Helper()
		defer func() {
			if r := fmt.Sprint(recover()); r != text {
				t.Errorf("panic %q, want %q", r, text)
			}
		}()
		f()
	}
	const twice = " of a record that was committed or discarded before"
	r := New(64)
	rd := newReader(t, r)
	a := reserve(t, r, "a")
	a.Commit()
	panics("ringbuf: Commit"+twice, a.Commit)
	panics("ringbuf: Discard"+twice, a.Discard)
	want(t, rd, "a")
	for range 3 { // once round the ring
		rec := reserve(t, r, "b")
		rec.Discard()
		panics("ringbuf: Commit"+twice, rec.Commit)
		rd.TryNext()
	}
	b := reserve(t, r, "b")
	if r.offset(b.pos) != r.offset(a.pos) {
		t.Fatalf("the records at %d and %d have different bytes", b.pos, a.pos)
	}
	panics("ringbuf: Commit"+twice, a.Commit)
	panics("ringbuf: Discard"+twice, a.Discard)
	if _, err := rd.TryNext(); err != ErrEmpty {
		t.Errorf("an old record has committed a new one: %v", err)
	}
	b.Commit()
	want(t, rd, "b")

	rec, err := r.Reserve(57)
	if err != ErrTooLarge || rec.Bytes() != nil {
		t.Errorf("Reserve of too many bytes: %v, %d bytes", err, len(rec.Bytes()))
	}
	panics("ringbuf: Commit of a record that was not reserved: look at the error of Reserve", rec.Commit)
	if _, err := r.Reserve(-1); err != ErrTooLarge || r.Dropped() != 0 {
		t.Errorf("Reserve(-1): %v, %d dropped", err, r.Dropped())
	}
	for _, size := range []int{-1, 0, 8, 15, MaxSize + 1, 2*(MaxSize-1) + 1} {
		panics(fmt.Sprintf("rqlock/ringbuf: capacity %d cannot be made: New wants 16 to %d bytes", size, MaxSize), func() { New(size) })
	}
	for _, size := range []int{24, 65, MaxSize - 1} {
		panics(fmt.Sprintf("rqlock/ringbuf: capacity %d cannot be made: New wants a power of two", size), func() { New(size) })
	}
	var none Ring
	for _, f := range []func(){
		func() { none.Reserve(1) }, func() { none.Reserve(-1) }, func() { none.ReserveContext(context.Background(), 1) }, func() { none.Write(nil) }, //rqvet:ignore record nothing is reserved: it panics
		func() { none.WriteBatch(nil) }, func() { none.Close() }, func() { none.Reader() }, func() { none.All(context.Background())(nil) },
		func() { none.Size() }, func() { none.MaxLen() }, func() { none.Used() }, func() { none.Available() }, func() { none.Dropped() },
	} {
		panics("rqlock/ringbuf: Ring was not made by New: call New", f)
	}
}

// TestOneReader checks that a ring has one reader at a time, and that each goes on where the
// one before it ended.
func TestOneReader(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	for _, s := range []string{"a", "b", "c"} {
		r.Write([]byte(s))
	}
	want(t, rd, "a")
	if _, err := r.Reader(); err != ErrHasReader {
		t.Errorf("a second reader: %v", err)
	}
	turns := 0
	for b, err := range r.All(patient(t)) {
		if turns++; b != nil || err != ErrHasReader {
			t.Errorf("All with a second reader: %q, %v", b, err)
		}
	}
	if turns != 1 {
		t.Errorf("All with a second reader yields %d times", turns)
	}
	rd.Close()
	for b, err := range r.All(patient(t)) {
		if string(b) != "b" || err != nil {
			t.Errorf("All: %q, %v", b, err)
		}
		break
	}
	third := newReader(t, r)
	rd.Close() // must not close the third one
	if _, err := r.Reader(); err != ErrHasReader {
		t.Errorf("a fourth reader: %v", err)
	}
	want(t, third, "c")
	if _, err := rd.TryNext(); err != ErrReaderClosed {
		t.Errorf("TryNext of a closed reader: %v", err)
	}
	if _, err := rd.Next(context.Background()); err != ErrReaderClosed {
		t.Errorf("Next of a closed reader: %v", err)
	}
}

// TestReaders has goroutines compete to be the consumer. Each record is read once.
func TestReaders(t *testing.T) {
	n := int64(shorter(3000))
	r := New(256)
	var read atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for done := false; !done; {
				for b, err := range r.All(patient(t)) {
					if err == ErrHasReader {
						time.Sleep(10 * time.Microsecond)
						break
					}
					if i := read.Add(1) - 1; err != nil || string(b) != fmt.Sprint(i) {
						t.Errorf("All: %q, %v, want %d", b, err, i)
						return
					}
					done = string(b) == fmt.Sprint(n-1)
					if read.Load()%7 == 0 {
						break
					}
				}
				done = done || read.Load() >= n
			}
		})
	}
	for i := range n {
		for {
			if _, err := r.Write(fmt.Append(nil, i)); err == nil {
				break
			} else if err != ErrFull {
				t.Error(err)
			}
			time.Sleep(10 * time.Microsecond)
		}
	}
	r.Close()
	wg.Wait()
	if read.Load() != n || r.Used() != 0 {
		t.Errorf("%d of %d records were read, %d bytes left", read.Load(), n, r.Used())
	}
}

// TestAllocs checks that nothing but New allocates, once the slice of NextBatch is there.
func TestAllocs(t *testing.T) {
	r := New(1 << 10)
	rd := newReader(t, r)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := make([]byte, 100)
	batch := [][]byte{p, p}
	if n := testing.AllocsPerRun(1000, func() {
		r.Write(p)
		rec, _ := r.Reserve(100)
		rec.Bytes()[0] = 1
		rec.Discard() //rqvet:ignore record the error was looked at in other tests
		rec, _ = r.Reserve(100)
		rec.Commit() //rqvet:ignore record the error was looked at in other tests
		rd.Next(ctx)
		rd.Next(ctx)
		rd.TryNext()
		rec, _ = r.ReserveContext(ctx, 100)
		rec.Commit()
		r.WriteBatch(batch)
		rd.NextBatch(ctx, 10)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var w io.Writer = r
	if n, err := w.Write(p); n != 100 || err != nil {
		t.Errorf("Write: %d, %v", n, err)
	}
}
