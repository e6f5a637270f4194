package spec

// What whole fast paths return.
var (
	ended = []Result{
		{"Released", "the lock is free, or free of this reader"},
		{"WakeDue", "the same, and somebody may be asleep"},
		{"NotOwner", "nothing has changed: the current goroutine does not hold the lock there"},
		{"AdmitDue", "nothing has changed: readers wait to be let in"},
	}
	reads = []Result{
		{"ReadGranted", "the current goroutine holds the lock for reading"},
		{"ReadRefused", "nothing has changed: the slot is taken"},
		{"ReadClaimed", "the slot is taken for the current goroutine, which does not hold the lock yet"},
	}
	writes = []Result{
		{"WriteGranted", "the current goroutine holds the lock for writing"},
		{"WriteRefused", "nothing has changed: the lock has an owner, or is closed"},
		{"ReadersDue", "the current goroutine is the owner, and readers may hold the lock"},
	}
)

// Results has the sets of results, each with its documentation.
var Results = []struct {
	Doc     string
	Results []Result
}{
	{"What UnlockOwned, ReadUnlock and WriteUnlock return. AdmitDue is WriteUnlock's alone.", ended},
	{"What ReadLock returns.", reads},
	{"What WriteLock returns.", writes},
}

// Whole fast paths of locks.
func init() {
	const (
		closed   = `atomic.LoadUint32(&w.Sleeper)&ClosedMask != 0`
		tryOwn   = `w.Owner.CompareAndSwap(0, currentGoid())`
		ownerID  = "owner := ownerOf(&w)"
		rwOwner  = "owner := ownerOf(&w.Owned)"
		goid     = "\nme := CurrentGoid()"
		unlessMe = `if w.Owner.Load() != currentGoid() {
	return NotOwner
}
`
		// Readers do not come after one another, but their accesses to the lock and to the rows
		// would be edges between them.
		reader = `if raceEnabled {
	raceDisable() // no edge from reader to reader
	defer raceEnable()
}
row := t.Row(currentG())
`
	)
	ifNot := func(cond, result string) string { return "if " + cond + " {\n\treturn " + result + "\n}\n" }
	notZero := func(field, result string) string { return ifNot("atomic.LoadUint32(&w."+field+") != 0", result) }
	beside := &Torture{} // ReadLock's row has the test
	Register(
		Operation{
			Op: LockFast, On: LockWord, Orders: []Order{Acquire}, Reads: true, Writes: true, Needs: []Op{CurrentG}, Atomic: "CompareAndSwapUint32",
			Sig: "func(w *LOCK) (ok bool)", Does: "acquires the lock for the current goroutine if locked and pending are clear, stores CurrentG in w.Owner, and reports whether it did.",
			Race: &Race{AcquiresIf: "ok"},
			Twin: `for {
	val := atomic.LoadUint32(&w.Val)
	if val&({{.MaskOf "locked"}}|{{.MaskOf "pending"}}) != 0 {
		return false
	}
	if atomic.CompareAndSwapUint32(&w.Val, val, val|{{.ValOf "locked"}}) {
		atomic.StoreUintptr(&w.Owner, currentG())
		return true
	}
}`,
			Harness: "lock", Oracle: ifNot(`w.Val&({{.MaskOf "locked"}}|{{.MaskOf "pending"}}) != 0`, "false") +
				`w.Val, w.Owner = w.Val|{{.ValOf "locked"}}, CurrentG()
return true`,
			Torture: &Torture{That: "a lock that is acquired by it excludes, and has the right owner.", Body: `var w {{.T}}
exclusive(t, n, func() bool {
	return {{.Name}}(&w)
}, func() {
	if w.Owner != CurrentG() {
		t.Errorf("the owner is %#x, want %#x", w.Owner, CurrentG())
	}
	atomic.AndUint32(&w.Val, ^{{.MaskOf "locked"}})
})`},
			Bench: Bench{Reset: "w.Val = 0"},
		},
		Operation{
			Op: UnlockFast, On: LockWord, Orders: []Order{Release}, Reads: true, Writes: true, Needs: []Op{CurrentG}, Atomic: "StoreUint32",
			Sig: "func(w *LOCK) (ok bool)", Does: "releases the lock if w.Owner is the current goroutine, and reports whether it did.",
			Race: &Race{ReleasesIf: "raceOwns(&w.Owner)"},
			Twin: ifNot("atomic.LoadUintptr(&w.Owner) != currentG()", "false") + `atomic.StoreUintptr(&w.Owner, 0)
atomic.AndUint32(&w.Val, ^{{.MaskOf "locked"}})
return true`,
			Harness: "lock", Oracle: ifNot("w.Owner != CurrentG()", "false") + `w.Val, w.Owner = w.Val&^{{.MaskOf "locked"}}, 0
return true`,
			Torture: &Torture{That: "a lock that is released by it excludes, and that only the owner can release it.", Body: `var w {{.T}}
exclusive(t, n, func() bool {
	if !atomic.CompareAndSwapUint32(&w.Val, 0, {{.ValOf "locked"}}) {
		return false
	}
	if {{.Name}}(&w) {
		t.Errorf("released by one who is not the owner")
	}
	w.Owner = CurrentG()
	return true
}, func() {
	{{.Name}}(&w)
})`},
			Bench: Bench{SetUp: "me := CurrentG()", Reset: "w.Owner = me"},
		},
		Operation{
			Op: LockOwned, Orders: []Order{Acquire}, Reads: true, Writes: true, Needs: []Op{CurrentGoid}, Atomic: "CompareAndSwapUint64",
			Sig: "func(w *Owned) (ok bool)", Does: "acquires the lock for the current goroutine if it is free and not closed, and reports whether it did.",
			Race:    &Race{AcquiresIf: "ok"},
			Twin:    ifNot(closed, "false") + "return " + tryOwn,
			Harness: "owned", Oracle: ifNot("l.owner != 0 || l.sleeper&ClosedMask != 0", "false") + "l.owner = CurrentGoid()\nreturn true",
			Torture: &Torture{That: "a lock that is acquired by it excludes, and has the right owner.", Body: `var w Owned
exclusive(t, n, func() bool {
	return {{.Name}}(&w)
}, func() {
	if id := w.Owner.Load(); id != CurrentGoid() {
		t.Errorf("the owner is %d, want %d", id, CurrentGoid())
	}
	w.Owner.Store(0)
})`},
			Bench: Bench{SetUp: ownerID, Reset: "*owner = 0"},
		},
		Operation{
			Op: UnlockOwned, Orders: []Order{Release}, Reads: true, Writes: true, Needs: []Op{CurrentGoid}, Atomic: "StoreUint64",
			Sig: "func(w *Owned) (rest uint32)", Returns: ended[:3], Does: "releases the lock if w.Owner is the current goroutine, and returns what is left to do.",
			Race: &Race{ReleasesIf: "raceOwnsID(&w.Owner)"},
			// The store is sequentially consistent, so that the look comes after.
			Twin:    unlessMe + "w.Owner.Store(0)\n" + notZero("Sleeper", "WakeDue") + "return Released",
			Harness: "owned", Oracle: ifNot("l.owner != CurrentGoid()", "NotOwner") + "l.owner = 0\n" + ifNot("l.sleeper != 0", "WakeDue") + "return Released",
			// It acquires by a compare-and-exchange, as a waiter does that is at the head of its
			// queue.
			Torture: &Torture{That: "a lock that is released by it excludes, and that only the owner can release it.", Body: `var w Owned
exclusive(t, n, func() bool {
	if {{.Name}}(&w) != NotOwner {
		t.Errorf("released by one who is not the owner")
	}
	return {{.AcquiringExchange64}}(ownerOf(&w), 0, CurrentGoid())
}, func() {
	if {{.Name}}(&w) != Released {
		t.Errorf("not released by its owner")
	}
})`},
			Bench: Bench{SetUp: ownerID + goid, Reset: "*owner = me"},
		},
		Operation{
			Op: ReadLock, Orders: []Order{AcqRel}, Reads: true, Writes: true, Needs: []Op{CurrentG, CurrentGoid}, Atomic: "CompareAndSwapUint64",
			Sig: "func(w *RWOwned, t *ReaderTable) (rest uint32)", Returns: reads, Does: "acquires the lock for reading, and returns what is left to do.",
			Race: &Race{Silent: true, AcquiresIf: "rest == ReadGranted"},
			Twin: reader + ifNot("!atomic.CompareAndSwapUint64(&row.Lock[0], 0, uint64(uintptr(unsafe.Pointer(w))))", "ReadRefused") +
				"atomic.StoreUint64(&row.ID[0], currentGoid())\n" +
				ifNot("w.Owner.Load() != 0 || atomic.LoadUint32(&w.Readers)&RowsMask == 0", "ReadClaimed") + "return ReadGranted",
			Harness: "readers", Oracle: ifNot("s.lock[0] != 0", "ReadRefused") + "s.lock[0], s.id[0] = lockHere, CurrentGoid()\n" +
				ifNot("s.owner != 0 || s.readers&RowsMask == 0", "ReadClaimed") + "return ReadGranted",
			// Readers have slots first, and then are counted. It takes all four to make a lock.
			Torture: &Torture{
				Name: `{{.RowOf "read-lock"}}{{.RowOf "read-unlock"}}{{.RowOf "write-lock"}}{{.RowOf "write-unlock"}}`,
				That: "readers and writers exclude each other, and writers one another.",
				Body: `{{if and (.RowOf "read-unlock") (.RowOf "write-lock") (.RowOf "write-unlock")}}for _, readers := range []uint32{RowsMask, 0} {
	l := &rwLock{table: newTable(64), readLock: {{.Name}}, readUnlock: {{.RowOf "read-unlock"}}, writeLock: {{.RowOf "write-lock"}}, writeUnlock: {{.RowOf "write-unlock"}}}
	l.w.Readers = readers
	shared(t, n, l)
}{{end}}`,
			},
			Bench: Bench{SetUp: "w.Readers = RowsMask", Reset: "row.Lock[0] = 0"},
		},
		Operation{
			Op: ReadUnlock, Orders: []Order{Release}, Reads: true, Writes: true, Needs: []Op{CurrentG, CurrentGoid}, Atomic: "StoreUint64",
			Sig: "func(w *RWOwned, t *ReaderTable) (rest uint32)", Returns: ended[:3], Does: "ends what ReadLock began, and returns what is left to do.",
			// Readers release what writers alone acquire. A reader acquires what writers release,
			// and so does not come after other readers.
			Race: &Race{ReleasesIf: "raceReads(w, t)", Releases: "&w.Readers"},
			// The stores are sequentially consistent, so that the look comes after.
			Twin: reader + ifNot("atomic.LoadUint64(&row.Lock[0]) != uint64(uintptr(unsafe.Pointer(w))) || atomic.LoadUint64(&row.ID[0]) != currentGoid()", "NotOwner") +
				"atomic.StoreUint64(&row.ID[0], 0)\natomic.StoreUint64(&row.Lock[0], 0)\n" + notZero("Drainer", "WakeDue") + "return Released",
			Harness: "readers", Oracle: ifNot("s.lock[0] != lockHere || s.id[0] != CurrentGoid()", "NotOwner") + "s.lock[0], s.id[0] = 0, 0\n" +
				ifNot("s.drainer != 0", "WakeDue") + "return Released",
			Torture: beside,
			Bench:   Bench{SetUp: "here := uint64(uintptr(unsafe.Pointer(&w)))" + goid, Reset: "row.Lock[0], row.ID[0] = here, me"},
		},
		Operation{
			Op: WriteLock, Orders: []Order{AcqRel}, Reads: true, Writes: true, Needs: []Op{CurrentGoid}, Atomic: "CompareAndSwapUint64",
			Sig: "func(w *RWOwned) (rest uint32)", Returns: writes, Does: "acquires the lock for writing, and returns what is left to do.",
			Race:    &Race{Silent: true, AcquiresIf: "rest != WriteRefused", Acquires: "&w.Readers"},
			Twin:    ifNot(closed+" || !"+tryOwn, "WriteRefused") + notZero("Readers", "ReadersDue") + "return WriteGranted",
			Harness: "readers", Oracle: ifNot("s.owner != 0 || s.sleeper&ClosedMask != 0", "WriteRefused") + "s.owner = CurrentGoid()\n" +
				ifNot("s.readers != 0", "ReadersDue") + "return WriteGranted",
			Torture: beside,
			Bench:   Bench{SetUp: rwOwner, Reset: "*owner = 0"},
		},
		Operation{
			Op: WriteUnlock, Orders: []Order{Release}, Reads: true, Writes: true, Needs: []Op{CurrentGoid}, Atomic: "StoreUint64",
			Sig: "func(w *RWOwned) (rest uint32)", Returns: ended, Does: "releases the lock if w.Owner is the current goroutine, and returns what is left to do.",
			Race: &Race{ReleasesIf: "raceOwnsID(&w.Owner)"},
			Twin: unlessMe + notZero("First", "AdmitDue") + "w.Owner.Store(0)\n" +
				ifNot("atomic.LoadUint32(&w.Sleeper) != 0 || atomic.LoadUint32(&w.First) != 0", "WakeDue") + "return Released",
			Harness: "readers", Oracle: ifNot("s.owner != CurrentGoid()", "NotOwner") + ifNot("s.first != 0", "AdmitDue") + "s.owner = 0\n" +
				ifNot("s.sleeper != 0", "WakeDue") + "return Released",
			Torture: beside,
			Bench:   Bench{SetUp: rwOwner + goid, Reset: "*owner = me"},
		},
	)
}
