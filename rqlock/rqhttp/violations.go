package rqhttp

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/events"
)

// A violation is one of those that are kept: the last one of its kind with its lock at its call.
type violation struct {
	where violationPlace
	id    int
	count int
	at    time.Time
	err   error
}

type violationPlace struct {
	kind reflect.Type // of the error
	lock uintptr
	file string
	line int
}

// mostViolations is how many violations are kept.
const mostViolations = 50

// A violationList has the violations at different places, the last one first.
type violationList struct {
	mu   sync.Mutex
	list []violation
	made int
}

var violations violationList

func init() {
	f := violations.add
	events.Violated.Store(&f)
}

// add keeps a copy, since whoever gets the error may change it.
func (l *violationList) add(err error) {
	v := violation{at: time.Now(), count: 1}
	v.where.kind = reflect.TypeOf(err)
	var stack []runtime.Frame
	switch e := err.(type) {
	case *rqlock.DeadlockError:
		c := *e
		v.err, v.where.lock, stack = &c, e.Cycle[0].Lock.Addr, e.Cycle[0].Stack
	case *rqlock.TimeoutError:
		c := *e
		v.err, v.where.lock, stack = &c, e.Wait.Lock.Addr, e.Wait.Stack
	case *rqlock.OrderError:
		c := *e
		v.err, v.where.lock, stack = &c, e.Locks[1].Addr, e.Orders[0].Then
	default:
		panic(fmt.Sprintf("rqhttp: no violation: %T", err))
	}
	if len(stack) > 1 {
		v.where.file, v.where.line = stack[1].File, stack[1].Line // the call of an exported method
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.list, func(known violation) bool { return known.where == v.where }); i >= 0 {
		v.id, v.count = l.list[i].id, l.list[i].count+1
		l.list = slices.Delete(l.list, i, i+1)
	} else {
		l.made++
		v.id = l.made
	}
	l.list = slices.Insert(l.list, 0, v)
	if len(l.list) > mostViolations {
		l.list = slices.Delete(l.list, mostViolations, len(l.list))
	}
}

// all returns those that are kept, the last one first.
func (l *violationList) all() []violation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}
