package sync

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	gosync "sync"
	"testing"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
)

// exported returns the names that a package exports, without its methods.
func exported(t *testing.T, dir string) map[string]string {
	t.Helper()
	names := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.IsExported() {
					names[d.Name.Name] = "func"
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							names[s.Name.Name] = "type"
						}
					case *ast.ValueSpec:
						for _, n := range s.Names {
							if n.IsExported() {
								names[n.Name] = d.Tok.String()
							}
						}
					}
				}
			}
		}
	}
	return names
}

// goroot is where the Go is that builds this.
func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("there is no go command: ", err)
	}
	return strings.TrimSpace(string(out))
}

// TestAPI: the package exports what Go's package sync exports, in the Go that builds it, and
// nothing else.
func TestAPI(t *testing.T) {
	want, got := exported(t, filepath.Join(goroot(t), "src", "sync")), exported(t, ".")
	if len(want) < 10 || want["Mutex"] != "type" || want["OnceValues"] != "func" {
		t.Fatalf("Go's package exports %v", want)
	}
	for name, kind := range want {
		if got[name] != kind {
			t.Errorf("%s %s is missing", kind, name)
		}
	}
	for name, kind := range got {
		if want[name] == "" {
			t.Errorf("%s %s is none of Go's", kind, name)
		}
	}
}

// TestMethods: Mutex and RWMutex have exactly the methods of Go's, and no fields that are
// exported or promote any.
func TestMethods(t *testing.T) {
	for _, c := range []struct{ got, want reflect.Type }{
		{reflect.TypeFor[*Mutex](), reflect.TypeFor[*gosync.Mutex]()},
		{reflect.TypeFor[*RWMutex](), reflect.TypeFor[*gosync.RWMutex]()},
		{reflect.TypeFor[Mutex](), reflect.TypeFor[gosync.Mutex]()},
		{reflect.TypeFor[RWMutex](), reflect.TypeFor[gosync.RWMutex]()},
	} {
		if c.got.NumMethod() != c.want.NumMethod() {
			t.Errorf("%v has %d methods, want %d", c.got, c.got.NumMethod(), c.want.NumMethod())
		}
		for i := range c.want.NumMethod() {
			want := c.want.Method(i)
			got, ok := c.got.MethodByName(want.Name)
			if !ok {
				t.Errorf("%v has no method %s", c.got, want.Name)
				continue
			}
			if got.Type.NumIn() != want.Type.NumIn() || got.Type.NumOut() != want.Type.NumOut() {
				t.Errorf("%v.%s is a %v, want %v", c.got, want.Name, got.Type, want.Type)
			}
			for j := range want.Type.NumOut() {
				if got.Type.Out(j) != want.Type.Out(j) {
					t.Errorf("%v.%s returns %v", c.got, want.Name, got.Type.Out(j))
				}
			}
		}
		if c.got.Kind() == reflect.Struct {
			for i := range c.got.NumField() {
				if f := c.got.Field(i); f.IsExported() || f.Anonymous {
					t.Errorf("%v has field %s", c.got, f.Name)
				}
			}
		}
	}
}

// What Go's package has as functions is the same here.
var (
	_ func(gosync.Locker) *gosync.Cond              = NewCond
	_ func(func()) func()                           = OnceFunc
	_ func(func() int) func() int                   = OnceValue[int]
	_ func(func() (int, error)) func() (int, error) = OnceValues[int, error]
	_ gosync.Locker                                 = (*Mutex)(nil)
	_ gosync.Locker                                 = (*RWMutex)(nil)
)

// TestSizes: the locks are as large as rqlock's.
func TestSizes(t *testing.T) {
	if got, want := unsafe.Sizeof(Mutex{}), unsafe.Sizeof(rqlock.Mutex{}); got != want {
		t.Errorf("a Mutex has %d bytes, want %d", got, want)
	}
	if got, want := unsafe.Sizeof(RWMutex{}), unsafe.Sizeof(rqlock.RWMutex{}); got != want {
		t.Errorf("an RWMutex has %d bytes, want %d", got, want)
	}
}

// A guarded value is compared as a whole.
type guarded struct {
	mu    Mutex
	rw    RWMutex
	value int
}

// TestZero: a lock that was used, and is free, is equal to one that was not: all its bytes are
// zero.
func TestZero(t *testing.T) {
	a, b := &guarded{value: 1}, &guarded{value: 1}
	var wg gosync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				pass(&a.mu)
				pass(&a.rw)
			}
		})
	}
	wg.Wait()
	pass(a.rw.RLocker())
	if *a != *b || !reflect.DeepEqual(a, b) {
		t.Errorf("%v after use, want %v", a, b)
	}
	for range 10_000 { // it is hot, and its readers are in rows
		pass(a.rw.RLocker())
	}
	bytes := unsafe.Slice((*uint32)(unsafe.Pointer(&a.rw)), unsafe.Sizeof(a.rw)/4)
	for i, word := range bytes {
		if word != 0 && word != 1<<31 {
			t.Errorf("word %d of an RWMutex that is free is %#x", i, word)
		}
	}
}
