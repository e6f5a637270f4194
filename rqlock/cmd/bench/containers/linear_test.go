package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rqlock/rqlock/rqlock/hashtab"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// A mapCall is a call of a map. The map has the keys 0 to mapCallKeys-1.
type mapCall struct {
	method string
	key    int
	value  int
}

// A mapResult is what it returns: the value for Lookup and LookupAndDelete, and so on.
type mapResult struct {
	value int
	ok    bool
	err   error
}

const mapCallKeys = 4

// A mapState has the value of each key, 0 for an absent one.
type mapState [mapCallKeys]int

func (s mapState) len() (n int) {
	for _, v := range s {
		if v != 0 {
			n++
		}
	}
	return n
}

// do is what a map with a limit must do, one call after the other. A limit of 0 is none.
func (s mapState) do(c mapCall, limit int) (mapState, mapResult) {
	old := s[c.key]
	full := old == 0 && limit > 0 && s.len() == limit
	set := func(r mapResult) (mapState, mapResult) {
		if full {
			return s, mapResult{err: hashtab.ErrFull}
		}
		s[c.key] = c.value
		return s, r
	}
	switch c.method {
	case "Lookup":
		return s, mapResult{value: old, ok: old != 0}
	case "Update":
		return set(mapResult{})
	case "Add":
		if old != 0 {
			return s, mapResult{err: hashtab.ErrExist}
		}
		return set(mapResult{})
	case "Swap":
		return set(mapResult{value: old, ok: old != 0})
	case "LoadOrStore":
		if old != 0 {
			return s, mapResult{value: old, ok: true}
		}
		return set(mapResult{value: c.value})
	case "CompareAndSwap": // of a value that is another one's predecessor
		if old == 0 || old != c.value-1 {
			return s, mapResult{}
		}
		return set(mapResult{ok: true})
	case "Delete":
		if old == 0 {
			return s, mapResult{err: hashtab.ErrNotExist}
		}
		s[c.key] = 0
		return s, mapResult{value: old}
	}
	panic(c.method)
}

// call makes a call of a map whose values come from ints by of and go back by back.
func call[V any](m *hashtab.Map[int, V], c mapCall, of func(int) V, back func(V) int) (r mapResult) {
	var v V
	switch c.method {
	case "Lookup":
		v, r.ok = m.Lookup(c.key)
	case "Update":
		r.err = m.Update(c.key, of(c.value), hashtab.Any)
	case "Add":
		r.err = m.Update(c.key, of(c.value), hashtab.NoExist)
	case "Swap":
		v, r.ok, r.err = m.Swap(c.key, of(c.value))
	case "LoadOrStore":
		v, r.ok, r.err = m.LoadOrStore(c.key, of(c.value))
	case "CompareAndSwap":
		r.ok, r.err = m.CompareAndSwap(c.key, of(c.value-1), of(c.value))
	case "Delete":
		v, r.err = m.LookupAndDelete(c.key)
	}
	r.value = back(v)
	return r
}

var mapMethods = []string{"Lookup", "Lookup", "Update", "Add", "Swap", "LoadOrStore", "CompareAndSwap", "Delete", "Delete", "Delete"}

// mapModel is the model for porcupine.
func mapModel(limit int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return mapState{} },
		Step: func(state, input, output any) (bool, any) {
			next, want := state.(mapState).do(input.(mapCall), limit)
			return output.(mapResult) == want, next
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
	}
}

// TestMapLinearizable: what many goroutines get from a map is what they would get one after
// the other, ErrFull included.
func TestMapLinearizable(t *testing.T) {
	number := seed.Of(t)
	same := func(n int) int { return n }
	type large [9]int
	for limit := 0; limit <= 3; limit++ {
		for name, newCaller := range map[string]func() func(mapCall) mapResult{
			"NewOnDemand, int": func() func(mapCall) mapResult {
				m := hashtab.NewOnDemand[int, int](max(1, limit))
				if limit == 0 {
					m = hashtab.NewGrowing[int, int]()
				}
				return func(c mapCall) mapResult { return call(m, c, same, same) }
			},
			"New, int": func() func(mapCall) mapResult {
				m := hashtab.New[int, int](limit + mapCallKeys*(1-min(1, limit)))
				return func(c mapCall) mapResult { return call(m, c, same, same) }
			},
			"New, words": func() func(mapCall) mapResult {
				m := hashtab.New[int, [3]int](limit + mapCallKeys*(1-min(1, limit)))
				return func(c mapCall) mapResult {
					return call(m, c, func(n int) [3]int { return [3]int{2: n} }, func(v [3]int) int { return v[2] })
				}
			},
			"New, large": func() func(mapCall) mapResult {
				m := hashtab.New[int, large](limit + mapCallKeys*(1-min(1, limit)))
				return func(c mapCall) mapResult {
					return call(m, c, func(n int) large { return large{8: n} }, func(v large) int { return v[8] })
				}
			},
		} {
			model := mapModel(limit)
			end := time.Now().Add(linearTime())
			for round := 0; round < 20 || time.Now().Before(end); round++ {
				history := record(newCaller(), number, round)
				if !porcupine.CheckOperations(model, history) {
					t.Errorf("%s, room for %d elements: no order explains", name, limit)
					for _, op := range history {
						t.Log(op.ClientId, op.Call, op.Return, model.DescribeOperation(op.Input, op.Output))
					}
					break
				}
			}
		}
	}
}

func linearTime() time.Duration {
	if testing.Short() {
		return 5 * time.Millisecond
	}
	return 150 * time.Millisecond
}

// record has goroutines make random calls, and returns all of them with their times.
func record(do func(mapCall) mapResult, number uint64, round int) []porcupine.Operation {
	const workers, calls = 4, 8
	var wg sync.WaitGroup
	var of [workers][]porcupine.Operation
	start := time.Now()
	begin := make(chan struct{})
	for id := range workers {
		rnd := rand.New(rand.NewPCG(number, uint64(round*workers+id)))
		wg.Go(func() {
			<-begin
			for range calls {
				c := mapCall{mapMethods[rnd.IntN(len(mapMethods))], rnd.IntN(mapCallKeys), 1 + rnd.IntN(4)}
				op := porcupine.Operation{ClientId: id, Input: c, Call: int64(time.Since(start))}
				op.Output = do(c)
				op.Return = int64(time.Since(start))
				of[id] = append(of[id], op)
			}
		})
	}
	close(begin)
	wg.Wait()
	var all []porcupine.Operation
	for _, ops := range of {
		all = append(all, ops...)
	}
	return all
}
