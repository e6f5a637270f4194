package rqhttp

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// A sample has the counters of [rqlock.Events], and how many wait, at one time.
type sample struct {
	at      time.Time
	events  rqlock.Events
	waiting int
}

const (
	sampleEvery = time.Second
	plotted     = 5 * time.Minute  // how far back plots go
	gap         = 15 * time.Second // nobody has looked for so long: the plot has a gap
	plotWidth   = 150
	plotHeight  = 30
)

// withSample returns the samples and a new one, if it is time, without those that are too old. The
// samples given stay as they are.
func withSample(samples []sample, now sample) []sample {
	if n := len(samples); n > 0 && now.at.Sub(samples[n-1].at) < sampleEvery {
		return samples
	}
	old := 0
	for old < len(samples) && now.at.Sub(samples[old].at) > plotted {
		old++
	}
	return append(append(make([]sample, 0, len(samples)-old+1), samples[old:]...), now)
}

// outcomes says of each counter of [rqlock.Events] what it counts.
var outcomes = map[string]string{
	"Spun":          "acquired by spinning",
	"Queued":        "entered a queue",
	"Parked":        "slept in a queue",
	"Closed":        "closed a lock to newcomers",
	"Unqueued":      "waited beside a queue",
	"SelfDeadlock":  "failed: held it already",
	"CycleDeadlock": "failed: victim of a cycle",
	"Stall":         "failed: stall",
	"Deadline":      "failed: time limit",
	"Cancelled":     "failed: context",
	"Rescued":       "rescued by the watchdog",
	"Unreported":    "violations not reported",
	"Admitted":      "readers let in past a writer",
	"Confirmed":     "package sync: deadlocks confirmed",
	"Withdrawn":     "package sync: deadlocks withdrawn",
}

// A series is a number over time.
type series struct {
	name, value string
	points      []point
	unit        string
}

// A point is a number at a time. Points before and after a gap are not connected.
type point struct {
	at    time.Time
	value float64
	gap   bool // before it
}

// seriesOf returns how many wait, and the rate of each counter.
func seriesOf(samples []sample) []series {
	if len(samples) == 0 {
		return nil
	}
	last := samples[len(samples)-1]
	waiting := series{name: "goroutines that wait", value: number(last.waiting)}
	for i, s := range samples {
		waiting.points = append(waiting.points, point{s.at, float64(s.waiting), i > 0 && s.at.Sub(samples[i-1].at) > gap})
	}
	all := []series{waiting}
	fields := reflect.TypeFor[rqlock.Events]()
	counter := func(s sample, field int) uint64 { return reflect.ValueOf(s.events).Field(field).Uint() }
	for f := range fields.NumField() {
		one := series{name: outcomes[fields.Field(f).Name], value: number(counter(last, f)), unit: " a second"}
		for i := 1; i < len(samples); i++ {
			passed := samples[i].at.Sub(samples[i-1].at)
			if passed > gap {
				continue
			}
			rate := float64(counter(samples[i], f)-counter(samples[i-1], f)) / passed.Seconds()
			one.points = append(one.points, point{samples[i].at, rate, i > 1 && samples[i-1].at.Sub(samples[i-2].at) > gap})
		}
		all = append(all, one)
	}
	return all
}

// shortNumber is a number with two digits at least that count.
func shortNumber(v float64) string {
	if v >= 10 {
		return number(int(v + .5))
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

// plot draws a series up to now, in words for those who do not see it.
func (s *series) plot(now time.Time) raw {
	most, recent := 0., 0.
	for _, p := range s.points {
		most, recent = max(most, p.value), p.value
	}
	var m, d markup
	drawn := -1
	for i, p := range s.points {
		x := plotWidth - int(now.Sub(p.at)*plotWidth/plotted)
		if x < 0 || x == drawn && i < len(s.points)-1 {
			continue // two points in one column
		}
		op := "L"
		if drawn < 0 || p.gap {
			op = "M"
		}
		y := plotHeight - 2
		if most > 0 {
			y -= int(p.value / most * (plotHeight - 4))
		}
		d.add("%s%d %d", op, x, y)
		drawn = x
	}
	m.add(`<svg class="plot" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s: now %s%s, at most %s%s"><path d="%s"/></svg>`,
		plotWidth, plotHeight, plotWidth, plotHeight, s.name, shortNumber(recent), s.unit, shortNumber(most), s.unit, d.String())
	return raw(m.String())
}

func (p *painter) counters() string {
	var m markup
	m.add(`<div class="scroll" role="group" aria-labelledby="counters" tabindex="0" id="counters-scroll"><table><thead><tr><th scope="col">What</th><th scope="col" class="n">Since the start</th><th scope="col">Over the last %s</th><th scope="col" class="n">At most</th></tr></thead><tbody>`,
		words(plotted))
	for _, s := range seriesOf(p.samples) {
		most := 0.
		for _, point := range s.points {
			most = max(most, point.value)
		}
		m.add(`<tr><th scope="row">%s</th><td class="n">%s</td><td>%s</td><td class="n">%s%s</td></tr>`, s.name, s.value, s.plot(p.at), shortNumber(most), s.unit)
	}
	m.add("</tbody></table></div>")
	return m.String()
}
