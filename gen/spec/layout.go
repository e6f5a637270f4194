package spec

import "fmt"

// Field is a run of bits of the 32-bit lock word.
type Field struct {
	Name  string
	Shift int // lowest bit
	Bits  int // width the field may use
}

// Mask returns the field's bits in the word.
func (f Field) Mask() uint32 { return uint32((uint64(1)<<f.Bits - 1) << f.Shift) }

// Top returns the field's highest bit.
func (f Field) Top() int { return f.Shift + f.Bits - 1 }

// Native returns the width in bits, 8 or 16, if a machine can access the field
// without its neighbours, or 0 if it cannot.
func (f Field) Native() int {
	if (f.Bits == 8 || f.Bits == 16) && f.Shift%f.Bits == 0 {
		return f.Bits
	}
	return 0
}

// Offset returns the field's byte offset in a little-endian word.
func (f Field) Offset() int { return f.Shift / 8 }

// Layout divides the lock word into its fields.
type Layout struct {
	Name                  string
	Locked, Pending, Tail Field
	Doc                   string
}

// Fields returns the layout's fields from the lowest bit up.
func (l *Layout) Fields() []Field { return []Field{l.Locked, l.Pending, l.Tail} }

// Field looks a field up by name.
func (l *Layout) Field(name string) (Field, error) {
	for _, f := range l.Fields() {
		if f.Name == name {
			return f, nil
		}
	}
	return Field{}, fmt.Errorf("field %q is not in layout %s", name, l.Name)
}

// Validate checks that the fields lie inside the word, in order and apart. Locked
// must be the lowest byte, so that a release is the store of one byte, and
// pending must lie inside another byte, so that the load of one byte shows
// whether the lock is closed.
func (l *Layout) Validate() error {
	end := 0
	for i, name := range []string{"locked", "pending", "tail"} {
		f := l.Fields()[i]
		switch {
		case f.Name != name:
			return fmt.Errorf("layout %s: field %d is %q, want %q", l.Name, i, f.Name, name)
		case f.Bits <= 0 || f.Shift < 0 || f.Shift+f.Bits > 32:
			return fmt.Errorf("layout %s: field %s (bits %d..%d) is outside the 32-bit word", l.Name, f.Name, f.Shift, f.Top())
		case f.Shift < end:
			return fmt.Errorf("layout %s: field %s overlaps the field below it", l.Name, f.Name)
		}
		end = f.Shift + f.Bits
	}
	if l.Locked.Native() != 8 || l.Locked.Shift != 0 {
		return fmt.Errorf("layout %s: field locked is not the lowest byte", l.Name)
	}
	if l.Pending.Shift/8 != l.Pending.Top()/8 {
		return fmt.Errorf("layout %s: field pending crosses a byte", l.Name)
	}
	return nil
}

// Stored has the bits that a row of StoreFields stores.
type Stored struct {
	Field        // the run of bits from the lowest to the highest field
	Value uint32 // what they become, in units of the run
}

// Stored merges a row's fields into one run of bits.
func (l *Layout) Stored(set []FieldValue) (Stored, error) {
	if err := l.checkStore(set); err != nil {
		return Stored{}, err
	}
	var mask, value uint32
	for _, s := range set {
		f, _ := l.Field(s.Field)
		mask |= f.Mask()
		value |= s.Value << f.Shift
	}
	run := Field{Name: "run"}
	for mask>>run.Shift&1 == 0 {
		run.Shift++
	}
	for b := run.Shift; b < 32 && mask>>b&1 == 1; b++ {
		run.Bits++
	}
	return Stored{run, value >> run.Shift}, nil
}

func (l *Layout) checkStore(set []FieldValue) error {
	if len(set) == 0 {
		return fmt.Errorf("stores no field")
	}
	end := -1
	for i, s := range set {
		f, err := l.Field(s.Field)
		if err != nil {
			return err
		}
		if uint64(s.Value) >= 1<<f.Bits {
			return fmt.Errorf("value %d is outside field %s (%d bits)", s.Value, f.Name, f.Bits)
		}
		if i > 0 && f.Shift != end {
			return fmt.Errorf("field %s does not adjoin the field before it", f.Name)
		}
		end = f.Shift + f.Bits
	}
	return nil
}
