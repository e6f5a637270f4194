package model

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
	"text/template"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// header is the first line of the model's files, which are of rqlock's own table.
var header = emit.Header("gen/prims.go")

// bodies has what each operation does in the explorer. If that takes several steps,
// their names begin with the primitive's, as in LockFast/owner.
var bodies = map[spec.Op]string{
	spec.Load:  `return {{.Type}}(mc.LoadWord(site, "{{.Name}}", unsafe.Pointer(p), {{.Width}}, mc.{{.Order}}))`,
	spec.Store: `mc.StoreWord(site, "{{.Name}}", unsafe.Pointer(p), {{.Width}}, uint64(v), mc.{{.Order}})`,
	spec.Xchg: `return {{.Type}}(mc.Update(site, "{{.Name}}", unsafe.Pointer(p), {{.Width}}, mc.{{.Order}}, func(uint64) (uint64, bool) {
		return uint64(new), true
	}))`,
	spec.Cmpxchg: `return mc.Update(site, "{{.Name}}", unsafe.Pointer(p), {{.Width}}, mc.{{.Order}}, func(v uint64) (uint64, bool) {
		return uint64(new), v == uint64(old)
	}) == uint64(old)`,
	spec.XchgField: `return uint32(mc.Update(site, "{{.Name}}", unsafe.Pointer(val), 32, mc.{{.Order}}, func(v uint64) (uint64, bool) {
		return v&^{{.Mask}} | uint64(new)&{{.Mask}}, true
	})) & {{.Mask}}`,
	spec.CmpxchgField: `return (uint32(mc.Update(site, "{{.Name}}", unsafe.Pointer(val), 32, mc.{{.Order}}, func(v uint64) (uint64, bool) {
		return v&^{{.Mask}} | uint64(new)&{{.Mask}}, (uint32(v)^old)&{{.Mask}} == 0
	}))^old)&{{.Mask}} == 0`,
	spec.FetchSetBit: `return uint32(mc.Update(site, "{{.Name}}", unsafe.Pointer(val), 32, mc.{{.Order}}, func(v uint64) (uint64, bool) {
		return v | {{.Bit}}, true
	}))`,
	spec.StoreFields: `mc.StoreMasked(site, "{{.Name}}", unsafe.Pointer(val), 32, {{.Mask}}, {{.Bit}}, mc.{{.Order}})`,
	// One load is enough: if the condition holds later, a later call finds it.
	spec.CondLoad:    `return uint32(mc.LoadWord(site, "{{.Name}}", unsafe.Pointer(p), 32, mc.{{.Order}}))`,
	spec.Relax:       ``,
	spec.CycleCount:  `return 0`,
	spec.CurrentG:    `return uintptr(mc.Self()+1) * unsafe.Sizeof(ReaderRow{})`,
	spec.CurrentGoid: `return uint64(mc.Self() + 1)`,
	spec.LockFast: `mc.Enter(-2)
	defer mc.Leave()
	val := unsafe.Pointer(&w.Val)
	if mc.Update(at(site, 1), "{{.Name}}", val, 32, mc.{{.Order}}, func(v uint64) (uint64, bool) {
		return v | LockedVal, true
	})&LockedMask != 0 {
		return false
	}
	if mc.LoadWord(at(site, 2), "{{.Name}}/pending", val, 32, mc.Relaxed)&PendingMask != 0 {
		mc.StoreMasked(at(site, 3), "{{.Name}}/return", val, 32, LockedMask, 0, mc.Release)
		return false
	}
	mc.StoreWord(at(site, 4), "{{.Name}}/owner", unsafe.Pointer(&w.Owner), int(8*unsafe.Sizeof(w.Owner)), uint64(CurrentG()), mc.Relaxed)
	return true`,
	spec.UnlockFast: `mc.Enter(-2)
	defer mc.Leave()
	owner, bits := unsafe.Pointer(&w.Owner), int(8*unsafe.Sizeof(w.Owner))
	mc.Prefetch(owner)
	if mc.LoadWord(at(site, 1), "{{.Name}}/owner", owner, bits, mc.Relaxed) != uint64(CurrentG()) {
		return false
	}
	mc.StoreWord(at(site, 2), "{{.Name}}/clear", owner, bits, 0, mc.Relaxed)
	mc.StoreMasked(at(site, 3), "{{.Name}}", unsafe.Pointer(&w.Val), 32, LockedMask, 0, mc.{{.Order}})
	return true`,
	spec.LockOwned: `mc.Enter(-2)
	defer mc.Leave()
	open := mc.LoadWord(at(site, 1), "{{.Name}}/look", unsafe.Pointer(&w.Sleeper), 32, mc.Relaxed)&uint64(ClosedMask) == 0
	looked(w, open)
	if !open {
		return false
	}
	ok = mc.Update(at(site, 2), "{{.Name}}", unsafe.Pointer(&w.Owner), 64, mc.{{.Order}}, func(v uint64) (uint64, bool) {
		return CurrentGoid(), v == 0
	}) == 0
	looked(w, false)
	return ok`,
	// On amd64 the look is a load like any other, and may pass the store; on arm64 it is
	// an LDAR after an STLR, and may not.
	spec.UnlockOwned: `mc.Enter(-2)
	defer mc.Leave()
	owner := unsafe.Pointer(&w.Owner)
	if mc.LoadWord(at(site, 1), "{{.Name}}/owner", owner, 64, mc.Relaxed) != CurrentGoid() {
		return NotOwner
	}
	mc.StoreWord(at(site, 2), "{{.Name}}", owner, 64, 0, mc.Stlr)
	if mc.LoadWord(at(site, 3), "{{.Name}}/look", unsafe.Pointer(&w.Sleeper), 32, mc.SeqCst) != 0 {
		return WakeDue
	}
	return Released`,
	// What comes before a look is an LSE or LL/SC exchange that releases on arm64, and the
	// look is LDAR.
	spec.ReadLock: `mc.Enter(-2)
	defer mc.Leave()
	row := t.Row(CurrentG())
	if mc.Update(at(site, 1), "{{.Name}}", unsafe.Pointer(&row.Lock[0]), 64, mc.SeqCst, func(v uint64) (uint64, bool) {
		return lockAddress(w), v == 0
	}) != 0 {
		return ReadRefused
	}
	mc.StoreWord(at(site, 2), "{{.Name}}/id", unsafe.Pointer(&row.ID[0]), 64, CurrentGoid(), mc.Release)
	if mc.LoadWord(at(site, 3), "{{.Name}}/owner", unsafe.Pointer(&w.Owner), 64, mc.SeqCst) != 0 ||
		mc.LoadWord(at(site, 4), "{{.Name}}/readers", unsafe.Pointer(&w.Readers), 32, mc.SeqCst)&uint64(RowsMask) == 0 {
		return ReadClaimed
	}
	return ReadGranted`,
	spec.ReadUnlock: `mc.Enter(-2)
	defer mc.Leave()
	row := t.Row(CurrentG())
	lock, id := unsafe.Pointer(&row.Lock[0]), unsafe.Pointer(&row.ID[0])
	if mc.LoadWord(at(site, 1), "{{.Name}}/lock", lock, 64, mc.Relaxed) != lockAddress(w) ||
		mc.LoadWord(at(site, 2), "{{.Name}}/id", id, 64, mc.Relaxed) != CurrentGoid() {
		return NotOwner
	}
	mc.StoreWord(at(site, 3), "{{.Name}}/clear", id, 64, 0, mc.Relaxed)
	mc.StoreWord(at(site, 4), "{{.Name}}", lock, 64, 0, mc.Stlr)
	if mc.LoadWord(at(site, 5), "{{.Name}}/look", unsafe.Pointer(&w.Drainer), 32, mc.SeqCst) != 0 {
		return WakeDue
	}
	return Released`,
	spec.WriteLock: `mc.Enter(-2)
	defer mc.Leave()
	if mc.LoadWord(at(site, 1), "{{.Name}}/closed", unsafe.Pointer(&w.Sleeper), 32, mc.Relaxed)&uint64(ClosedMask) != 0 {
		return WriteRefused
	}
	if mc.Update(at(site, 2), "{{.Name}}", unsafe.Pointer(&w.Owner), 64, mc.SeqCst, func(v uint64) (uint64, bool) {
		return CurrentGoid(), v == 0
	}) != 0 {
		return WriteRefused
	}
	if mc.LoadWord(at(site, 3), "{{.Name}}/look", unsafe.Pointer(&w.Readers), 32, mc.SeqCst) != 0 {
		return ReadersDue
	}
	return WriteGranted`,
	spec.WriteUnlock: `mc.Enter(-2)
	defer mc.Leave()
	owner, first := unsafe.Pointer(&w.Owner), unsafe.Pointer(&w.First)
	if mc.LoadWord(at(site, 1), "{{.Name}}/owner", owner, 64, mc.Relaxed) != CurrentGoid() {
		return NotOwner
	}
	if mc.LoadWord(at(site, 2), "{{.Name}}/first", first, 32, mc.Relaxed) != 0 {
		return AdmitDue
	}
	mc.StoreWord(at(site, 3), "{{.Name}}", owner, 64, 0, mc.Stlr)
	if mc.LoadWord(at(site, 4), "{{.Name}}/look", unsafe.Pointer(&w.Sleeper), 32, mc.SeqCst) != 0 ||
		mc.LoadWord(at(site, 5), "{{.Name}}/again", first, 32, mc.SeqCst) != 0 {
		return WakeDue
	}
	return Released`,
}

// Twin renders the twin of package asm. Each row is an access of the explorer with
// the row's ordering.
func Twin(rows []*spec.Row, l *spec.Word) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `// %[1]s

package asm

import (
	"unsafe"

	"%[2]satomic"
	"%[2]s%[3]s"
)

// Word is asm.Word.
type Word struct {
	Val   uint32
	Aux   uint32
	Owner uintptr
}

// Owned is asm.Owned.
type Owned struct {
	Owner   atomic.Uint64
	Tail    uint32
	Sleeper uint32
}

// RWOwned is asm.RWOwned.
type RWOwned struct {
	Owned
	Readers  uint32
	First    uint32
	Drainer  uint32
	Balance  uint32
}

// ReaderRow is asm.ReaderRow.
type ReaderRow struct {
	Lock  [3]uint64
	ID    [3]uint64
	More  [3]uint32
	State uint32
}

// ReaderTable is asm.ReaderTable.
type ReaderTable struct {
	Rows *ReaderRow
	Mask uint64
}

// Row is asm's. What stands for a g is the thread's number.
func (t *ReaderTable) Row(g uintptr) *ReaderRow {
	return (*ReaderRow)(unsafe.Add(unsafe.Pointer(t.Rows), (uint64(g)^uint64(g)>>7)&t.Mask))
}

// The same as in asm.
const (
	ClosedMask uint32 = 1 << 31
	RowsMask   uint32 = 1 << 31
)

const (
	Released uint32 = iota
	WakeDue
	NotOwner
	AdmitDue
)

const (
	ReadGranted uint32 = iota
	ReadRefused
	ReadClaimed
)

const (
	WriteGranted uint32 = iota
	WriteRefused
	ReadersDue
)

// lockAddress is w as a slot has it.
func lockAddress(w *RWOwned) uint64 { return uint64(uintptr(unsafe.Pointer(w))) }

// OnLook is called when LockOwned has looked whether the lock is open, and when it has
// then tried to acquire it.
var OnLook func(w *Owned, open bool)

func looked(w *Owned, open bool) {
	if OnLook != nil && mc.Simulation == nil {
		OnLook(w, open)
	}
}

// The fields of the lock word, layout %[4]s.
const (
`, header, twins, engine, l.Layout)
	for _, f := range l.Fields {
		name := strings.ToUpper(f.Name[:1]) + f.Name[1:]
		fmt.Fprintf(&b, "%sShift, %sMask, %sVal = %d, %#x, %#x\n", name, name, name, f.Shift, f.Mask(), uint64(1)<<f.Shift)
	}
	fmt.Fprintf(&b, "TailMax = %d\n)\n\n", l.Get("tail").Mask()>>l.Get("tail").Shift)
	b.WriteString(stepMark)
	for _, r := range rows {
		src, err := twin(r)
		if err != nil {
			return nil, err
		}
		b.WriteString(src)
	}
	return format.Source(b.Bytes())
}

const stepMark = "// at marks a step within a primitive.\nfunc at(site mc.Site, step uint64) mc.Site {\n\tmc.At(site, step)\n\treturn site\n}\n\n"

func twin(r *spec.Row) (string, error) {
	text, err := bodyOf(r)
	if err != nil {
		return "", err
	}
	pointer, width := "p", r.Bits()
	mask, bit := spec.Field{Bits: width}.Mask(), uint64(1)
	switch {
	case r.Op.OnField():
		f, err := r.On.Field(r.Field)
		if err != nil {
			return "", err
		}
		pointer, mask, bit = "val", f.Mask(), uint64(1)<<f.Shift
	case r.Op == spec.StoreFields:
		run, err := r.On.Stored(r.Set)
		if err != nil {
			return "", err
		}
		mask, bit = run.Mask(), run.Value<<run.Shift
	}
	sig := strings.TrimPrefix(r.Sig, "func(")
	if r.Order != spec.NoAccess {
		sig = "site mc.Site, " + sig
	}
	var b strings.Builder
	fmt.Fprintf(&b, "// %s: %s.\nfunc %s(%s {\n\t", r.Name, r.Order, r.Name, sig)
	err = template.Must(template.New(r.Name).Parse(text)).Execute(&b, map[string]any{
		"Name": r.Name, "Pointer": pointer, "Width": width, "Order": orderNames[r.Order], "Type": fmt.Sprintf("uint%d", width),
		"Mask": fmt.Sprintf("%#x", mask), "Bit": fmt.Sprintf("%#x", bit),
	})
	b.WriteString("\n}\n\n")
	return b.String(), err
}

var orderNames = map[spec.Order]string{
	spec.Relaxed: "Relaxed", spec.Acquire: "Acquire", spec.Release: "Release", spec.AcqRel: "AcqRel", spec.SeqCst: "SeqCst",
}
