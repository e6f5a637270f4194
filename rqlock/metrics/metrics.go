// Package metrics says in numbers what the locks of the program do. [Publish] gives them to
// package expvar, and [WritePrometheus] writes them for Prometheus and all that read its format.
//
//	rqlock_outcomes_total{outcome}    counter: how acquisitions ended
//	rqlock_waiters                    gauge: goroutines that wait for a lock
//	rqlock_records{state}             gauge: records of waiters; state is "waiting" or "free"
//	rqlock_wait_seconds               histogram: waits of more than 1 ms, since the program started
//
// An outcome has the name of its field in [rqlock.Events]: "self_deadlock" is SelfDeadlock. Of
// package rqlock/sync, "confirmed" are deadlocks, and "withdrawn" those that turned out to be
// none. An acquisition that does not have to wait is not counted. Each waiter has a record. The
// number of records grows by 256 at a time, and never shrinks.
package metrics

import (
	"bytes"
	"expvar"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/delays"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

const (
	outcomes = "rqlock_outcomes_total"
	waiters  = "rqlock_waiters"
	records  = "rqlock_records"
	waits    = "rqlock_wait_seconds"
)

// bounds are the upper bounds of the histogram's buckets, in seconds.
var bounds = []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 60}

var (
	histogram = metrics.NewSet()
	seconds   = histogram.NewPrometheusHistogramExt(waits, bounds)
)

func init() {
	update := func(d time.Duration) { seconds.Update(d.Seconds()) }
	delays.Watched.Store(&update)
}

var publish = sync.OnceFunc(func() { expvar.Publish("rqlock", expvar.Func(values)) })

// Publish makes the counters and gauges a map "rqlock" of package expvar, with the names of
// this package: {"rqlock_outcomes_total": {"spun": 12, ...}, "rqlock_waiters": 0,
// "rqlock_records": {"free": 256, "waiting": 0}}. It may be called again.
func Publish() { publish() }

func values() any {
	of := map[string]uint64{}
	eachOutcome(func(name string, n uint64) { of[name] = n })
	waiting, made := waiter.Numbers()
	return map[string]any{
		outcomes: of,
		waiters:  waiting,
		records:  map[string]int{"waiting": waiting, "free": made - waiting},
	}
}

// WritePrometheus writes all metrics in Prometheus's text format. It returns w's error.
func WritePrometheus(w io.Writer) error {
	var b bytes.Buffer
	head := func(name, kind, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	head(outcomes, "counter", "How acquisitions ended, see rqlock.Events.")
	eachOutcome(func(name string, n uint64) { fmt.Fprintf(&b, "%s{outcome=%q} %d\n", outcomes, name, n) })
	waiting, made := waiter.Numbers()
	head(waiters, "gauge", "Goroutines that wait for a lock.")
	fmt.Fprintf(&b, "%s %d\n", waiters, waiting)
	head(records, "gauge", "Records of waiters.")
	fmt.Fprintf(&b, "%s{state=\"waiting\"} %d\n%s{state=\"free\"} %d\n", records, waiting, records, made-waiting)
	head(waits, "histogram", "Waits of more than 1 ms.")
	writeHistogram(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// writeHistogram writes the histogram without a head, which the library writes if the program
// has told it to.
func writeHistogram(to *bytes.Buffer) {
	var b bytes.Buffer
	histogram.WritePrometheus(&b)
	for line := range bytes.Lines(b.Bytes()) {
		if !bytes.HasPrefix(line, []byte("#")) {
			to.Write(line)
		}
	}
}

// eachOutcome calls f for each counter of [rqlock.Events], with its name as metrics have it.
func eachOutcome(f func(name string, n uint64)) {
	events := reflect.ValueOf(rqlock.ReadEvents())
	for i := range events.NumField() {
		f(underscored(events.Type().Field(i).Name), events.Field(i).Uint())
	}
}

// underscored is the name of a field as metrics spell it.
func underscored(field string) string {
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
