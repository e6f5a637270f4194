package main

// A row is a kind of lock.
type row struct {
	Name         string   // in the results
	ID           string   // prefix of its Go names
	What         string   // what it is, in a few words
	From         string   // module or package that has it
	Imports      []string // import specs of the expressions below, beyond sync
	Type         string   // of the field l
	New          string   // initial value of l, unless it is zero
	Lock, Unlock string   // statements on x.l
	Size         string   // in bytes, unless it is the type's
	Kernel       bool     // has the kernel's benchmarks, too
	Shared       string   // the type of l that has readers, too
	RLock        string   // statements on x.l of readers
	RUnlock      string
}

const (
	here   = "written here"
	gosync = `gsync "gvisor.dev/gvisor/pkg/sync"`
)

// table has the locks in the order of the results.
var table = []row{
	{
		Name: "rqlock", ID: "rq", What: "this lock", From: "rqlock",
		Imports: []string{`"github.com/rqlock/rqlock/rqlock"`},
		Type:    "rqlock.Mutex", Lock: "if err := x.l.Lock(); err != nil {\npanic(err)\n}", Unlock: "x.l.Unlock()",
		Kernel: true,
		Shared: "rqlock.RWMutex", RLock: "if err := x.l.RLock(); err != nil {\npanic(err)\n}", RUnlock: "x.l.RUnlock()",
	},
	{
		Name: "qspin", ID: "qspin", What: "the same queued lock without owner, detection and timeouts", From: "rqlock/internal/qspin",
		Imports: []string{`"github.com/rqlock/rqlock/rqlock/internal/qspin"`},
		Type:    "qspin.Mutex", Lock: "x.l.Lock()", Unlock: "x.l.Unlock()",
		Kernel: true,
	},
	plain("mutex", "mutex", "Go's mutex", "sync", "sync.Mutex"),
	{
		Name: "rwmutex", ID: "rwmutex", What: "Go's reader/writer lock; beside mutexes, its write side", From: "sync",
		Type: "sync.RWMutex", Lock: "x.l.Lock()", Unlock: "x.l.Unlock()",
		Shared: "sync.RWMutex", RLock: "x.l.RLock()", RUnlock: "x.l.RUnlock()",
	},
	plain("trylock-sleep", "sleep", "sync.Mutex.TryLock, and a sleep of 50 us while it fails", here, "sleepMutex"),
	plain("cas-gosched", "cas", "compare-and-exchange, and runtime.Gosched while it fails", here, "casSpin"),
	{
		Name: "ants", ID: "ants", What: "spin lock with back-off, behind a sync.Locker", From: "github.com/panjf2000/ants/v2/pkg/sync",
		Imports: []string{`ants "github.com/panjf2000/ants/v2/pkg/sync"`},
		Type:    "sync.Locker", New: "ants.NewSpinLock()", Lock: "x.l.Lock()", Unlock: "x.l.Unlock()", Size: "4",
	},
	{
		Name: "channel", ID: "chanOne", What: "a channel of one", From: here,
		Type: "chan struct{}", New: "make(chan struct{}, 1)", Lock: "x.l <- struct{}{}", Unlock: "<-x.l", Size: "8 + hchanSize",
	},
	{
		Name: "channel-ctx", ID: "chanCtx", What: "a channel of one, selected together with a context", From: here,
		Type: "ctxChan", New: "newCtxChan()", Lock: "if err := x.l.Lock(); err != nil {\npanic(err)\n}", Unlock: "x.l.Unlock()", Size: "8 + hchanSize",
	},
	{
		Name: "xsync", ID: "xsync", What: "reader-biased lock RBMutex, which gives readers a token; beside mutexes, its write side", From: "github.com/puzpuzpuz/xsync/v4",
		Imports: []string{`"github.com/puzpuzpuz/xsync/v4"`},
		Type:    "*xsync.RBMutex", New: "xsync.NewRBMutex()", Lock: "x.l.Lock()", Unlock: "x.l.Unlock()", Size: "sizeof[xsync.RBMutex]()",
		Shared: "*xsync.RBMutex", RLock: "token := x.l.RLock()", RUnlock: "x.l.RUnlock(token)",
	},
	plain("gvisor", "gvisor", "Mutex, a wrapper of sync.Mutex", "gvisor.dev/gvisor/pkg/sync", "gsync.Mutex", gosync),
	{
		Name: "gvisor-lockdep", ID: "gvisorDep", What: "the same with the checker of lock orders; built with -tags lockdep", From: "gvisor.dev/gvisor/pkg/sync/locking",
		Imports: []string{gosync, `"gvisor.dev/gvisor/pkg/sync/locking"`},
		Type:    "gsync.Mutex", Lock: "locking.AddGLock(lockdepClass, -1)\nx.l.Lock()", Unlock: "locking.DelGLock(lockdepClass, -1)\nx.l.Unlock()",
	},
	plain("go-deadlock", "sasha", "detector of lock orders and long waits", "github.com/sasha-s/go-deadlock", "deadlock.Mutex", `"github.com/sasha-s/go-deadlock"`),
	plain("linkdata", "linkdata", "detector of lock orders and long waits (DeadlockMutex: always active)", "github.com/linkdata/deadlock",
		"linkdata.DeadlockMutex", `linkdata "github.com/linkdata/deadlock"`),
}

// plain returns the row of a type that has Lock and Unlock and whose zero value is unlocked.
func plain(name, id, what, from, typ string, imports ...string) row {
	return row{Name: name, ID: id, What: what, From: from, Imports: imports, Type: typ, Lock: "x.l.Lock()", Unlock: "x.l.Unlock()"}
}
