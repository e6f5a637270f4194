package rqvet

import "slices"

// A Rule names one kind of finding: its category, the last word of its message,
// and the name of its page.
type Rule string

const (
	IgnoredError Rule = "ignorederr"   // Lock's result is ignored
	Unheld       Rule = "unheld"       // Unlock where Lock failed or was not called
	Leak         Rule = "leak"         // a path ends with the lock held
	SelfDeadlock Rule = "selfdeadlock" // the same lock acquired twice (AA)
	WrongUnlock  Rule = "wrongunlock"  // another lock, or the other kind of unlock
	EarlyDefer   Rule = "earlydefer"   // defer Unlock before the error check
	BlockPinned  Rule = "blockpinned"  // a call that may block while LockPinned is held
	CopyLock     Rule = "copylock"     // a lock copied
	LockOrder    Rule = "lockorder"    // two locks acquired in both orders (ABBA)
	BadLock      Rule = "badlock"      // a nil lock, or one made from unsafe.Pointer
	Upgrade      Rule = "upgrade"      // a lock held for reading acquired for writing
	BadRecord    Rule = "record"       // a reserved record not finished, or finished twice
	Blocks       Rule = "blocks"       // a call that may block while a lock is held; on request
	BadIgnore    Rule = "badignore"    // an ignore comment without rule or reason, or without use
)

// Rules lists every rule, in the order of the documentation.
var Rules = []Rule{
	IgnoredError, Unheld, Leak, SelfDeadlock, WrongUnlock, EarlyDefer,
	BlockPinned, CopyLock, LockOrder, BadLock, Upgrade, BadRecord, Blocks, BadIgnore,
}

const docs = "https://github.com/rqlock/rqlock/blob/main/docs/rqvet/"

// URL is the address of r's page.
func (r Rule) URL() string { return docs + string(r) + ".md" }

func (r Rule) valid() bool { return slices.Contains(Rules, r) }
