package spec

import (
	"strings"
	"testing"
)

func narrow() *Layout {
	return &Layout{Name: "narrow", Locked: Field{"locked", 0, 8}, Pending: Field{"pending", 8, 8}, Tail: Field{"tail", 16, 16}}
}

func wide() *Layout {
	return &Layout{Name: "wide", Locked: Field{"locked", 0, 8}, Pending: Field{"pending", 8, 1}, Tail: Field{"tail", 9, 23}}
}

func loadRow() *Row {
	return &Row{
		Name: "LoadAcquire32", Op: Load, Width: 32, Order: Acquire,
		Sig: "func(p *uint32) (v uint32)", Does: "LoadAcquire32 loads.",
	}
}

func storeRow() *Row {
	return &Row{
		Name: "ClearPendingSetLockedRelaxed", Op: StoreFields, Order: Relaxed,
		Set:  []FieldValue{{"locked", 1}, {"pending", 0}},
		From: []FieldValue{{"locked", 0}, {"pending", 1}},
		Sig:  "func(val *uint32)", Does: "ClearPendingSetLockedRelaxed stores.",
	}
}

func TestGoodRows(t *testing.T) {
	for _, l := range []*Layout{narrow(), wide()} {
		if err := Validate([]*Row{loadRow(), storeRow()}, l); err != nil {
			t.Errorf("layout %s: %v", l.Name, err)
		}
	}
}

func TestBadRows(t *testing.T) {
	load, store := loadRow, storeRow
	for _, tt := range []struct {
		row    func() *Row
		spoil  func(*Row)
		layout *Layout
		want   string
	}{
		{load, func(r *Row) { r.Name = "" }, narrow(), `row 1: name "" is not`},
		{load, func(r *Row) { r.Name = "loadAcquire32" }, narrow(), `row 1: name "loadAcquire32" is not`},
		{load, func(r *Row) { r.Name = "Load Acquire" }, narrow(), `row 1: name "Load Acquire" is not`},
		{load, func(r *Row) { r.Order = "" }, narrow(), "row LoadAcquire32: no ordering"},
		{load, func(r *Row) { r.Order = Release }, narrow(), "row LoadAcquire32: operation load cannot be release"},
		{load, func(r *Row) { r.Order = Relaxed }, narrow(), "row LoadAcquire32: the name does not spell the ordering Relaxed"},
		{load, func(r *Row) { r.Op = "leap" }, narrow(), `row LoadAcquire32: unknown operation "leap"`},
		{load, func(r *Row) { r.Width = 24 }, narrow(), "row LoadAcquire32: width 24"},
		{load, func(r *Row) { r.Width = 16 }, narrow(), "row LoadAcquire32: signature"},
		{load, func(r *Row) { r.Sig = "func(p *uint32)" }, narrow(), "row LoadAcquire32: signature"},
		{load, func(r *Row) { r.Does = "Loads." }, narrow(), "row LoadAcquire32: the documentation does not start"},
		{store, func(r *Row) { r.Set = nil }, narrow(), "row ClearPendingSetLockedRelaxed: stores no field"},
		{store, func(r *Row) { r.Set[0].Value = 256 }, narrow(), "value 256 is outside field locked"},
		{store, func(r *Row) { r.Set[1].Value = 2 }, wide(), "value 2 is outside field pending (1 bits)"},
		{store, func(r *Row) { r.Set[0].Field = "owner" }, narrow(), `field "owner" is not in layout narrow`},
		{store, func(r *Row) { r.Set[1].Field = "tail" }, narrow(), "field tail does not adjoin"},
		{store, func(r *Row) { r.From = r.From[:1] }, narrow(), "the fields of From and Set differ"},
		{store, func(r *Row) { r.From = nil }, wide(), "layout wide has no store of these fields alone"},
	} {
		r := tt.row()
		tt.spoil(r)
		err := Validate([]*Row{r}, tt.layout)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q", err, tt.want)
		}
	}
}

func TestDuplicateName(t *testing.T) {
	err := Validate([]*Row{loadRow(), loadRow()}, narrow())
	if err == nil || err.Error() != "row LoadAcquire32: duplicate name" {
		t.Errorf("got %v", err)
	}
}

func TestUnknownField(t *testing.T) {
	r := &Row{
		Name: "XchgOwnerAcqRel", Op: XchgField, Field: "owner", Order: AcqRel,
		Sig: "func(val *uint32, new uint32) (old uint32)", Does: "XchgOwnerAcqRel exchanges.",
	}
	err := Validate([]*Row{r}, narrow())
	if want := `row XchgOwnerAcqRel: field "owner" is not in layout narrow`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestBadLayouts(t *testing.T) {
	for _, tt := range []struct {
		spoil func(*Layout)
		want  string
	}{
		{func(l *Layout) { l.Tail.Bits = 17 }, "field tail (bits 16..32) is outside the 32-bit word"},
		{func(l *Layout) { l.Tail.Bits = 0 }, "field tail"},
		{func(l *Layout) { l.Pending.Shift = 4 }, "field pending overlaps"},
		{func(l *Layout) { l.Locked.Bits = 4 }, "field locked is not the lowest byte"},
		{func(l *Layout) { l.Pending = Field{"pending", 12, 8}; l.Tail = Field{"tail", 20, 12} }, "field pending crosses a byte"},
		{func(l *Layout) { l.Locked.Name = "held" }, `field 0 is "held"`},
	} {
		l := narrow()
		tt.spoil(l)
		if err := Validate(nil, l); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
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
	}{{Field{"", 0, 8}, 8}, {Field{"", 8, 8}, 8}, {Field{"", 16, 16}, 16}, {Field{"", 8, 16}, 0}, {Field{"", 8, 1}, 0}, {Field{"", 9, 23}, 0}} {
		if got := tt.f.Native(); got != tt.want {
			t.Errorf("Native of bits %d to %d is %d, want %d", tt.f.Shift, tt.f.Top(), got, tt.want)
		}
	}
}
