package golang

import (
	"fmt"
	"slices"

	"github.com/rqlock/rqlock/gen/spec"
)

// known has the rows that the templates call by name, as rqlock's table has them. In a
// table that means something else by the name, the tests that use it are left out.
var known = func() map[string]string {
	all := map[string]string{}
	add := func(op spec.Op, what string, rows map[string]spec.Order) {
		for name, order := range rows {
			all[name] = fmt.Sprint(op, " ", what, " ", order)
		}
	}
	type rows = map[string]spec.Order
	for _, width := range []int{8, 16, 32, 64} {
		bits := fmt.Sprint(width)
		add(spec.Load, bits, rows{"LoadRelaxed" + bits: spec.Relaxed, "LoadAcquire" + bits: spec.Acquire})
		add(spec.Store, bits, rows{"StoreRelaxed" + bits: spec.Relaxed, "StoreRelease" + bits: spec.Release})
		add(spec.Xchg, bits, rows{"Xchg" + bits + "AcqRel": spec.AcqRel})
		add(spec.Cmpxchg, bits, rows{"TryCmpxchgRelaxed" + bits: spec.Relaxed, "TryCmpxchgAcquire" + bits: spec.Acquire, "TryCmpxchgRelease" + bits: spec.Release})
		add(spec.CondLoad, bits, rows{"CondLoadRelaxed" + bits: spec.Relaxed, "CondLoadAcquire" + bits: spec.Acquire})
	}
	add(spec.XchgField, "tail", rows{"XchgTailAcqRel": spec.AcqRel})
	add(spec.XchgField, "locked", rows{"XchgLockedAcquire": spec.Acquire})
	add(spec.CmpxchgField, "tail", rows{"TryCmpxchgTailRelaxed": spec.Relaxed})
	add(spec.FetchSetBit, "pending", rows{"FetchSetPendingAcquire": spec.Acquire})
	add(spec.StoreFields, "[{pending 0}]", rows{"ClearPendingRelaxed": spec.Relaxed})
	add(spec.StoreFields, "[{locked 1} {pending 0}]", rows{"ClearPendingSetLockedRelaxed": spec.Relaxed})
	add(spec.StoreFields, "[{locked 1}]", rows{"SetLockedRelaxed": spec.Relaxed})
	add(spec.StoreFields, "[{locked 0}]", rows{"UnlockRelease": spec.Release})
	for name, op := range map[string]spec.Op{
		"LockFast": spec.LockFast, "UnlockFast": spec.UnlockFast, "LockOwned": spec.LockOwned, "UnlockOwned": spec.UnlockOwned,
		"ReadLock": spec.ReadLock, "ReadUnlock": spec.ReadUnlock, "WriteLock": spec.WriteLock, "WriteUnlock": spec.WriteUnlock,
		"CPURelax": spec.Relax, "CycleCount": spec.CycleCount, "CurrentG": spec.CurrentG, "CurrentGoid": spec.CurrentGoid,
	} {
		add(op, "", rows{name: op.Orders()[0]})
	}
	return all
}()

// CheckKnown returns what known lacks, or has wrong, of rqlock's rows.
func CheckKnown(rows []*spec.Row) string {
	for _, r := range rows {
		if known[r.Name] != meaning(r) {
			return fmt.Sprintf("the templates know row %s as %q, the table as %q", r.Name, known[r.Name], meaning(r))
		}
	}
	return ""
}

// meaning says what known has of a row.
func meaning(r *spec.Row) string {
	what := ""
	switch {
	case r.Op.OnWidth():
		what = fmt.Sprint(r.Width)
	case r.Op == spec.StoreFields:
		what = fmt.Sprint(r.Set)
	case r.Op.OnField():
		what = r.Field
	}
	return fmt.Sprint(r.Op, " ", what, " ", r.Order)
}

// lockWord returns the word that the templates know, if the table has it.
func (c *Config) lockWord() *spec.Word {
	for _, w := range c.Words {
		if w.Name == "Word" && w.Bits == 32 && w.Owner && spec.Triple(w) == "tail,pending,locked" && w.Get("locked") == (spec.Field{Name: "locked", Bits: 8}) {
			return w
		}
	}
	return nil
}

// strange reports whether a file of a template means another thing by a name than the
// table does.
func (c *Config) strange(file, name string) bool {
	if !slices.Contains(fixedFiles(), file) {
		return false
	}
	lock := c.lockWord()
	for _, w := range c.Words {
		if w != lock && slices.Contains(w.Names(), name) {
			return true
		}
	}
	i := slices.IndexFunc(c.Rows, func(r *spec.Row) bool { return r.Name == name })
	if i < 0 {
		return false
	}
	r := c.Rows[i]
	return known[name] != meaning(r) || r.Op.OnWord() && (lock == nil || r.On.Name != lock.Name)
}
