package spec

import (
	"strings"
	"testing"
)

func narrow() *Word {
	return &Word{Name: "Word", Layout: "narrow", Bits: 32, Owner: true, Fields: []Field{{"locked", 0, 8}, {"pending", 8, 8}, {"tail", 16, 16}}}
}

func wide() *Word {
	return &Word{Name: "Word", Layout: "wide", Bits: 32, Owner: true, Fields: []Field{{"locked", 0, 8}, {"pending", 8, 1}, {"tail", 9, 23}}}
}

// big has 64 bits, a gap, and a field that begins in one half and ends in the other.
func big() *Word {
	return &Word{Name: "Big", Bits: 64, Fields: []Field{{"high", 48, 16}, {"low", 0, 8}, {"middle", 30, 12}}}
}

func loadRow() *Row { return &Row{Name: "LoadAcquire32", Op: Load, Width: 32, Order: Acquire} }

func storeRow() *Row {
	return &Row{
		Name: "ClearPendingSetLockedRelaxed", Op: StoreFields, Order: Relaxed,
		Set:  []Value{{"locked", 1}, {"pending", 0}},
		From: []Value{{"locked", 0}, {"pending", 1}},
	}
}

func TestDerived(t *testing.T) {
	add := &Row{Name: "AddMiddle", Op: "fetch-add-field", Word: "Big", Field: "middle", Order: SeqCst}
	exchange := &Row{Name: "XchgTail", Op: XchgField, Word: "Word", Field: "tail", Order: AcqRel, Does: "XchgTail does."}
	store := storeRow()
	store.Word = "Word"
	rows, err := Derive([]*Row{loadRow(), store, add, exchange, {Name: "Relax", Op: Relax}}, narrow(), big())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Row{
		{Sig: "func(p *uint32) (v uint32)", Atomic: "LoadUint32", Does: "LoadAcquire32 loads *p in one access.", Order: Acquire},
		{Sig: "func(val *uint32)", Atomic: "AddUint32", Does: "ClearPendingSetLockedRelaxed gives locked the value 1, pending the value 0, and changes no other bit of the word.", Order: Relaxed},
		{Sig: "func(val *uint64, v uint64) (old uint64)", Atomic: "AddUint64", Does: "AddMiddle adds v to middle, and returns what it was before. Values are in the field's place in the word, and their other bits are ignored.", Order: SeqCst},
		{Sig: "func(val *uint32, new uint32) (old uint32)", Atomic: "SwapUint32", Does: "XchgTail does.", Order: AcqRel},
		{Sig: "func()", Does: "Relax tells the core that the caller waits in a loop.", Order: NoAccess},
	} {
		if r := rows[i]; r.Sig != want.Sig || r.Atomic != want.Atomic || r.Does != want.Does || r.Order != want.Order {
			t.Errorf("row %d is %q, %q, %q, %q", i, r.Sig, r.Atomic, r.Does, r.Order)
		}
	}
	if add.Sig != "" || add.On != nil {
		t.Error("Derive has changed the table")
	}
}

func TestBadRows(t *testing.T) {
	load, store := loadRow, storeRow
	for _, tt := range []struct {
		row   func() *Row
		spoil func(*Row)
		word  *Word
		want  string
	}{
		{load, func(r *Row) { r.Name = "" }, narrow(), `row 1: name "" is not`},
		{load, func(r *Row) { r.Name = "loadAcquire32" }, narrow(), `row 1: name "loadAcquire32" is not`},
		{load, func(r *Row) { r.Name = "Load Acquire" }, narrow(), `row 1: name "Load Acquire" is not`},
		{load, func(r *Row) { r.Order = "" }, narrow(), "row LoadAcquire32: no ordering"},
		{load, func(r *Row) { r.Order = Release }, narrow(), "row LoadAcquire32: operation load cannot be release"},
		{load, func(r *Row) { r.Op = "leap" }, narrow(), `row LoadAcquire32: unknown operation "leap"`},
		{load, func(r *Row) { r.Width = 24 }, narrow(), "row LoadAcquire32: width 24"},
		{load, func(r *Row) { r.Field = "tail" }, narrow(), `field "tail": operation load works on no field`},
		{load, func(r *Row) { r.Set = []Value{{"tail", 0}} }, narrow(), "operation load stores no constants"},
		{load, func(r *Row) { r.Word = "Wort" }, narrow(), `word "Wort" is not in the table`},
		{load, func(r *Row) { r.Op = LockFast; r.Width = 0 }, narrow(), "operation lock-fast needs a row of operation current-g in the table"},
		{load, func(r *Row) { r.Op = LockFast; r.Width = 0 }, big(), "needs a word of 32 bits with an owner"},
		{load, func(r *Row) { r.Op, r.Width, r.Order = CurrentG, 0, "" }, narrow(), "must be called CurrentG"},
		{load, func(r *Row) { r.Op = XchgField; r.Width = 0; r.Field = "owner" }, narrow(), `field "owner" is not in layout narrow`},
		{load, func(r *Row) { r.Op, r.Width, r.Field = "add-field", 32, "tail" }, narrow(), "width 32: operation add-field works on no object of a width of its own"},
		{store, func(r *Row) { r.Set = nil }, narrow(), "row ClearPendingSetLockedRelaxed: stores no field"},
		{store, func(r *Row) { r.Set[0].Value = 256 }, narrow(), "value 256 is outside field locked"},
		{store, func(r *Row) { r.Set[1].Value = 2 }, wide(), "value 2 is outside field pending (1 bits)"},
		{store, func(r *Row) { r.Set[0].Field = "owner" }, narrow(), `field "owner" is not in layout narrow`},
		{store, func(r *Row) { r.Set[1].Field = "locked" }, narrow(), "field locked is stored twice"},
		{store, func(r *Row) { r.From = r.From[:1] }, narrow(), "the fields of From and Set differ"},
		{store, func(r *Row) { r.From = nil }, wide(), "layout wide has no store of these fields alone"},
	} {
		r := tt.row()
		tt.spoil(r)
		_, err := Derive([]*Row{r}, tt.word)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q", err, tt.want)
		}
	}
}

func TestDuplicates(t *testing.T) {
	if _, err := Derive([]*Row{loadRow(), loadRow()}, narrow()); err == nil || err.Error() != "row LoadAcquire32: duplicate name" {
		t.Errorf("got %v", err)
	}
	if _, err := Derive(nil, big(), big()); err == nil || err.Error() != "word Big: duplicate name" {
		t.Errorf("got %v", err)
	}
	if _, err := Derive([]*Row{{Name: "Add", Op: "add-field", Field: "low", Order: Relaxed}}, big(), narrow()); err == nil || !strings.Contains(err.Error(), "does not say of which word") {
		t.Errorf("got %v", err)
	}
}

func TestBadWords(t *testing.T) {
	for _, tt := range []struct {
		spoil func(*Word)
		want  string
	}{
		{func(w *Word) { w.Name = "word" }, `word "word": the name is not an exported`},
		{func(w *Word) { w.Bits = 16 }, "16 bits are not 32 or 64"},
		{func(w *Word) { w.Fields[2].Bits = 17 }, "field tail (bits 16..32) is outside the 32-bit word"},
		{func(w *Word) { w.Fields[2].Bits = 0 }, "field tail"},
		{func(w *Word) { w.Fields[2].Shift = -1 }, "field tail"},
		{func(w *Word) { w.Fields[1].Shift = 4 }, "field pending overlaps field locked"},
		{func(w *Word) { w.Fields[0], w.Fields[1] = Field{"locked", 8, 8}, Field{"pending", 4, 8} }, "field pending overlaps field locked"},
		{func(w *Word) { w.Fields[1].Name = "break" }, `name "break" is not a Go identifier`},
		{func(w *Word) { w.Fields[1].Name = "len" }, "field len: Go has declared that name already"},
		{func(w *Word) { w.Fields[1].Name = "_x" }, "does not begin with a letter"},
		{func(w *Word) { w.Fields[1].Name = "" }, `field 2: name "" is not`},
		{func(w *Word) { w.Fields[1].Name = "Locked" }, "fields locked and Locked have constants of the same names"},
	} {
		w := narrow()
		tt.spoil(w)
		if err := w.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	for _, tt := range []struct {
		spoil func(*Word)
		want  string
	}{
		{func(w *Word) { w.Fields[0].Bits = 4 }, "field locked is not the lowest byte"},
		{func(w *Word) { w.Fields = []Field{{"locked", 0, 8}, {"pending", 12, 8}} }, "field pending crosses a byte"},
		{func(w *Word) { w.Fields[0].Name = "held" }, `field "locked" is not in layout narrow`},
		{func(w *Word) { w.Owner = false }, "with an owner"},
	} {
		w := narrow()
		tt.spoil(w)
		_, err := Derive([]*Row{{Name: "CurrentG", Op: CurrentG}, {Name: "Lock", Op: LockFast, Order: Acquire}}, w)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// TestGaps checks what a row stores in fields that do not adjoin.
func TestGaps(t *testing.T) {
	s, err := big().Stored([]Value{{"high", 3}, {"low", 5}})
	if err != nil || s.Mask() != 0xffff0000000000ff || s.Value<<s.Shift != 0x0003000000000005 || s.Native() != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestImpl(t *testing.T) {
	for name, want := range map[string]string{
		"XchgTailAcqRel": "xchgTailAcqRel", "CPURelax": "cpuRelax", "CurrentG": "currentG", "Xchg8AcqRel": "xchg8AcqRel",
	} {
		if got := (&Row{Name: name}).Impl(); got != want {
			t.Errorf("Impl of %s is %s, want %s", name, got, want)
		}
	}
}

func TestNative(t *testing.T) {
	for _, tt := range []struct {
		f    Field
		want int
	}{{Field{"", 0, 8}, 8}, {Field{"", 8, 8}, 8}, {Field{"", 16, 16}, 16}, {Field{"", 8, 16}, 0}, {Field{"", 8, 1}, 0}, {Field{"", 9, 23}, 0}, {Field{"", 0, 32}, 32}, {Field{"", 16, 32}, 0}, {Field{"", 0, 64}, 64}} {
		if got := tt.f.Native(); got != tt.want {
			t.Errorf("Native of bits %d to %d is %d, want %d", tt.f.Shift, tt.f.Top(), got, tt.want)
		}
	}
}
