package rqvet

import (
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

const lockPackage = "github.com/rqlock/rqlock/rqlock"

// method is a method of the lock that changes who holds it.
type method struct {
	name    string
	acquire bool // else it releases
	try     bool // its result is a bool, and it never waits
	pinned  bool

	params, results string // as types.Tuple writes their types
}

var methods = map[string]method{
	"Lock":         {name: "Lock", acquire: true, results: "error"},
	"TryLock":      {name: "TryLock", acquire: true, try: true, results: "bool"},
	"LockTimeout":  {name: "LockTimeout", acquire: true, params: "time.Duration", results: "error"},
	"LockContext":  {name: "LockContext", acquire: true, params: "context.Context", results: "error"},
	"LockPinned":   {name: "LockPinned", acquire: true, pinned: true, results: "error"},
	"Unlock":       {name: "Unlock"},
	"UnlockPinned": {name: "UnlockPinned", pinned: true},
}

// lockMethod returns the method of rqlock.Mutex that fn is.
func lockMethod(fn *types.Func) (method, bool) {
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != lockPackage {
		return method{}, false
	}
	recv := fn.Signature().Recv()
	if recv == nil || !isLockPointer(recv.Type()) {
		return method{}, false
	}
	m, ok := methods[fn.Name()]
	return m, ok
}

// fits reports whether a method of an interface is one that the lock implements as m.
func (m method) fits(fn *types.Func) bool {
	sig := fn.Signature()
	return m.name != "" && typesOf(sig.Params()) == m.params && typesOf(sig.Results()) == m.results
}

func typesOf(tuple *types.Tuple) string {
	var all []string
	for v := range tuple.Variables() {
		all = append(all, v.Type().String())
	}
	return strings.Join(all, ", ")
}

func isLock(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	obj := named.Obj()
	return obj.Name() == "Mutex" && obj.Pkg() != nil && obj.Pkg().Path() == lockPackage
}

func isLockPointer(t types.Type) bool {
	p, ok := t.Underlying().(*types.Pointer)
	return ok && isLock(p.Elem())
}

// reachesLock reports whether the package is rqlock, imports it, or imports a package
// that reaches it. The analyzer has nothing to say of any other.
func reachesLock(pass *analysis.Pass) bool {
	if pass.Pkg.Path() == lockPackage {
		return true
	}
	for _, p := range pass.Pkg.Imports() {
		if p.Path() == lockPackage || pass.ImportPackageFact(p, new(lockEdges)) {
			return true
		}
	}
	return false
}

// blockingCall names fn if it may block, yield or make a system call. It is not
// asked of the lock's own methods.
func blockingCall(fn *types.Func) string {
	if fn == nil || fn.Pkg() == nil {
		return ""
	}
	name := fn.Name()
	recv := ""
	if r := fn.Signature().Recv(); r != nil {
		t := r.Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		if n, ok := types.Unalias(t).(*types.Named); ok {
			recv = n.Obj().Name() + "."
		}
	}
	if blocks, ok := blocking[fn.Pkg().Path()]; ok && blocks(recv+name) {
		return fn.Pkg().Name() + "." + recv + name
	}
	return ""
}

// toMemory reports whether call prints to a buffer in memory, which does not block.
func toMemory(call *ssa.CallCommon) bool {
	if len(call.Args) == 0 {
		return false
	}
	m, ok := call.Args[0].(*ssa.MakeInterface)
	return ok && inMemory(m.X.Type().String())
}

var inMemory = oneOf("*bytes.Buffer *strings.Builder")

// oneOf returns a function that matches the names given.
func oneOf(names string) func(string) bool {
	set := map[string]bool{}
	for _, n := range strings.Fields(names) {
		set[n] = true
	}
	return func(name string) bool { return set[name] }
}

// prefixed returns a function that matches names with one of the prefixes given.
func prefixed(prefixes string) func(string) bool {
	return func(name string) bool {
		for _, p := range strings.Fields(prefixes) {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
}

// blocking says, by package, which functions and methods (Type.Name) may block.
var blocking = map[string]func(string) bool{
	"time":    oneOf("Sleep"),
	"runtime": oneOf("Gosched GC Goexit"),
	"sync":    oneOf("Mutex.Lock RWMutex.Lock RWMutex.RLock WaitGroup.Wait Cond.Wait Locker.Lock Once.Do"),
	"os": oneOf("Open OpenFile Create ReadFile WriteFile Remove RemoveAll Rename Mkdir MkdirAll Stat Lstat ReadDir Pipe StartProcess CopyFS CreateTemp MkdirTemp " +
		"File.Read File.ReadAt File.ReadFrom File.Write File.WriteAt File.WriteTo File.WriteString File.Close File.Sync File.Seek File.Stat File.Truncate File.ReadDir Process.Wait"),
	"os/exec":  oneOf("Cmd.Run Cmd.Wait Cmd.Start Cmd.Output Cmd.CombinedOutput"),
	"net":      prefixed("Dial Listen Lookup Conn. TCPConn. UDPConn. UnixConn. IPConn. Listener. TCPListener. UnixListener. Resolver. Dialer. PacketConn."),
	"net/http": oneOf("Get Head Post PostForm ListenAndServe ListenAndServeTLS Serve Client.Do Client.Get Client.Head Client.Post Client.PostForm Server.Serve Server.ListenAndServe Server.Shutdown"),
	"net/rpc":  oneOf("Dial DialHTTP Client.Call"),
	"syscall":  prefixed("Read Write Open Close Accept Connect Sendto Recvfrom Select Wait4 Nanosleep Fsync Flock"),
	"fmt":      prefixed("Print Fprint Scan Fscan"),
	"log":      prefixed("Print Fatal Panic Logger.Print Logger.Fatal Logger.Panic Output Logger.Output"),
	"log/slog": prefixed("Debug Info Warn Error Log Logger.Debug Logger.Info Logger.Warn Logger.Error Logger.Log"),

	"golang.org/x/sync/errgroup":  oneOf("Group.Wait"),
	"golang.org/x/sync/semaphore": oneOf("Weighted.Acquire"),
	"database/sql":                prefixed("DB.Exec DB.Query DB.Begin DB.Ping Tx. Stmt. Conn. Rows.Next"),
}

// onlyInspects matches the packages whose functions print, wrap or compare an error
// but decide nothing for their caller.
var onlyInspects = oneOf("fmt errors log log/slog testing reflect github.com/rqlock/rqlock/rqlock")

// calleeObject is the function that a call names, or the method of an interface. It
// is nil for the call of a function value.
func calleeObject(call *ssa.CallCommon) *types.Func {
	if call.IsInvoke() {
		return call.Method
	}
	if fn := call.StaticCallee(); fn != nil {
		return funcObject(fn)
	}
	return nil
}

func funcObject(fn *ssa.Function) *types.Func {
	obj, _ := generic(fn).Object().(*types.Func)
	return obj
}

// generic is the function that fn is an instance of, or fn.
func generic(fn *ssa.Function) *ssa.Function {
	if origin := fn.Origin(); origin != nil {
		return origin
	}
	return fn
}

// goroutineBody is the argument of call that the callee runs in a goroutine of its
// own, if the callee is one that is known to do so.
func goroutineBody(call *ssa.CallCommon) ssa.Value {
	obj := calleeObject(call)
	if obj == nil || obj.Pkg() == nil || !startsGoroutine(obj.FullName()) {
		return nil
	}
	return call.Args[len(call.Args)-1]
}

var startsGoroutine = oneOf("(*sync.WaitGroup).Go time.AfterFunc context.AfterFunc " +
	"(*golang.org/x/sync/errgroup.Group).Go (*golang.org/x/sync/errgroup.Group).TryGo")

// unwinds names the function that call calls if it always ends its goroutine, or
// panics, so that only what is deferred still runs. A test's Fatal does so, too, but
// its lock ends with the test.
func (c *checker) unwinds(call *ssa.CallCommon) string {
	obj := calleeObject(call)
	if obj == nil || obj.Pkg() == nil {
		return ""
	}
	switch obj.Pkg().Path() + "." + obj.Name() {
	case "runtime.Goexit", "log.Panic", "log.Panicf", "log.Panicln":
		return obj.Pkg().Name() + "." + obj.Name()
	}
	if sum := c.summaryOf(call); sum != nil && sum.Panics && !sum.Returns {
		return obj.Name()
	}
	return ""
}

// neverReturns reports whether obj is one of a test's functions that end the test.
// x/tools finds functions that never return, but not methods of an interface.
func neverReturns(obj *types.Func) bool {
	if obj == nil || obj.Pkg() == nil || obj.Pkg().Path() != "testing" {
		return false
	}
	switch obj.Name() {
	case "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
		return true
	}
	return false
}
