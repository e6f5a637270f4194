// Package spec defines what a row of the table of primitives may say, and the
// rules that every row and every layout of the lock word must keep.
package spec

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Op is the kind of operation a primitive performs. Each architecture has one
// emitter per Op.
type Op string

const (
	Load         Op = "load"          // v = *p
	Store        Op = "store"         // *p = v
	Xchg         Op = "xchg"          // old, *p = *p, new
	Cmpxchg      Op = "cmpxchg"       // if *p == old { *p = new }
	XchgField    Op = "xchg-field"    // exchange one field of the lock word
	CmpxchgField Op = "cmpxchg-field" // compare-and-exchange one field, whatever the others do
	FetchSetBit  Op = "fetch-set-bit" // set the lowest bit of a field, return the word before
	StoreFields  Op = "store-fields"  // give one or two adjoining fields constant values
	CondLoad     Op = "cond-load"     // load until *p&mask == want, within a spin budget
	Relax        Op = "relax"         // tell the core that this is a loop that waits
	CycleCount   Op = "cycle-count"   // read the machine's counter
	CurrentG     Op = "current-g"     // the word that identifies the running goroutine
	LockFast     Op = "lock-fast"     // locked = 1 if locked and pending are 0, then owner = current g
	UnlockFast   Op = "unlock-fast"   // if owner == current g { owner = 0; locked = 0 }
	CurrentGoid  Op = "current-goid"  // the id of the running goroutine
	LockOwned    Op = "lock-owned"    // if not closed and owner == 0 { owner = current goid }
	UnlockOwned  Op = "unlock-owned"  // if owner == current goid { owner = 0; look at sleeper }
	ReadLock     Op = "read-lock"     // if a slot is free { slot = lock, current goid; look at owner and readers }
	ReadUnlock   Op = "read-unlock"   // if the slot is ours { slot = 0; look at drainer }
	WriteLock    Op = "write-lock"    // lock-owned; look at readers
	WriteUnlock  Op = "write-unlock"  // if no readers wait { unlock-owned; look at them again }
)

// Order is a memory ordering. The zero value is an error: every row spells its
// ordering, and a row that touches no shared memory says NoAccess.
type Order string

const (
	NoAccess Order = "none"
	Relaxed  Order = "relaxed"
	Acquire  Order = "acquire"
	Release  Order = "release"
	AcqRel   Order = "acq_rel"
)

// suffix is how the ordering ends a primitive's name ("" = not part of it).
var suffix = map[Order]string{NoAccess: "", Relaxed: "Relaxed", Acquire: "Acquire", Release: "Release", AcqRel: "AcqRel"}

// Acquires reports whether o orders later accesses after this one.
func (o Order) Acquires() bool { return o == Acquire || o == AcqRel }

// Releases reports whether o orders earlier accesses before this one.
func (o Order) Releases() bool { return o == Release || o == AcqRel }

// FieldValue gives a field of the lock word a value, in units of the field.
type FieldValue struct {
	Field string // "locked", "pending" or "tail"
	Value uint32
}

// Row is one primitive. Nothing about a primitive is written anywhere else.
type Row struct {
	Name  string // public name: operation + field + ordering
	Op    Op
	Width int          // bits of *p (Load, Store, Xchg, Cmpxchg, CondLoad)
	Field string       // the field of the lock word (XchgField, CmpxchgField, FetchSetBit)
	Set   []FieldValue // what the fields become (StoreFields)
	From  []FieldValue // what they are before, if the caller guarantees it (StoreFields)
	Order Order
	Sig   string // Go signature; the emitters rely on the names of its parameters

	// Atomic is the nearest function of sync/atomic ("" = none): the peer in
	// the benchmarks, and the implementation on the architectures in Inline.
	Atomic string
	// Inline lists the architectures whose compiler inlines Atomic at a cost no
	// higher than an assembly call, with at least this row's ordering.
	Inline []string

	// The documentation, the same on every architecture.
	Does  string // what it does; a sentence that starts with the name
	Trans string // effect on the lock word, "tail,pending,locked -> ..." ("" = none)
	Why   string // why this ordering suffices
	Pairs string // what it pairs with
	// For says who needs the row and for what ("" = the library itself): a
	// primitive that rqlock does not use is for the authors of other locks.
	For string
}

// Impl returns the unexported name under which the architectures implement the
// row: XchgTailAcqRel -> xchgTailAcqRel, CPURelax -> cpuRelax.
func (r *Row) Impl() string {
	rs := []rune(r.Name)
	for i := range rs {
		if i > 0 && i+1 < len(rs) && unicode.IsLower(rs[i+1]) || unicode.IsLower(rs[i]) {
			break
		}
		rs[i] = unicode.ToLower(rs[i])
	}
	return string(rs)
}

// InlineOn reports whether arch implements the row with sync/atomic.
func (r *Row) InlineOn(arch string) bool { return slices.Contains(r.Inline, arch) }

// Doc returns the row's comment as lines without comment markers.
func (r *Row) Doc() []string {
	lines := Wrap(r.Does)
	if r.Trans != "" {
		lines = append(lines, "", "\t"+r.Trans+"   (tail,pending,locked)")
	}
	if r.Why != "" {
		lines = append(lines, "")
		lines = append(lines, Wrap("Ordering: "+string(r.Order)+". "+r.Why)...)
	}
	if r.Pairs != "" {
		lines = append(lines, Wrap("Pairs with: "+r.Pairs)...)
	}
	if r.For != "" {
		lines = append(lines, "")
		lines = append(lines, Wrap("Needed by "+r.For)...)
	}
	return lines
}

// Params returns the parameters of the signature, in order.
func (r *Row) Params() []Param { return params(r.Sig, true) }

// Results returns the results of the signature, in order.
func (r *Row) Results() []Param { return params(r.Sig, false) }

// Param is one parameter or result of a primitive.
type Param struct{ Name, Type string }

func params(sig string, in bool) []Param {
	e, err := parser.ParseExpr(sig)
	if err != nil {
		return nil
	}
	ft, ok := e.(*ast.FuncType)
	if !ok {
		return nil
	}
	list := ft.Results
	if in {
		list = ft.Params
	}
	if list == nil {
		return nil
	}
	var ps []Param
	for _, f := range list.List {
		typ := typeString(f.Type)
		for _, n := range f.Names {
			ps = append(ps, Param{n.Name, typ})
		}
		if len(f.Names) == 0 {
			ps = append(ps, Param{"", typ})
		}
	}
	return ps
}

func typeString(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + typeString(e.X)
	}
	return fmt.Sprintf("%T", e)
}

// contract has the signature that each Op needs; uintN stands for the unsigned
// integer of the row's width.
var contract = map[Op]string{
	Load:         "func(p *uintN) (v uintN)",
	Store:        "func(p *uintN, v uintN)",
	Xchg:         "func(p *uintN, new uintN) (old uintN)",
	Cmpxchg:      "func(p *uintN, old uintN, new uintN) (ok bool)",
	XchgField:    "func(val *uint32, new uint32) (old uint32)",
	CmpxchgField: "func(val *uint32, old uint32, new uint32) (ok bool)",
	FetchSetBit:  "func(val *uint32) (old uint32)",
	StoreFields:  "func(val *uint32)",
	CondLoad:     "func(p *uintN, mask uintN, want uintN, spins uint32) (v uintN)",
	Relax:        "func()",
	CycleCount:   "func() (ticks uint64)",
	CurrentG:     "func() (gp uintptr)",
	LockFast:     "func(w *Word) (ok bool)",
	UnlockFast:   "func(w *Word) (ok bool)",
	CurrentGoid:  "func() (id uint64)",
	LockOwned:    "func(w *Owned) (ok bool)",
	UnlockOwned:  "func(w *Owned) (rest uint32)",
	ReadLock:     "func(w *RWOwned, t *ReaderTable) (rest uint32)",
	ReadUnlock:   "func(w *RWOwned, t *ReaderTable) (rest uint32)",
	WriteLock:    "func(w *RWOwned) (rest uint32)",
	WriteUnlock:  "func(w *RWOwned) (rest uint32)",
}

// Ops returns every operation, sorted.
func Ops() []Op { return slices.Sorted(maps.Keys(contract)) }

// orders lists the orderings that each Op may have.
var orders = map[Op][]Order{
	Load:         {Relaxed, Acquire},
	Store:        {Relaxed, Release},
	Xchg:         {Relaxed, Acquire, Release, AcqRel},
	Cmpxchg:      {Relaxed, Acquire, Release, AcqRel},
	XchgField:    {Relaxed, Acquire, Release, AcqRel},
	CmpxchgField: {Relaxed, Acquire, Release, AcqRel},
	FetchSetBit:  {Relaxed, Acquire, Release, AcqRel},
	StoreFields:  {Relaxed, Release},
	CondLoad:     {Relaxed, Acquire},
	Relax:        {NoAccess},
	CycleCount:   {NoAccess},
	CurrentG:     {NoAccess},
	LockFast:     {Acquire},
	UnlockFast:   {Release},
	CurrentGoid:  {NoAccess},
	LockOwned:    {Acquire},
	UnlockOwned:  {Release},
	ReadLock:     {AcqRel},
	ReadUnlock:   {Release},
	WriteLock:    {AcqRel},
	WriteUnlock:  {Release},
}

// fastPaths are the operations whose names do not spell their ordering: that of the
// side of a lock that they are.
var fastPaths = []Op{LockFast, UnlockFast, LockOwned, UnlockOwned, ReadLock, ReadUnlock, WriteLock, WriteUnlock}

// Validate checks every row against the layout and the table's rules. Its error
// is one line, which names the row that breaks a rule.
func Validate(rows []*Row, l *Layout) error {
	if err := l.Validate(); err != nil {
		return err
	}
	taken := map[string]bool{}
	for i, r := range rows {
		if r.Name == "" || !token.IsExported(r.Name) || !token.IsIdentifier(r.Name) {
			return fmt.Errorf("row %d: name %q is not an exported Go identifier", i+1, r.Name)
		}
		if taken[r.Name] {
			return fmt.Errorf("row %s: duplicate name", r.Name)
		}
		taken[r.Name] = true
		if err := r.validate(l); err != nil {
			return fmt.Errorf("row %s: %w", r.Name, err)
		}
	}
	return nil
}

func (r *Row) validate(l *Layout) error {
	want, ok := contract[r.Op]
	if !ok {
		return fmt.Errorf("unknown operation %q", r.Op)
	}
	if r.Order == "" {
		return fmt.Errorf("no ordering")
	}
	if !slices.Contains(orders[r.Op], r.Order) {
		return fmt.Errorf("operation %s cannot be %s", r.Op, r.Order)
	}
	if strings.Contains(want, "uintN") {
		switch {
		case r.Op == CondLoad && r.Width != 32:
			return fmt.Errorf("width %d: %s has 32 bits", r.Width, r.Op)
		case r.Width != 8 && r.Width != 16 && r.Width != 32 && r.Width != 64:
			return fmt.Errorf("width %d is not 8, 16, 32 or 64", r.Width)
		}
		want = strings.ReplaceAll(want, "uintN", fmt.Sprintf("uint%d", r.Width))
	}
	if r.Sig != want {
		return fmt.Errorf("signature %q: operation %s needs %q", r.Sig, r.Op, want)
	}
	if s := suffix[r.Order]; s != "" && !slices.Contains(fastPaths, r.Op) && !strings.Contains(r.Name, s) {
		return fmt.Errorf("the name does not spell the ordering %s", s)
	}
	if !strings.HasPrefix(r.Does, r.Name+" ") {
		return fmt.Errorf("the documentation does not start with the name")
	}
	switch r.Op {
	case XchgField, CmpxchgField, FetchSetBit:
		if _, err := l.Field(r.Field); err != nil {
			return err
		}
	case StoreFields:
		if err := l.checkStore(r.Set); err != nil {
			return err
		}
		return r.checkFrom(l)
	}
	return nil
}

// checkFrom checks that From names the same fields as Set. From may be absent
// if the layout lets the store be done without knowing the old value.
func (r *Row) checkFrom(l *Layout) error {
	if len(r.From) == 0 {
		if to, _ := l.Stored(r.Set); to.Native() == 0 && to.Value != 0 {
			return fmt.Errorf("layout %s has no store of these fields alone: say what they hold before (From)", l.Name)
		}
		return nil
	}
	if err := l.checkStore(r.From); err != nil {
		return err
	}
	from, _ := l.Stored(r.From)
	set, _ := l.Stored(r.Set)
	if from.Field != set.Field {
		return fmt.Errorf("the fields of From and Set differ")
	}
	return nil
}

// Wrap breaks text into comment lines of at most 96 columns; a newline in the
// text starts a paragraph.
func Wrap(text string) []string {
	var lines []string
	for _, para := range strings.Split(text, "\n") {
		line := ""
		for _, w := range strings.Fields(para) {
			if line != "" && len(line)+1+len(w) > 96 {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += w
		}
		lines = append(lines, line)
	}
	return lines
}
