package rqvet

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// reachesLock reports whether the package is rqlock, imports it, or imports a package
// that reaches it. The analyzer has nothing to say of any other.
func reachesLock(pass *analysis.Pass) bool {
	if holdsKinds(pass.Pkg) {
		return true
	}
	for _, p := range pass.Pkg.Imports() {
		if holdsKinds(p) || pass.ImportPackageFact(p, new(lockEdges)) {
			return true
		}
	}
	return false
}

// holdsKinds reports whether p declares a kind.
func holdsKinds(p *types.Package) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.pkg == p.Path() })
}

// blockingCall says why fn may block, yield or make a system call. It is not asked of the
// lock's own methods.
func blockingCall(fn *types.Func) blockReason {
	if fn == nil || fn.Pkg() == nil {
		return blockReason{}
	}
	name := fn.Name()
	if r := fn.Signature().Recv(); r != nil {
		if n, ok := types.Unalias(deref(r.Type())).(*types.Named); ok {
			name = n.Obj().Name() + "." + name
		}
	}
	pkg := fn.Pkg().Path()
	blocks, ok := blocking[pkg]
	if !ok || !blocks(name) {
		return blockReason{}
	}
	why := otherWait
	switch {
	case printing(pkg), isShort(fn.Name()):
		why = shortWait
	case lockingCall(pkg + "." + name):
		why = lockWait
	}
	return blockReason{Why: why, What: fn.Pkg().Name() + "." + name}
}

// isShort matches the names of functions of files and connections that seldom wait.
var isShort = oneOf("Close Stat Lstat Seek SetDeadline SetReadDeadline SetWriteDeadline LocalAddr RemoteAddr SetKeepAlive SetNoDelay SyscallConn Addr File Fd")

// printing matches the packages whose functions print or log.
var printing = oneOf("fmt log log/slog")

// lockingCall matches functions that wait for a lock, or with one that they release meanwhile,
// and those that only yield.
var lockingCall = oneOf("sync.Mutex.Lock sync.RWMutex.Lock sync.RWMutex.RLock sync.Cond.Wait sync.Locker.Lock sync.Once.Do " +
	"runtime.Gosched runtime.GC runtime.Goexit")

// toMemory reports whether call prints to a buffer in memory, which does not block.
func toMemory(call *ssa.CallCommon) bool {
	if len(call.Args) == 0 {
		return false
	}
	m, ok := call.Args[0].(*ssa.MakeInterface)
	return ok && inMemory(m.X.Type().String())
}

// isTryFlock reports whether call is a Flock that does not wait for others: it unlocks, or only
// tries.
func isTryFlock(obj *types.Func, call *ssa.CallCommon) bool {
	if obj == nil || obj.FullName() != "syscall.Flock" {
		return false
	}
	const tryOrUnlock = 4 | 8 // LOCK_NB | LOCK_UN, which package syscall does not have everywhere
	how, ok := call.Args[1].(*ssa.Const)
	return ok && constantInt(how).n&tryOrUnlock != 0
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
	"net":      prefixed("Dial Listen Lookup Conn. TCPConn. UDPConn. UnixConn. IPConn. Listener. TCPListener. UnixListener. Resolver. Dialer.Dial PacketConn."),
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
var onlyInspects = oneOf("fmt errors log log/slog testing reflect " + lockPackage)

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

// neverReturns reports whether obj is one of a test's functions that end the test, or make it
// fail: what a test does after that is not followed. x/tools finds functions that never return,
// but not methods of an interface.
func neverReturns(obj *types.Func) bool {
	if obj == nil || obj.Pkg() == nil || obj.Pkg().Path() != "testing" {
		return false
	}
	switch obj.Name() {
	case "Error", "Errorf", "Fail", "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
		return true
	}
	return false
}
