package model

import (
	"fmt"
	"os"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// progress returns a World.Progress that shows on a terminal how far an exploration has
// come. It is nil if standard error is none.
func progress() func(mc.Result) {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	var last time.Time
	return func(r mc.Result) {
		if time.Since(last) > time.Second/4 {
			last = time.Now()
			fmt.Fprintf(os.Stderr, "\r\033[K%v", r)
		}
	}
}
