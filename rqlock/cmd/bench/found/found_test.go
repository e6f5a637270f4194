package main

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"
)

// want has what rqlock/sync says of each program. Of those that are not here it names a
// deadlock.
var want = map[string]string{
	"recursive": goesOn, "rlocker": goesOn, "behind": goesOn,
	"ended": isHeld, "recovered": isHeld, "goexit": isHeld,
	"send": isHeld, "receive": isHeld, "full": isHeld, "context": isHeld,
	"waitgroup": isHeld, "cond": isHeld, "once-both": isHeld,
}

// blocked has what the report of a lock that is held long says of its holder: in which state it
// is, and in which function.
var blocked = map[string][2]string{
	"ended": {"has ended", ""}, "recovered": {"has ended", ""}, "goexit": {"has ended", ""},
	"send": {"(chan send)", "main.init."}, "receive": {"(chan receive)", "main.init."}, "full": {"(chan send)", "main.init."},
	"context": {"(chan receive)", "main.init."}, "waitgroup": {"(sync.WaitGroup.Wait)", "sync.(*WaitGroup).Wait"},
	"cond": {"(sync.Cond.Wait)", "sync.(*Cond).Wait"}, "once-both": {"(sync.Mutex.Lock)", "sync.(*Once).doSlow"},
}

// recovered are those whose panic is recovered by what prints for them, so that they go on.
var recovered = []string{"stringer", "logged", "error"}

// few are what -short runs.
var few = []string{"evict", "close", "recursive", "send"}

// TestFound runs each program with Go's package sync, where it hangs, and with rqlock/sync, where
// it says what the table above has. Of a lock that is held long it shows where the holder is
// blocked.
func TestFound(t *testing.T) {
	limit := 4 * time.Second
	wanted := func(name string) bool { return !testing.Short() || slices.Contains(few, name) }
	rows, err := runAll(t.Context(), t.TempDir(), []variant{variants[withGo], variants[withRqlock]}, wanted, limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 30 && !testing.Short() {
		t.Errorf("there are %d programs", len(rows))
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			bare, own := &r.results[0], &r.results[1]
			if bare.verdict() != hangs {
				t.Errorf("with sync it %s:\n%s", bare.verdict(), bare.out)
			}
			says := cmp.Or(want[r.name], deadlocks)
			if own.verdict() != says {
				t.Fatalf("with rqlock/sync: %s, want %s:\n%s", own.verdict(), says, own.out)
			}
			switch says {
			case deadlocks:
				goes := slices.Contains(recovered, r.name)
				if goes != (own.code == 0) || goes == strings.Contains(own.out, "panic: ") || !strings.Contains(own.out, "/programs/") {
					t.Errorf("it does not end as it should, or not say where:\n%s", own.out)
				}
			case isHeld:
				for _, text := range blocked[r.name] {
					if !strings.Contains(own.out, text) {
						t.Errorf("it does not say %q of the holder:\n%s", text, own.out)
					}
				}
				if own.code != -1 {
					t.Errorf("it ends with %d, and should wait on", own.code)
				}
			}
		})
	}
}
