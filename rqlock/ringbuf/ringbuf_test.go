package ringbuf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// patience bounds waits that end at once if all is well.
const patience = time.Minute

// patient returns a context for them.
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

// want reads on and compares.
func want(t *testing.T, rd *Reader, text string) {
	t.Helper()
	if b, err := rd.TryNext(); string(b) != text || err != nil {
		t.Errorf("the next record is %q, %v, want %q", b, err, text)
	}
}

// untilAsleep waits until the consumer sleeps.
func untilAsleep(t *testing.T, r *Ring) {
	t.Helper()
	for end := time.Now().Add(patience); r.asleep.Load() == 0; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("the consumer does not sleep")
		}
	}
}

// A model is what a ring with a reader must be like: a list of records, the first of
// which the reader may have.
type model struct {
	size    int
	records []*entry
	had     bool // the reader has the first one
	closed  bool
	dropped uint64
}

type entry struct {
	rec   Record
	bytes []byte
	state byte // of reserved, committed, dropped
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
	m.giveBack()
	for len(m.records) > 0 {
		switch e := m.records[0]; e.state {
		case isCommitted:
			m.had = true
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

func (m *model) giveBack() {
	if m.had {
		m.records, m.had = m.records[1:], false
	}
}

// step does one operation on both, and compares.
func (m *model) step(t *testing.T, r *Ring, rd **Reader, op, arg byte) {
	t.Helper()
	fill := func(b []byte) {
		for i := range b {
			b[i] = arg + byte(i)
		}
	}
	var err, wantErr error
	switch op % 8 {
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
				t.Fatalf("Write returns %d for %d bytes", n, len(p))
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
		m.giveBack()
		*rd, err = r.Reader()
	}
	if err != wantErr {
		t.Fatalf("operation %d, %d: %v, want %v", op%8, arg, err, wantErr)
	}
	if r.Used() != m.used() || r.Free() != m.size-m.used() || r.Dropped() != m.dropped {
		t.Fatalf("operation %d: %d bytes used, %d free, %d dropped, want %d, %d, %d", op%8, r.Used(), r.Free(), r.Dropped(), m.used(), m.size-m.used(), m.dropped)
	}
}

// FuzzRing compares a ring with a model: each two bytes are an operation and its
// argument.
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

// TestRandom is a long FuzzRing with a seed.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for size := MinSize; size <= 1<<7; size *= 2 {
		for range 20 {
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

// TestWrap: from every position the longest record fits into an empty ring, and is
// whole.
func TestWrap(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	long := strings.Repeat("0123456", 8)
	for range 3 * 64 / 8 {
		reserve(t, r, long).Commit()
		if _, err := r.Reserve(0); err != ErrFull {
			t.Errorf("a full ring: %v", err)
		}
		want(t, rd, long)
		rd.TryNext()
		r.Write(nil) // moves on by a header
		want(t, rd, "")
		rd.TryNext()
	}
}

// TestOrder: records come in the order of reservation, in whichever they are committed,
// and one that is not holds the others back.
func TestOrder(t *testing.T) {
	r := New(256)
	rd := newReader(t, r)
	a, b, c, d := reserve(t, r, "a"), reserve(t, r, "bb"), reserve(t, r, "ccc"), reserve(t, r, "dddd")
	empty := func() {
		t.Helper()
		if b, err := rd.TryNext(); err != ErrEmpty {
			t.Errorf("%q, %v", b, err)
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
		t.Errorf("%d bytes are used in the end", r.Used())
	}
}

// TestClose: what has been reserved before is still read, and waited for.
func TestClose(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	r.Write([]byte("a"))
	b := reserve(t, r, "b")
	r.Close()
	r.Close()
	if _, err := r.Reserve(1); err != ErrClosed {
		t.Errorf("Reserve: %v", err)
	}
	if n, err := r.Write(nil); n != 0 || err != ErrClosed || r.Dropped() != 0 {
		t.Errorf("Write: %d, %v; %d dropped", n, err, r.Dropped())
	}
	want(t, rd, "a")
	if _, err := rd.TryNext(); err != ErrEmpty {
		t.Errorf("a record is not committed: %v", err)
	}
	b.Commit()
	want(t, rd, "b")
	for range 2 {
		if _, err := rd.Next(context.Background()); err != ErrClosed {
			t.Errorf("in the end: %v", err)
		}
	}
}

// TestCloseRace: with producers at work, what was written without an error is read
// before the end, and nothing else.
func TestCloseRace(t *testing.T) {
	ctx := patient(t)
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
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
			t.Fatalf("%d written, %d read, %d bytes left", written.Load(), read, r.Used())
		}
	}
}

// TestConcurrent: many producers, several records of each reserved at once, some
// discarded; all committed ones arrive once, whole, in each producer's order.
func TestConcurrent(t *testing.T) {
	t.Run("waits", func(t *testing.T) {
		testConcurrent(t, func(r *Ring) iter.Seq2[[]byte, error] { return r.All(patient(t)) })
	})
	t.Run("polls", func(t *testing.T) {
		testConcurrent(t, func(r *Ring) iter.Seq2[[]byte, error] { return poll(patient(t), newReader(t, r)) })
	})
}

// poll is All by TryNext.
func poll(ctx context.Context, rd *Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			b, err := rd.TryNext()
			if err == ErrEmpty && ctx.Err() == nil {
				if rand.IntN(10) == 0 {
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

func testConcurrent(t *testing.T, all func(*Ring) iter.Seq2[[]byte, error]) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const producers, each = 4, 15_000
	r := New(512)
	var wg sync.WaitGroup
	var committed atomic.Int64
	for id := range producers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(id)))
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
			for seq := 0; seq < each; {
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
	for b, err := range all(r) {
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
		t.Errorf("%d records committed, %d read, %d bytes used", committed.Load(), read, r.Used())
	}
}

// TestPingPong: whoever waits for the other's record gets it. A wake-up that is lost
// ends this test by its context.
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
	for i := range 20_000 {
		text := fmt.Sprint(i)
		there.Write([]byte(text))
		if b, err := rd.Next(ctx); err != nil || string(b) != text {
			t.Fatalf("%q, %v, want %s", b, err, text)
		}
	}
	there.Close()
	if _, err := rd.Next(ctx); err != ErrClosed {
		t.Errorf("in the end: %v", err)
	}
}

// TestFallingAsleep: records are committed at any time while the consumer wakes up, reads
// and falls asleep again. One that does not wake it stays unread: later ones must wait
// for it.
func TestFallingAsleep(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const n = 30_000
	r := New(1 << 10)
	ctx := patient(t)
	go func() {
		defer r.Close()
		rnd := rand.New(rand.NewPCG(seed, 0))
		until := func(is func() bool) {
			for !is() && ctx.Err() == nil {
				runtime.Gosched()
			}
		}
		for range n {
			for range rnd.IntN(500) {
				r.Free() // takes some time
			}
			until(func() bool { _, err := r.Write(nil); return err == nil })
		}
		until(func() bool { return r.Used() == 0 })
	}()
	read := 0
	for _, err := range r.All(ctx) {
		if err != nil {
			t.Fatalf("after %d records, %d bytes are unread: %v", read, r.Used(), err)
		}
		read++
	}
	if read != n {
		t.Errorf("%d records of %d", read, n)
	}
}

// A hookContext runs functions when the consumer asks it something. Before it looks at
// the ring it asks for an error. If it has found nothing, it asks what else could end
// its sleep, and says that it sleeps, and asks for an error again.
type hookContext struct {
	context.Context
	done, err func()
}

func (c hookContext) Done() <-chan struct{} { c.done(); return c.Context.Done() }
func (c hookContext) Err() error            { c.err(); return c.Context.Err() }

// TestBeforeSleep: what happens after the consumer has found nothing, before and after it
// says that it sleeps, is seen.
func TestBeforeSleep(t *testing.T) {
	for name, f := range map[string]func(*Ring){
		"Write": func(r *Ring) { r.Write([]byte("late")) },
		"Close": (*Ring).Close,
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

// TestWake: each way to end a sleep, while the consumer sleeps.
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
			untilAsleep(t, r)
			c.f(r, a, b, func() { cancel(cause) })
		}()
		if got, err := rd.Next(ctx); string(got) != c.want || !errors.Is(err, c.wantErr) {
			t.Errorf("%s: %q, %v, want %q, %v", name, got, err, c.want, c.wantErr)
		}
		if r.asleep.Load() != 0 {
			t.Errorf("%s: the consumer still sleeps", name)
		}
		cancel(nil)
	}
}

// TestSleepsOn: only what the consumer waits for wakes it.
func TestSleepsOn(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	first := reserve(t, r, "first")
	var sleeps atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		if b, err := rd.Next(hookContext{patient(t), func() { sleeps.Add(1) }, func() {}}); string(b) != "first" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
	untilAsleep(t, r)
	r.Write([]byte("second"))
	time.Sleep(10 * time.Millisecond)
	if sleeps.Load() != 1 {
		t.Error("a record that must wait has woken the consumer")
	}
	first.Commit()
	wg.Wait()
}

// TestStaleBell: a ring of the bell that comes when the consumer sleeps no more wakes it
// in vain the next time, and does no harm.
func TestStaleBell(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	r.bell <- struct{}{}
	go func() {
		for end := time.Now().Add(patience); len(r.bell) != 0 && time.Now().Before(end); {
			time.Sleep(100 * time.Microsecond)
		}
		r.Write([]byte("a"))
	}()
	if b, err := rd.Next(patient(t)); string(b) != "a" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// TestCancelled: a context that is done comes first, so that a consumer ends even if
// producers never pause; what is there is left to TryNext.
func TestCancelled(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	r.Write([]byte("a"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if b, err := rd.Next(ctx); b != nil || !errors.Is(err, context.Canceled) || fmt.Sprint(err) != "ringbuf: context canceled" {
		t.Errorf("%q, %v", b, err)
	}
	want(t, rd, "a")
}

// TestLockFails has the lock fail, for this goroutine and for another. The error says
// why, nothing is reserved, and all that takes no lock works.
func TestLockFails(t *testing.T) {
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	rqlock.SetStallTimeout(time.Millisecond)
	for name, op := range map[string]func(*Ring) error{
		"Reserve": func(r *Ring) error { _, err := r.Reserve(1); return err },
		"Write":   func(r *Ring) error { _, err := r.Write([]byte("lost")); return err },
	} {
		r := New(128)
		rd := newReader(t, r)
		a, b, c := reserve(t, r, "a"), reserve(t, r, "b"), reserve(t, r, "c")
		if err := r.lock.Lock(); err != nil {
			t.Fatal(err)
		}
		used := r.Used()
		if err := op(r); !errors.Is(err, rqlock.ErrDeadlock) {
			t.Errorf("%s by who holds the lock: %v", name, err)
		}
		other := make(chan error)
		go func() { other <- op(r) }()
		if err := <-other; !errors.Is(err, rqlock.ErrTimeout) {
			t.Errorf("%s while another holds the lock: %v", name, err)
		}
		if r.Used() != used || r.Dropped() != 2 {
			t.Errorf("%s has failed, but %d bytes are used, %d before; %d dropped", name, r.Used(), used, r.Dropped())
		}
		a.Commit()
		b.Discard()
		c.Commit()
		if got, err := rd.Next(patient(t)); string(got) != "a" || err != nil {
			t.Errorf("with the lock held: %q, %v", got, err)
		}
		r.lock.Unlock()
		reserve(t, r, "d").Commit()
		if err := r.lock.Lock(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if err := op(r); !errors.Is(err, rqlock.ErrDeadlock) {
			t.Errorf("%s by who holds the lock of a closed ring: %v", name, err)
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

// TestMisuse: a record that is not reserved cannot be finished, and the ring is
// unharmed, also where there is another one in its place.
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
	for range 3 { // round to the same place
		rec := reserve(t, r, "b")
		rec.Discard()
		panics("ringbuf: Commit"+twice, rec.Commit)
		rd.TryNext()
	}
	b := reserve(t, r, "b")
	if r.offset(b.pos) != r.offset(a.pos) {
		t.Fatalf("another place: %d, %d", b.pos, a.pos)
	}
	panics("ringbuf: Commit"+twice, a.Commit)
	panics("ringbuf: Discard"+twice, a.Discard)
	if _, err := rd.TryNext(); err != ErrEmpty {
		t.Errorf("a stale record has committed another: %v", err)
	}
	b.Commit()
	want(t, rd, "b")

	rec, err := r.Reserve(57)
	if err != ErrTooLarge || rec.Bytes() != nil {
		t.Errorf("%v, %d bytes", err, len(rec.Bytes()))
	}
	panics("ringbuf: Commit of a record that was not reserved: look at the error of Reserve", rec.Commit)
	if _, err := r.Reserve(-1); err != ErrTooLarge || r.Dropped() != 0 {
		t.Errorf("%v, %d dropped", err, r.Dropped())
	}
	tooLarge := MaxSize
	tooLarge *= 2 // negative where an int has 32 bits
	for _, size := range []int{-1, 0, 8, 24, 65, tooLarge} {
		panics(fmt.Sprintf("ringbuf: size of %d bytes: must be a power of two from 16 to 1073741824", size), func() { New(size) })
	}
}

// TestOneReader: there is one at a time, and each goes on where the last one ended.
func TestOneReader(t *testing.T) {
	r := New(64)
	rd := newReader(t, r)
	for _, s := range []string{"a", "b", "c"} {
		r.Write([]byte(s))
	}
	want(t, rd, "a")
	if _, err := r.Reader(); err != ErrBusy {
		t.Errorf("a second reader: %v", err)
	}
	turns := 0
	for b, err := range r.All(patient(t)) {
		if turns++; b != nil || err != ErrBusy {
			t.Errorf("a second reader: %q, %v", b, err)
		}
	}
	if turns != 1 {
		t.Errorf("%d turns", turns)
	}
	rd.Close()
	for b, err := range r.All(patient(t)) {
		if string(b) != "b" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		break
	}
	third := newReader(t, r)
	rd.Close() // again, and not the third one
	if _, err := r.Reader(); err != ErrBusy {
		t.Errorf("a fourth reader: %v", err)
	}
	want(t, third, "c")
	if _, err := rd.TryNext(); err != ErrReaderClosed {
		t.Errorf("a reader that is closed: %v", err)
	}
	if _, err := rd.Next(context.Background()); err != ErrReaderClosed {
		t.Errorf("a reader that is closed: %v", err)
	}
}

// TestReaders: while many would be the consumer, each record has one.
func TestReaders(t *testing.T) {
	const n = 3000
	r := New(256)
	var read, busy atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for done := false; !done; {
				for b, err := range r.All(patient(t)) {
					if err == ErrBusy {
						busy.Add(1)
						time.Sleep(10 * time.Microsecond)
						break
					}
					if i := read.Add(1) - 1; err != nil || string(b) != fmt.Sprint(i) {
						t.Errorf("%q, %v, want %d", b, err, i)
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
		t.Errorf("%d records of %d are read, %d bytes left", read.Load(), n, r.Used())
	}
}

// TestAllocs: nothing is allocated.
func TestAllocs(t *testing.T) {
	r := New(1 << 10)
	rd := newReader(t, r)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := make([]byte, 100)
	if n := testing.AllocsPerRun(1000, func() {
		r.Write(p)
		rec, _ := r.Reserve(100)
		rec.Bytes()[0] = 1
		rec.Discard()
		rec, _ = r.Reserve(100)
		rec.Commit()
		rd.Next(ctx)
		rd.Next(ctx)
		rd.TryNext()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var w io.Writer = r
	if n, err := w.Write(p); n != 100 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
