package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rqlock/rqlock/rqlock/freelist"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
	"github.com/rqlock/rqlock/rqlock/localstorage"
	"github.com/rqlock/rqlock/rqlock/lpmtrie"
	"github.com/rqlock/rqlock/rqlock/queuestack"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

// A containerCall is a call of some container by a client, and what it returns.
type containerCall struct {
	method   string
	client   int
	key, arg int
}

type containerResult struct {
	value int
	ok    bool
	text  string
	err   error
}

// A containerRow is a container whose histories must be linearizable. The state of its model is
// comparable.
type containerRow struct {
	methods []string
	keys    int
	state   any
	// step is what the container must do with a call, one call after the other: it reports
	// whether the result is right, and returns the next state.
	step func(state any, c containerCall, r containerResult) (bool, any)
	// open makes a container.
	open func() func(containerCall) containerResult
}

// TestHistories: what goroutines get from a container is what they would get one after the
// other.
func TestHistories(t *testing.T) {
	number := seed.Of(t)
	for name, row := range map[string]containerRow{
		"queue": valuesRow(false), "stack": valuesRow(true), "freelist": freelistRow(),
		"lpmtrie": trieRow(), "ringbuf": ringRow(), "localstorage": storageRow(),
	} {
		model := porcupine.Model{
			Init: func() any { return row.state },
			Step: func(state, input, output any) (bool, any) {
				return row.step(state, input.(containerCall), output.(containerResult))
			},
			DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
		}
		took := 150 * time.Millisecond
		if testing.Short() {
			took = 10 * time.Millisecond
		}
		end := time.Now().Add(took)
		for round := 0; round < 20 || time.Now().Before(end); round++ {
			history := row.history(number, round)
			if !porcupine.CheckOperations(model, history) {
				t.Errorf("%s: no order explains", name)
				for _, op := range history {
					t.Log(op.Call, op.Return, model.DescribeOperation(op.Input, op.Output))
				}
				break
			}
		}
	}
}

// history has goroutines make random calls, and returns all of them with their times.
func (row containerRow) history(number uint64, round int) (all []porcupine.Operation) {
	const clients, calls = 4, 8
	var of [clients][]porcupine.Operation
	do := row.open()
	start, begin := time.Now(), make(chan struct{})
	var wg sync.WaitGroup
	for id := range clients {
		rnd := rand.New(rand.NewPCG(number, uint64(round*clients+id)))
		wg.Go(func() {
			<-begin
			for i := range calls {
				c := containerCall{row.methods[rnd.IntN(len(row.methods))], id, rnd.IntN(row.keys), 100*id + i + 1}
				op := porcupine.Operation{ClientId: id, Input: c, Call: int64(time.Since(start))}
				op.Output = do(c)
				op.Return = int64(time.Since(start))
				of[id] = append(of[id], op)
			}
		})
	}
	close(begin)
	wg.Wait()
	for _, ops := range of {
		all = append(all, ops...)
	}
	return all
}

// A list is a state: numbers, the oldest first.
type list [4]int

func (l list) len() int {
	if i := slices.Index(l[:], 0); i >= 0 {
		return i
	}
	return len(l)
}

func (l list) push(v int) list {
	l[l.len()] = v
	return l
}

func (l list) remove(i int) list {
	copy(l[i:], l[i+1:])
	l[len(l)-1] = 0
	return l
}

// shortly is a context that may end before a call that waits has what it waits for.
func shortly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 20*time.Microsecond)
}

func valuesRow(stack bool) containerRow {
	const capacity = 2
	return containerRow{
		methods: []string{"Push", "Pop", "Replace", "Peek", "Len", "PushContext", "PopContext", "All"},
		keys:    1,
		state:   list{},
		step: func(state any, c containerCall, r containerResult) (bool, any) {
			l := state.(list)
			n, end := l.len(), 0
			if stack {
				end = max(0, n-1)
			}
			switch c.method {
			case "Push", "PushContext":
				if errors.Is(r.err, context.DeadlineExceeded) {
					return true, l
				}
				if n == capacity {
					return r.err == queuestack.ErrFull && c.method == "Push", l
				}
				return r.err == nil, l.push(c.arg)
			case "Replace":
				if n == capacity {
					l = l.remove(0)
				}
				return r.err == nil, l.push(c.arg)
			case "Pop", "PopContext", "Peek":
				if errors.Is(r.err, context.DeadlineExceeded) {
					return true, l
				}
				if n == 0 {
					return r.err == queuestack.ErrEmpty && c.method != "PopContext", l
				}
				if r.err != nil || r.value != l[end] {
					return false, l
				}
				if c.method != "Peek" {
					l = l.remove(end)
				}
				return true, l
			case "Len":
				return r.err == nil && r.value == n, l
			}
			all := slices.Clone(l[:n])
			if stack {
				slices.Reverse(all)
			}
			return r.text == fmt.Sprint(all), l
		},
		open: func() func(containerCall) containerResult {
			var x interface {
				Push(int) error
				Replace(int) error
				PushContext(context.Context, int) error
				PopContext(context.Context) (int, error)
				Pop() (int, error)
				Peek() (int, error)
				Len() (int, error)
			}
			q, s := queuestack.NewQueue[int](capacity), queuestack.NewStack[int](capacity)
			x, all := q, q.All
			if stack {
				x, all = s, s.All
			}
			return func(c containerCall) (r containerResult) {
				ctx, stop := shortly()
				defer stop()
				switch c.method {
				case "Push":
					r.err = x.Push(c.arg)
				case "PushContext":
					r.err = x.PushContext(ctx, c.arg)
				case "Replace":
					r.err = x.Replace(c.arg)
				case "Pop":
					r.value, r.err = x.Pop()
				case "PopContext":
					r.value, r.err = x.PopContext(ctx)
				case "Peek":
					r.value, r.err = x.Peek()
				case "Len":
					r.value, r.err = x.Len()
				case "All":
					r.text = fmt.Sprint(slices.AppendSeq([]int{}, all()))
				}
				return r
			}
		},
	}
}

// freelistRow pushes an element that the client has, and pops one otherwise.
func freelistRow() containerRow {
	const elements = 3
	return containerRow{
		methods: []string{"next"},
		keys:    1,
		state:   [elements]bool{true, true, true}, // which are free
		step: func(state any, c containerCall, r containerResult) (bool, any) {
			free := state.([elements]bool)
			if r.text == "Push" {
				was := free[r.value]
				free[r.value] = true
				return !was, free
			}
			if !r.ok {
				return free == [elements]bool{}, free
			}
			was := free[r.value]
			free[r.value] = false
			return was, free
		},
		open: func() func(containerCall) containerResult {
			l := freelist.New[int](3)
			nodes := make([]freelist.Node[int], elements)
			for i := range nodes {
				nodes[i].Value = i
			}
			l.Fill(nodes)
			var mine [4]*freelist.Node[int]
			return func(c containerCall) containerResult {
				if n := mine[c.client]; n != nil {
					mine[c.client] = nil
					r := containerResult{text: "Push", value: n.Value}
					l.Push(n)
					return r
				}
				n := l.Pop()
				if n == nil {
					return containerResult{text: "Pop"}
				}
				mine[c.client] = n
				return containerResult{text: "Pop", value: n.Value, ok: true}
			}
		},
	}
}

// trieRow has prefixes of one address, of both families, so that each of them is in the way of
// the others.
func trieRow() containerRow {
	prefixes := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("10.1.2.3/32"),
		netip.MustParsePrefix("2001:db8::/32"),
	}
	const keys, limit = 5, 4
	address := netip.MustParseAddr("10.1.2.3")
	type content [keys]int // by prefix; 0: not present
	size := func(s content) (n int) {
		for _, v := range s {
			if v != 0 {
				n++
			}
		}
		return n
	}
	// longest returns the index of the longest present prefix, or -1.
	longest := func(s content) int {
		for i := 3; i >= 0; i-- {
			if s[i] != 0 {
				return i
			}
		}
		return -1
	}
	text := func(s content) string {
		var b strings.Builder
		for _, i := range []int{3, 2, 1, 0, 4} { // the kernel's order
			if s[i] != 0 {
				fmt.Fprintf(&b, "%v %d;", prefixes[i], s[i])
			}
		}
		return b.String()
	}
	return containerRow{
		methods: []string{"Lookup", "Lookup", "Get", "Update", "Update", "Delete", "Delete", "UpdateAll", "Move", "Clear", "All", "NextKey", "Overlaps", "Supernets"},
		keys:    keys,
		state:   content{},
		step: func(state any, c containerCall, r containerResult) (bool, any) {
			s := state.(content)
			switch at := longest(s); c.method {
			case "Lookup":
				return r.ok == (at >= 0) && (at < 0 || r.value == s[at]), s
			case "Overlaps":
				return r.ok == (at >= 0), s
			case "Supernets":
				return r.text == strings.TrimSuffix(text(s), text(content{4: s[4]})), s
			case "Get":
				return r.ok == (s[c.key] != 0) && r.value == s[c.key], s
			case "All":
				return r.text == text(s), s
			case "NextKey": // the prefix after the first one, or the first one
				order := []int{3, 2, 1, 0, 4}
				from := slices.Index(order, c.key) + 1
				if s[c.key] == 0 {
					from = 0
				}
				for _, i := range order[from:] {
					if s[i] != 0 {
						return r.text == prefixes[i].String(), s
					}
				}
				return r.text == "", s
			case "Update":
				if s[c.key] == 0 && size(s) == limit {
					return r.err == lpmtrie.ErrFull, s
				}
				s[c.key] = c.arg
				return r.err == nil, s
			case "Delete":
				if s[c.key] == 0 {
					return r.err == lpmtrie.ErrNotExist, s
				}
				old := s[c.key]
				s[c.key] = 0
				return r.err == nil && r.value == old, s
			case "Clear":
				return r.err == nil, content{}
			case "UpdateAll": // one of each family
				next := s
				next[c.key%4], next[4] = c.arg, c.arg
				if size(next) > limit {
					return r.err == lpmtrie.ErrFull, s
				}
				return r.err == nil, next
			}
			to := (c.key + 1) % keys // Move
			if s[c.key] == 0 || s[to] != 0 {
				return r.err != nil, s
			}
			s[c.key], s[to] = 0, s[c.key]
			return r.err == nil, s
		},
		open: func() func(containerCall) containerResult {
			table := lpmtrie.NewTable[int](limit)
			list := func(of func(func(netip.Prefix, int) bool)) string {
				var b strings.Builder
				for p, v := range of {
					fmt.Fprintf(&b, "%v %d;", p, v)
				}
				return b.String()
			}
			return func(c containerCall) (r containerResult) {
				p := prefixes[c.key]
				switch c.method {
				case "Lookup":
					r.value, r.ok = table.Lookup(address)
				case "Overlaps":
					r.ok = table.OverlapsPrefix(prefixes[3])
				case "Supernets":
					r.text = list(table.Supernets(prefixes[3]))
				case "Get":
					r.value, r.ok = table.Get(p)
				case "All":
					r.text = list(table.All())
				case "NextKey":
					if next, ok := table.NextKey(p); ok {
						r.text = next.String()
					}
				case "Update":
					r.err = table.Update(p, c.arg, lpmtrie.Any)
				case "Delete":
					r.value, r.err = table.LookupAndDelete(p)
				case "Clear":
					r.err = table.Clear()
				case "UpdateAll":
					r.err = table.UpdateAll(func(yield func(netip.Prefix, int) bool) {
						_ = yield(prefixes[c.key%4], c.arg) && yield(prefixes[4], c.arg)
					}, lpmtrie.Any)
				case "Move":
					r.err = table.Transact(func(tx *lpmtrie.TableTx[int]) error {
						v, err := tx.LookupAndDelete(p)
						if err != nil {
							return err
						}
						return tx.Update(prefixes[(c.key+1)%keys], v, lpmtrie.NoExist)
					})
				}
				return r
			}
		},
	}
}

// ringRow has three producers and a consumer. A record that is reserved and not yet committed
// holds back others, so the consumer may find nothing at any time; what it finds is in order.
func ringRow() containerRow {
	const room = 4 // records
	type content struct {
		list
		held int // 1: the consumer has the first one
	}
	return containerRow{
		methods: []string{"Write", "Write", "WriteBatch", "ReserveContext"},
		keys:    1,
		state:   content{},
		step: func(state any, c containerCall, r containerResult) (bool, any) {
			s := state.(content)
			free := room - s.len()
			switch {
			case c.client == 0:
				if s.held == 1 {
					s.list, s.held = s.remove(0), 0
				}
				if r.err == ringbuf.ErrEmpty {
					return true, s
				}
				s.held = 1
				return r.err == nil && r.value == s.list[0], s
			case errors.Is(r.err, context.DeadlineExceeded):
				return c.method == "ReserveContext", s
			case c.method == "WriteBatch":
				for i := range min(free, 2) {
					s.list = s.push(c.arg + 1000*i)
				}
				return r.value == min(free, 2) && (r.err == nil) == (free >= 2), s
			case free == 0:
				return r.err == ringbuf.ErrFull, s
			}
			s.list = s.push(c.arg)
			return r.err == nil, s
		},
		open: func() func(containerCall) containerResult {
			r := ringbuf.New(16 * room)
			rd, err := r.Reader()
			must(err)
			record := func(n int) []byte { return []byte(fmt.Sprintf("%08d", n)) }
			return func(c containerCall) (x containerResult) {
				switch {
				case c.client == 0:
					var b []byte
					b, x.err = rd.TryNext()
					x.value, _ = strconv.Atoi(string(b))
				case c.method == "Write":
					_, x.err = r.Write(record(c.arg))
				case c.method == "WriteBatch":
					x.value, x.err = r.WriteBatch([][]byte{record(c.arg), record(c.arg + 1000)})
				default:
					ctx, stop := shortly()
					defer stop()
					var rec ringbuf.Record
					if rec, x.err = r.ReserveContext(ctx, 8); x.err == nil {
						copy(rec.Bytes(), record(c.arg))
						rec.Commit()
					}
				}
				return x
			}
		},
	}
}

func storageRow() containerRow {
	const owners = 2
	type content [owners]int
	return containerRow{
		methods: []string{"Get", "Get", "Update", "NoExist", "GetOrCreate", "Compute", "LoadAndDelete", "Delete"},
		keys:    owners,
		state:   content{},
		step: func(state any, c containerCall, r containerResult) (bool, any) {
			s := state.(content)
			old := s[c.key]
			switch c.method {
			case "Get":
				return r.ok == (old != 0) && r.value == old, s
			case "Update":
				s[c.key] = c.arg
			case "NoExist":
				if old != 0 {
					return r.err == localstorage.ErrExist, s
				}
				s[c.key] = c.arg
			case "GetOrCreate":
				if old == 0 {
					s[c.key] = c.arg
				}
				return r.err == nil && r.value == s[c.key], s
			case "Compute":
				s[c.key] = 10000 + old
				return r.err == nil && r.value == old, s
			default:
				if old == 0 {
					return r.err == localstorage.ErrNotExist, s
				}
				s[c.key] = 0
				return r.err == nil && (c.method == "Delete" || r.value == old), s
			}
			return r.err == nil, s
		},
		open: func() func(containerCall) containerResult {
			m := localstorage.New(func(o *object) *localstorage.Owner { return &o.local }, func(int) {})
			of := new([owners]object)
			return func(c containerCall) (r containerResult) {
				o := &of[c.key]
				switch c.method {
				case "Get":
					r.value, r.ok = m.Get(o)
				case "Update":
					r.err = m.Update(o, c.arg, localstorage.Any)
				case "NoExist":
					r.err = m.Update(o, c.arg, localstorage.NoExist)
				case "GetOrCreate":
					r.value, r.err = m.GetOrCreate(o, func() int { return c.arg })
				case "Compute":
					r.err = m.Compute(o, func(old int, _ bool) (int, localstorage.Action) {
						r.value = old
						return 10000 + old, localstorage.Set
					})
				case "LoadAndDelete":
					r.value, r.err = m.LoadAndDelete(o)
				case "Delete":
					r.err = m.Delete(o)
				}
				return r
			}
		},
	}
}
