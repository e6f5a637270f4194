package seed

import (
	"fmt"
	"strings"
	"testing"
)

// log is a test whose log can be read.
type log struct {
	testing.TB
	text strings.Builder
}

func (l *log) Logf(format string, args ...any) { fmt.Fprintf(&l.text, format, args...) }

// TestOf: a test has one seed, which is new unless the flag gives it, and the log
// says how to repeat it.
func TestOf(t *testing.T) {
	defer func(old uint64) { *fixed = old }(*fixed)
	*fixed = 0
	l := &log{TB: t}
	first := Of(l)
	if first == 0 || first != Of(l) || first == Of(t) {
		t.Errorf("the seed %d is 0, not the same when asked again, or another test's, too", first)
	}
	if want := fmt.Sprintf("to repeat: -seed %d", first); l.text.String() != want {
		t.Errorf("the log is %q, want %q", l.text.String(), want)
	}
	if Rand(t).Uint64() != Rand(t).Uint64() {
		t.Error("two generators of one test differ")
	}
	if New(7, 1).Uint64() == New(7, 2).Uint64() {
		t.Error("the generators of two goroutines are one")
	}
	*fixed = 7
	t.Run("flag", func(t *testing.T) {
		if got := Of(t); got != 7 {
			t.Errorf("the flag says 7, the seed is %d", got)
		}
	})
}

// TestFromEnv: the environment sets the flag's default, and a wrong value is told.
func TestFromEnv(t *testing.T) {
	t.Setenv(Env, "42")
	if got := fromEnv(); got != 42 {
		t.Errorf("%s=42 gives %d", Env, got)
	}
	t.Setenv(Env, "many")
	defer func() {
		if msg := fmt.Sprint(recover()); !strings.Contains(msg, `RQLOCK_SEED is "many"`) {
			t.Errorf("a wrong value says %q", msg)
		}
	}()
	fromEnv()
}
