package rqlock_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/freelist"
	"github.com/rqlock/rqlock/rqlock/hashtab"
	"github.com/rqlock/rqlock/rqlock/localstorage"
	"github.com/rqlock/rqlock/rqlock/lpmtrie"
	"github.com/rqlock/rqlock/rqlock/queuestack"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

// An enumRow is a container whose methods take flags and actions. Of its keys 0 to 2 only 1
// is present, with the value 10.
type enumRow struct {
	name               string
	flag, action       map[string]func(key int, value uint8) error // by method
	errFlag, errAction error
	content            func() map[int]int
}

// enumRows has each container that has flags and actions, in each of its variants.
func enumRows(t *testing.T) []enumRow {
	rows := []enumRow{trieTable(t), trieMap(t), storage(t)}
	for name, m := range map[string]*hashtab.Map[int, int]{
		"hashtab.New": hashtab.New[int, int](4), "hashtab.NewOnDemand": hashtab.NewOnDemand[int, int](4), "hashtab.NewLRU": hashtab.NewLRU[int, int](4),
		"hashtab.NewGrowing": hashtab.NewGrowing[int, int](),
	} {
		rows = append(rows, hashTable(t, name, m))
	}
	return rows
}

func hashTable(t *testing.T, name string, m *hashtab.Map[int, int]) enumRow {
	must(t, m.Update(1, 10, hashtab.NoExist))
	return enumRow{
		name: name,
		flag: map[string]func(int, uint8) error{
			"Update": func(key int, f uint8) error { return m.Update(key, 11, hashtab.Flag(f)) },
			"UpdateBatch": func(key int, f uint8) error {
				n, err := m.UpdateBatch([]int{key, key}, []int{11, 12}, hashtab.Flag(f))
				if n != 0 {
					t.Errorf("%s: UpdateBatch says that it has updated %d keys", name, n)
				}
				return err
			},
			"UpdateBatch of nothing": func(_ int, f uint8) error {
				_, err := m.UpdateBatch(nil, nil, hashtab.Flag(f))
				return err
			},
		},
		action: map[string]func(int, uint8) error{
			"Compute": func(key int, a uint8) error {
				_, _, err := m.Compute(key, func(int, bool) (int, hashtab.Action) { return 11, hashtab.Action(a) })
				return err
			},
		},
		errFlag: hashtab.ErrFlag, errAction: hashtab.ErrAction,
		content: func() map[int]int { return maps.Collect(m.All()) },
	}
}

func trieTable(t *testing.T) enumRow {
	table := lpmtrie.NewTable[int](4)
	prefix := func(key int) netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(key)}), 8) }
	must(t, table.Update(prefix(1), 10, lpmtrie.NoExist))
	return enumRow{
		name: "lpmtrie.Table",
		flag: map[string]func(int, uint8) error{
			"Update": func(key int, f uint8) error { return table.Update(prefix(key), 11, lpmtrie.Flag(f)) },
		},
		action: map[string]func(int, uint8) error{
			"Compute": func(key int, a uint8) error {
				return table.Compute(prefix(key), func(int, bool) (int, lpmtrie.Action) { return 11, lpmtrie.Action(a) })
			},
		},
		errFlag: lpmtrie.ErrFlag, errAction: lpmtrie.ErrAction,
		content: func() map[int]int {
			all := map[int]int{}
			for p, v := range table.All() {
				all[int(p.Addr().As4()[0])] = v
			}
			return all
		},
	}
}

func trieMap(t *testing.T) enumRow {
	m := lpmtrie.New[int](8, 4)
	of := func(key int) lpmtrie.Key { return lpmtrie.Key{Bits: []byte{byte(key)}, Len: 8} }
	must(t, m.Update(of(1), 10, lpmtrie.NoExist))
	return enumRow{
		name: "lpmtrie.Map",
		flag: map[string]func(int, uint8) error{
			"Update": func(key int, f uint8) error { return m.Update(of(key), 11, lpmtrie.Flag(f)) },
		},
		action: map[string]func(int, uint8) error{
			"Compute": func(key int, a uint8) error {
				return m.Compute(of(key), func(int, bool) (int, lpmtrie.Action) { return 11, lpmtrie.Action(a) })
			},
		},
		errFlag: lpmtrie.ErrFlag, errAction: lpmtrie.ErrAction,
		content: func() map[int]int {
			all := map[int]int{}
			for k, v := range m.All() {
				all[int(k.Bits[0])] = v
			}
			return all
		},
	}
}

func storage(t *testing.T) enumRow {
	type object struct {
		key   int
		local localstorage.Owner
	}
	objects := [3]*object{{key: 0}, {key: 1}, {key: 2}}
	destroyed := 0
	m := localstorage.New(func(o *object) *localstorage.Owner { return &o.local }, func(int) { destroyed++ })
	must(t, m.Update(objects[1], 10, localstorage.NoExist))
	return enumRow{
		name: "localstorage.Map",
		flag: map[string]func(int, uint8) error{
			"Update": func(key int, f uint8) error { return m.Update(objects[key], 11, localstorage.Flag(f)) },
		},
		action: map[string]func(int, uint8) error{
			"Compute": func(key int, a uint8) error {
				return m.Compute(objects[key], func(int, bool) (int, localstorage.Action) { return 11, localstorage.Action(a) })
			},
		},
		errFlag: localstorage.ErrFlag, errAction: localstorage.ErrAction,
		content: func() map[int]int {
			all := map[int]int{}
			for o, v := range m.All() {
				all[o.key] = v
			}
			if destroyed > 0 {
				t.Errorf("localstorage: %d values are destroyed", destroyed)
			}
			runtime.KeepAlive(objects)
			return all
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestUnknownValues checks that a flag or an action that a container does not know is an
// error of one line that names the value, and that nothing is changed or left locked.
func TestUnknownValues(t *testing.T) {
	for _, row := range enumRows(t) {
		check := func(methods map[string]func(int, uint8) error, sentinel error, known string) {
			for method, call := range methods {
				for _, value := range []uint8{3, 4, 255} {
					want := fmt.Sprintf("%v %d: use %s", sentinel, value, known)
					for key := range 3 {
						if err := call(key, value); !errors.Is(err, sentinel) || err.Error() != want {
							t.Errorf("%s: %s for key %d returns %v, want %s", row.name, method, key, err, want)
						}
						if got := row.content(); !maps.Equal(got, map[int]int{1: 10}) {
							t.Fatalf("%s: after %s for key %d with the value %d the content is %v", row.name, method, key, value, got)
						}
					}
				}
			}
		}
		check(row.flag, row.errFlag, "Any, NoExist or Exist")
		check(row.action, row.errAction, "Keep, Set or Remove")
	}
}

// public has the exported fields that users of a container are to see.
var public = map[string][]string{
	"freelist.Node":      {"Value"},
	"hashtab.LRUOptions": {"TTL", "Weigh", "OnEvict"},
	"hashtab.Stats":      {"Len", "Limit", "Buckets", "Moved", "Weight", "Evicted", "Expired", "LockedLookups"},
	"lpmtrie.Key":        {"Bits", "Len"},
}

// TestContainersDocumentation checks that the exported types of the containers have no
// embedded field, whose methods go doc would show with an unknown receiver, and no exported
// field but those in public.
func TestContainersDocumentation(t *testing.T) {
	for _, pkg := range []string{"freelist", "hashtab", "localstorage", "lpmtrie", "queuestack", "ringbuf"} {
		files, err := filepath.Glob(filepath.Join(pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", pkg, err, len(files))
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			must(t, err)
			file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
			must(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok || !spec.Name.IsExported() {
					return true
				}
				typ, ok := spec.Type.(*ast.StructType)
				if !ok {
					return true
				}
				full := pkg + "." + spec.Name.Name
				for _, field := range typ.Fields.List {
					if len(field.Names) == 0 {
						t.Errorf("%s has an embedded field", full)
					}
					for _, name := range field.Names {
						if name.IsExported() && !slices.Contains(public[full], name.Name) {
							t.Errorf("%s has the exported field %s", full, name)
						}
					}
				}
				return false
			})
		}
	}
}

// locksOf calls f for each lock that a value has, also behind pointers and in slices.
func locksOf(v reflect.Value, f func(*rqlock.Mutex)) {
	switch {
	case v.Type() == reflect.TypeFor[rqlock.Mutex]():
		f(reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Interface().(*rqlock.Mutex)) // v itself is not exported
	case v.Kind() == reflect.Pointer && !v.IsNil() && v.Type().Elem().Kind() == reflect.Struct:
		locksOf(v.Elem(), f)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			locksOf(v.Field(i), f)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			locksOf(v.Index(i), f)
		}
	}
}

// TestContainersNames: the locks of containers have names in reports.
func TestContainersNames(t *testing.T) {
	for want, container := range map[string]any{
		"hashtab.Map.buckets[":  hashtab.New[int, int](100),
		"freelist.List.shards[": freelist.New[int](3),
		"lpmtrie.Table":         lpmtrie.NewTable[int](4),
		"lpmtrie.Map":           lpmtrie.New[int](8, 4),
		"queuestack.Queue":      queuestack.NewQueue[int](4),
		"queuestack.Stack":      queuestack.NewStack[int](4),
		"ringbuf.Ring":          ringbuf.New(4096),
	} {
		found := 0
		locksOf(reflect.ValueOf(container), func(l *rqlock.Mutex) {
			found++
			must(t, l.Lock())
			defer l.Unlock()
			var e *rqlock.DeadlockError
			if err := l.Lock(); !errors.As(err, &e) || !strings.HasPrefix(e.Cycle[0].Lock.Name, want) && !strings.HasPrefix(e.Cycle[0].Lock.Name, "freelist.") {
				t.Errorf("%T: got %v, want a lock named %s", container, err, want)
			}
		})
		if found == 0 {
			t.Errorf("%T has no lock", container)
		}
	}
	// One of many that have a lock each gets its name when it is waited for.
	type object struct{ local localstorage.Owner }
	m := localstorage.New(func(o *object) *localstorage.Owner { return &o.local }, func(int) {})
	o := new(object)
	must(t, m.Compute(o, func(int, bool) (int, localstorage.Action) {
		var e *rqlock.DeadlockError
		if err := m.Update(o, 1, localstorage.Any); !errors.As(err, &e) || e.Cycle[0].Lock.Name != "localstorage.Map" {
			t.Errorf("localstorage: got %v", err)
		}
		return 1, localstorage.Set
	}))
}
