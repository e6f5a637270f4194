package rqvet

// A Rule names one kind of finding: its category, the last word of its message,
// and the name of its page.
type Rule string

const (
	IgnoredError Rule = "ignorederr"
	Unheld       Rule = "unheld"
	Leak         Rule = "leak"
	SelfDeadlock Rule = "selfdeadlock"
	WrongUnlock  Rule = "wrongunlock"
	EarlyDefer   Rule = "earlydefer"
	BlockPinned  Rule = "blockpinned"
	CopyLock     Rule = "copylock"
	LockOrder    Rule = "lockorder"
	BadLock      Rule = "badlock"
	Upgrade      Rule = "upgrade"
	BadRecord    Rule = "record"
	Blocks       Rule = "blocks" // on request
	BadIgnore    Rule = "badignore"
)

// Rules lists every rule, in the order of the documentation.
var Rules = []Rule{
	IgnoredError, Unheld, Leak, SelfDeadlock, WrongUnlock, EarlyDefer,
	BlockPinned, CopyLock, LockOrder, BadLock, Upgrade, BadRecord, Blocks, BadIgnore,
}

var summaries = map[Rule]string{
	IgnoredError: "Lock's result is ignored",
	Unheld:       "an unlock of what is not held",
	Leak:         "a path ends with the lock held",
	SelfDeadlock: "the same lock acquired twice (AA)",
	WrongUnlock:  "an unlock of another lock, or of the other kind",
	EarlyDefer:   "defer Unlock before the error check",
	BlockPinned:  "a call that may block while a lock is pinned",
	CopyLock:     "a lock is copied",
	LockOrder:    "two locks acquired in both orders (ABBA)",
	BadLock:      "a nil lock, or one made from unsafe.Pointer",
	Upgrade:      "a lock held for reading acquired for writing",
	BadRecord:    "a reserved record of a ring not finished, or finished twice",
	Blocks:       "a call that may block while a lock is held; with `-blocks` only",
	BadIgnore:    "an ignore comment without rule or reason, or that hides nothing",
}

// Summary says in a line what r finds.
func (r Rule) Summary() string { return summaries[r] }

const docs = "https://github.com/rqlock/rqlock/blob/main/docs/rqvet/"

// URL is the address of r's page.
func (r Rule) URL() string { return docs + string(r) + ".md" }

func (r Rule) valid() bool { return summaries[r] != "" }
