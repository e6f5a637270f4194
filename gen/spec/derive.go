package spec

import (
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// Derive returns the rows of a table with what follows from them and from the words:
// see Row. Its error joins one line for each row or word that breaks a rule.
func Derive(rows []*Row, words ...*Word) ([]*Row, error) {
	var errs []error
	known := map[string]*Word{}
	for _, w := range words {
		if err := w.Validate(); err != nil {
			errs = append(errs, err)
		} else if known[w.Name] != nil {
			errs = append(errs, fmt.Errorf("word %s: duplicate name", w.Name))
		}
		known[w.Name] = w
	}
	var all []*Row
	taken := map[string]bool{}
	for i, r := range rows {
		d := *r
		if len(words) == 1 && r.Word == "" {
			d.On = words[0]
		} else {
			d.On = known[r.Word]
		}
		err := d.derive()
		switch {
		case r.Name == "" || !token.IsExported(r.Name) || !token.IsIdentifier(r.Name):
			err = fmt.Errorf("row %d: name %q is not an exported Go identifier", i+1, r.Name)
		case taken[r.Name]:
			err = fmt.Errorf("row %s: duplicate name", r.Name)
		case err != nil:
			err = fmt.Errorf("row %s: %w", r.Name, err)
		}
		if err == nil {
			err = d.checkNeeds(rows)
		}
		if err != nil {
			errs = append(errs, err)
		}
		taken[r.Name] = true
		all = append(all, &d)
	}
	return all, errors.Join(errs...)
}

// derive checks the row and completes it.
func (r *Row) derive() error {
	o := r.Op.Get()
	if o == nil {
		return fmt.Errorf("unknown operation %q", r.Op)
	}
	if r.Order == "" {
		if slices.Equal(o.Orders, none) {
			r.Order = NoAccess
		} else {
			return fmt.Errorf("no ordering")
		}
	}
	if !slices.Contains(o.Orders, r.Order) {
		return fmt.Errorf("operation %s cannot be %s", r.Op, r.Order)
	}
	if err := r.checkObject(); err != nil {
		return err
	}
	if o.Called != "" && r.Name != o.Called {
		return fmt.Errorf("a row of operation %s must be called %s, as others call it", r.Op, o.Called)
	}
	r.Sig = o.Sig
	switch {
	case r.Op.OnWidth():
		r.Sig = strings.ReplaceAll(r.Sig, "uintN", fmt.Sprintf("uint%d", r.Width))
	case r.Op.OnWord():
		r.Sig = strings.ReplaceAll(r.Sig, "uintN", r.On.Type())
	case o.On == LockWord:
		r.Sig = strings.ReplaceAll(r.Sig, "LOCK", r.On.Name)
	}
	r.Atomic = r.peer()
	if r.Does == "" {
		r.Does = r.Name + " " + strings.NewReplacer("FIELD", r.Field, "SET", values(r.Set)).Replace(o.Does)
	}
	return nil
}

// values is what fields become, as a sentence has it.
func values(set []Value) string {
	var all []string
	for _, v := range set {
		all = append(all, fmt.Sprintf("%s the value %d", v.Field, v.Value))
	}
	return strings.Join(all, ", ")
}

// checkObject checks that the row says what its operation works on, and nothing else.
func (r *Row) checkObject() error {
	switch {
	case !r.Op.OnWidth() && r.Width != 0:
		return fmt.Errorf("width %d: operation %s works on no object of a width of its own", r.Width, r.Op)
	case !r.Op.OnField() && r.Field != "":
		return fmt.Errorf("field %q: operation %s works on no field", r.Field, r.Op)
	case r.Op.of().On != Fields && (len(r.Set) > 0 || len(r.From) > 0):
		return fmt.Errorf("operation %s stores no constants: leave Set and From empty", r.Op)
	case r.Word != "" && r.On == nil:
		return fmt.Errorf("word %q is not in the table", r.Word)
	case r.Op.OnWidth() && r.Op == CondLoad && r.Width != 32:
		return fmt.Errorf("width %d: %s has 32 bits", r.Width, r.Op)
	case r.Waits() && r.Width != 32 && r.Width != 64:
		return fmt.Errorf("width %d: %s has 32 or 64 bits", r.Width, r.Op)
	case r.Op.OnWidth() && !slices.Contains([]int{8, 16, 32, 64}, r.Width):
		return fmt.Errorf("width %d is not 8, 16, 32 or 64", r.Width)
	case r.Op.OnWord() && r.On == nil:
		return fmt.Errorf("it does not say of which word the fields are (Word)")
	case r.Op.OnField():
		_, err := r.On.Field(r.Field)
		return err
	case r.Op.of().On == Fields:
		return r.checkSet()
	case r.Op.of().On == LockWord:
		if r.On == nil {
			return fmt.Errorf("it does not say which word is the lock (Word)")
		}
		return r.On.checkLockable()
	}
	return nil
}

// checkSet checks that From names the same fields as Set. From may be absent if the
// store can be done without knowing the old value.
func (r *Row) checkSet() error {
	to, err := r.On.Stored(r.Set)
	if err != nil {
		return err
	}
	if len(r.From) == 0 {
		if to.Native() == 0 && to.Value != 0 {
			return fmt.Errorf("%s has no store of these fields alone: say what they hold before (From)", r.On)
		}
		return nil
	}
	from, err := r.On.Stored(r.From)
	if err != nil {
		return err
	}
	if from.mask != to.mask {
		return fmt.Errorf("the fields of From and Set differ")
	}
	return nil
}

// checkNeeds checks that the table has the rows that the twin of this one calls.
func (r *Row) checkNeeds(rows []*Row) error {
	for _, op := range r.Op.of().Needs {
		if !slices.ContainsFunc(rows, func(o *Row) bool { return o.Op == op }) {
			return fmt.Errorf("row %s: operation %s needs a row of operation %s in the table", r.Name, r.Op, op)
		}
	}
	return nil
}

// peer returns the nearest function of sync/atomic, or "".
func (r *Row) peer() string {
	name := r.Op.of().Atomic
	if r.Op.of().On == Fields {
		switch to, _ := r.On.Stored(r.Set); {
		case r.Order.Releases():
			name = "Store"
		case to.Value == 0:
			name = "And"
		case len(r.From) > 0:
			name = "Add"
		default:
			name = "Or"
		}
	}
	switch bits := r.Bits(); {
	case bits == 0:
		return name
	case name == "" || bits < 32:
		return ""
	default:
		return fmt.Sprintf("%sUint%d", name, bits)
	}
}
