package report

import (
	"context"
	"runtime/pprof"
	"time"
	"unsafe"
)

// currentLabels returns what the calling goroutine's labels for package pprof are at, nil =
// none. The runtime promises to keep it for packages that link to it. They never change: to
// set labels means to point to others.
//
//go:linkname currentLabels runtime/pprof.runtime_getProfLabel
func currentLabels() unsafe.Pointer

// A labelled is a context that says it has the labels found at a goroutine. Only package pprof
// knows their type: labelType has it, from labels that were made there.
type labelled struct{ labels unsafe.Pointer }

func (labelled) Deadline() (time.Time, bool) { return time.Time{}, false }
func (labelled) Done() <-chan struct{}       { return nil }
func (labelled) Err() error                  { return nil }

func (l labelled) Value(key any) any {
	return *(*any)(unsafe.Pointer(&[2]unsafe.Pointer{labelType, l.labels}))
}

var labelType = typeOfLabels()

// typeOfLabels returns the type of what currentLabels points to, or nil if this version of Go
// keeps labels otherwise: then there are none.
func typeOfLabels() (of unsafe.Pointer) {
	probe := pprof.WithLabels(context.Background(), pprof.Labels("k", "v"))
	var key keyOf
	pprof.ForLabels(&key, func(_, _ string) bool { return true })
	if key.key == nil {
		return nil
	}
	value := probe.Value(key.key)
	type iface struct{ of, data unsafe.Pointer }
	i := (*iface)(unsafe.Pointer(&value))
	works := make(chan bool)
	go func() { // its labels are nobody else's
		pprof.SetGoroutineLabels(probe)
		works <- currentLabels() == i.data
	}()
	if !<-works {
		return nil
	}
	return i.of
}

// keyOf is a context that notes which key it is asked for.
type keyOf struct{ key any }

func (*keyOf) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*keyOf) Done() <-chan struct{}       { return nil }
func (*keyOf) Err() error                  { return nil }
func (k *keyOf) Value(key any) any         { k.key = key; return nil }

// labelsAt returns labels, or nil if there are none.
func labelsAt(at unsafe.Pointer) (labels map[string]string) {
	if at == nil || labelType == nil {
		return nil
	}
	pprof.ForLabels(labelled{at}, func(key, value string) bool {
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
		return true
	})
	return labels
}

// Labels returns the calling goroutine's labels for package pprof, or nil if it has none.
func Labels() map[string]string { return labelsAt(currentLabels()) }
