package metrics_test

import (
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	vm "github.com/VictoriaMetrics/metrics"
	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/metrics"
)

// value returns what the text says of a metric.
func value(t *testing.T, text, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no %s in\n%s", name, text)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func write(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := metrics.WritePrometheus(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWrite: what happens is in the metrics, each line once, in the format, whatever the library
// is told of heads.
func TestWrite(t *testing.T) {
	var l rqlock.Mutex
	if err := l.Lock(); err != nil {
		t.Fatal(err)
	}
	before := write(t)
	if err := l.Lock(); !errors.Is(err, rqlock.ErrDeadlock) {
		t.Fatal(err)
	}
	const limit = time.Second // it is looked at before, also on a busy machine
	ended := make(chan error)
	go func() { ended <- l.LockTimeout(limit) }()
	for value(t, write(t), "rqlock_waiters") == 0 {
		time.Sleep(time.Millisecond)
	}
	if during := write(t); value(t, during, `rqlock_records{state="waiting"}`) != 1 || value(t, during, `rqlock_records{state="free"}`) < 1 {
		t.Errorf("while one waits:\n%s", during)
	}
	if err := <-ended; !errors.Is(err, rqlock.ErrTimeout) {
		t.Fatal(err)
	}
	l.Unlock()
	vm.ExposeMetadata(true)
	defer vm.ExposeMetadata(false)
	after := write(t)
	for name, want := range map[string]float64{
		`rqlock_outcomes_total{outcome="self_deadlock"}`: 1,
		`rqlock_outcomes_total{outcome="deadline"}`:      1,
		`rqlock_outcomes_total{outcome="stall"}`:         0,
		`rqlock_wait_seconds_bucket{le="60"}`:            1,
		`rqlock_wait_seconds_bucket{le="0.01"}`:          0,
		`rqlock_wait_seconds_bucket{le="+Inf"}`:          1,
		`rqlock_wait_seconds_count`:                      1,
		`rqlock_waiters`:                                 0,
	} {
		got := value(t, after, name)
		if strings.Contains(before, name) {
			got -= value(t, before, name)
		}
		if got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
	}
	if sum := value(t, after, "rqlock_wait_seconds_sum"); sum < limit.Seconds()*2/3 || sum > 30 { // a wait begins a little after the call
		t.Errorf("the waits took %v s, want some %v", sum, limit)
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"\\]+"\})? \S+)$`)
	said := map[string]bool{}
	for _, l := range strings.Split(strings.TrimSuffix(after, "\n"), "\n") {
		name, _, _ := strings.Cut(l, " ")
		if name == "#" {
			name = l
		}
		if !line.MatchString(l) || said[name] {
			t.Errorf("the line %q is wrong, or there twice", l)
		}
		said[name] = true
	}
}

// TestPublish: expvar has one map, also if it is published twice.
func TestPublish(t *testing.T) {
	metrics.Publish()
	metrics.Publish()
	var got struct {
		Outcomes map[string]uint64 `json:"rqlock_outcomes_total"`
		Waiters  *int              `json:"rqlock_waiters"`
		Records  map[string]int    `json:"rqlock_records"`
	}
	if err := json.Unmarshal([]byte(expvar.Get("rqlock").String()), &got); err != nil {
		t.Fatal(err)
	}
	if _, ok := got.Outcomes["cycle_deadlock"]; !ok || got.Waiters == nil || len(got.Records) != 2 {
		t.Errorf("published %v", expvar.Get("rqlock"))
	}
}

// TestWriteFails: the writer's error is returned.
func TestWriteFails(t *testing.T) {
	closed, err := os.Create(t.TempDir() + "/closed")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if err := metrics.WritePrometheus(closed); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Publish serves the numbers at /debug/vars, as soon as the program serves http.DefaultServeMux.
func ExamplePublish() {
	metrics.Publish()
	fmt.Println(expvar.Get("rqlock") != nil)
	// Output: true
}
