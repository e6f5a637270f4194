package rqvet

import (
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

const lockPackage = "github.com/rqlock/rqlock/rqlock"

// method is one of Lock's methods that change who holds it.
type method struct {
	name   string
	take   bool // else release
	try    bool // result is a bool, and it never waits
	pinned bool
}

var methods = map[string]method{
	"Lock":         {name: "Lock", take: true},
	"TryLock":      {name: "TryLock", take: true, try: true},
	"LockTimeout":  {name: "LockTimeout", take: true},
	"LockContext":  {name: "LockContext", take: true},
	"LockPinned":   {name: "LockPinned", take: true, pinned: true},
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

// reachesLock reports whether the package is rqlock, imports it, or imports one
// that reaches it; no other is worth the work.
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

// blockingCall names fn if it may block, yield or make a system call.
func blockingCall(fn *types.Func) string {
	if fn == nil || fn.Pkg() == nil {
		return ""
	}
	if m, ok := lockMethod(fn); ok {
		if m.take && !m.try {
			return "Mutex." + m.name
		}
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

// toMemory reports whether call prints to a buffer, which does not block.
func toMemory(call *ssa.CallCommon) bool {
	if len(call.Args) == 0 {
		return false
	}
	m, ok := call.Args[0].(*ssa.MakeInterface)
	return ok && inMemory(m.X.Type().String())
}

var inMemory = oneOf("*bytes.Buffer *strings.Builder")

// oneOf matches the names given.
func oneOf(names string) func(string) bool {
	set := map[string]bool{}
	for _, n := range strings.Fields(names) {
		set[n] = true
	}
	return func(name string) bool { return set[name] }
}

// prefixed matches names that begin with one of prefixes.
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

// looksOnly has the packages whose functions print, wrap or compare an error but
// make no decision for their caller.
var looksOnly = oneOf("fmt errors log log/slog testing reflect github.com/rqlock/rqlock/rqlock")

// calleeObject is the function or method that a call names, known statically or
// of an interface; nil for the call of a function value.
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

// goroutineBody is the argument of call that the callee runs as a goroutine, if it is
// known for that.
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
// panics, so that only what is deferred still runs. It is not asked of a test's Fatal,
// whose lock dies with the test.
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

// ends reports whether a call of obj never returns; x/tools knows functions that do
// not, but not methods of interfaces.
func ends(obj *types.Func) bool {
	if obj == nil || obj.Pkg() == nil || obj.Pkg().Path() != "testing" {
		return false
	}
	switch obj.Name() {
	case "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
		return true
	}
	return false
}
