package words_test

import (
	"fmt"
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// A writer makes a version odd while it changes a value. A reader that finds the same even
// version before and after has copied one value.
func Example() {
	layout := words.LayoutOf[string]()
	var cell words.Cell[string]
	var version atomic.Uint64

	store := func(v string) {
		version.Add(1)
		cell.Store(&layout, v)
		version.Add(1)
	}
	load := func() string {
		for {
			before := version.Load()
			v := cell.Load(&layout)
			if before%2 == 0 && version.Load() == before {
				return v
			}
		}
	}

	store("one value")
	fmt.Println(load(), version.Load(), layout.Atomic())
	// Output: one value 2 false
}
