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
