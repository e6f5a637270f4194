package ringbuf_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

// Producers fill records in place, and discard those that they do not want after all.
func Example() {
	r := ringbuf.New(1 << 12)
	for i := range 4 {
		rec, err := r.Reserve(8)
		if err != nil {
			fmt.Println(err)
			return
		}
		binary.LittleEndian.PutUint64(rec.Bytes(), uint64(i*i))
		if i == 2 {
			rec.Discard()
		} else {
			rec.Commit()
		}
	}
	r.Close()

	for b, err := range r.All(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(binary.LittleEndian.Uint64(b))
	}
	// Output:
	// 0
	// 1
	// 9
}

// A logger must not delay the program, whoever reads the log. A line that finds no room is
// dropped.
func ExampleRing_Write() {
	r := ringbuf.New(1 << 7)
	log := slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	for i := range 4 {
		log.Info("packet", "number", i)
	}
	r.Close()

	for line := range r.All(context.Background()) {
		fmt.Print(string(line))
	}
	fmt.Println(r.Dropped(), "dropped")
	// Output:
	// level=INFO msg=packet number=0
	// level=INFO msg=packet number=1
	// level=INFO msg=packet number=2
	// 1 dropped
}

// The consumer waits for a record as long as its context allows.
func ExampleReader_Next() {
	r := ringbuf.New(1 << 12)
	reader, err := r.Reader()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reader.Close()
	go r.Write([]byte("hello"))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := reader.Next(ctx)
	fmt.Printf("%s %v\n", b, err)

	ctx, cancel = context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = reader.Next(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded), err)
	// Output:
	// hello <nil>
	// true ringbuf: context deadline exceeded
}

// A producer that must not lose a record waits for room, as long as its context allows. The
// consumer takes all records that are there at once.
func ExampleRing_ReserveContext() {
	r := ringbuf.New(1 << 6) // room for 4 of these records
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() {
		defer r.Close()
		for i := range uint64(100) {
			rec, err := r.ReserveContext(ctx, 8)
			if err != nil {
				fmt.Println(err)
				return
			}
			binary.LittleEndian.PutUint64(rec.Bytes(), i)
			rec.Commit()
		}
	}()

	reader, err := r.Reader()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reader.Close()
	n, sum := 0, uint64(0)
	for {
		records, err := reader.NextBatch(ctx, 10)
		if err != nil {
			fmt.Println(n, sum, err)
			return
		}
		for _, b := range records {
			n++
			sum += binary.LittleEndian.Uint64(b)
		}
	}
	// Output: 100 4950 ringbuf: closed
}

// Records that belong together are written together.
func ExampleRing_WriteBatch() {
	r := ringbuf.New(1 << 12)
	n, err := r.WriteBatch([][]byte{[]byte("begin"), []byte("work"), []byte("end")})
	fmt.Println(n, err)
	r.Close()
	for b := range r.All(context.Background()) {
		fmt.Println(string(b))
	}
	// Output:
	// 3 <nil>
	// begin
	// work
	// end
}
