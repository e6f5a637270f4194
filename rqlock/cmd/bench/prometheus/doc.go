// Package prometheus shows how the metrics of package rqlock/metrics get into a registry of
// github.com/prometheus/client_golang. It has an example only.
package prometheus
