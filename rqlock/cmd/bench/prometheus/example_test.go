package prometheus_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rqlock/rqlock/rqlock/metrics"
)

// gather returns rqlock's metrics as client_golang has them.
func gather() ([]*dto.MetricFamily, error) {
	var text bytes.Buffer
	if err := metrics.WritePrometheus(&text); err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		return nil, err
	}
	var sorted []*dto.MetricFamily
	for _, name := range slices.Sorted(maps.Keys(families)) {
		sorted = append(sorted, families[name])
	}
	return sorted, nil
}

// A program that has a registry of client_golang serves rqlock's metrics along with its own.
func Example() {
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounter(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."})
	registry.MustRegister(requests)
	all := prometheus.Gatherers{registry, prometheus.GathererFunc(gather)}
	server := httptest.NewServer(promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	defer server.Close()

	page, err := http.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "# TYPE") {
			fmt.Print(line)
		}
	}
	// Output:
	// # TYPE requests_total counter
	// # TYPE rqlock_outcomes_total counter
	// # TYPE rqlock_records gauge
	// # TYPE rqlock_wait_seconds histogram
	// # TYPE rqlock_waiters gauge
}
