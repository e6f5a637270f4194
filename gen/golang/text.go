package golang

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// imported has the packages that Go text may use.
var imported = map[string]string{
	"atomic": "sync/atomic", "binary": "encoding/binary", "runtime": "runtime", "sync": "sync", "testing": "testing", "time": "time", "unsafe": "unsafe",
}

var qualified = regexp.MustCompile(`\b(` + strings.Join(slices.Sorted(maps.Keys(imported)), "|") + `)\.([A-Z]\w*)`)

// source is Go text among what jennifer builds, which imports what the text uses.
func source(text string) *jen.Statement {
	s, end := &jen.Statement{}, 0
	for _, m := range qualified.FindAllStringSubmatchIndex(text, -1) {
		if line := text[strings.LastIndex(text[:m[0]], "\n")+1 : m[0]]; strings.Contains(line, "//") {
			continue // in a comment
		}
		s.Op(text[end:m[0]]).Qual(imported[text[m[2]:m[3]]], text[m[4]:m[5]])
		end = m[1]
	}
	return s.Op(text[end:])
}

var parsed sync.Map // by text

// rowText is the text of a template, about a row.
func (c *Config) rowText(r *spec.Row, text string) (string, error) {
	t, ok := parsed.Load(text)
	if !ok {
		made, err := template.New(string(r.Op)).Funcs(template.FuncMap{"comment": comment, "join": func(s []string) string { return strings.Join(s, ", ") }}).Parse(text)
		if err != nil {
			return "", err
		}
		t, _ = parsed.LoadOrStore(text, made)
	}
	var b bytes.Buffer
	err := t.(*template.Template).Execute(&b, about{r, c})
	return emptyLines.ReplaceAllString(strings.TrimSpace(b.String()), "\n"), err
}

// emptyLines are what parts that a row does not have leave behind.
var emptyLines = regexp.MustCompile(`\n\s*\n`)

// comment is a doc comment of one paragraph.
func comment(text string) string { return "// " + strings.Join(spec.Wrap(text), "\n// ") }

// code is rowText, as Go.
func (c *Config) code(r *spec.Row, text string) (*jen.Statement, error) {
	text, err := c.rowText(r, text)
	if text == "" {
		return jen.Null(), err
	}
	return source(text), err
}

// about is what the texts of an operation can say of a row.
type about struct {
	*spec.Row
	c *Config
}

// P is the name of the first parameter, T the type that it points to, and As a value of
// 64 bits as one of that type.
func (a about) P() string { return a.Params()[0].Name }
func (a about) T() string { return a.Params()[0].Type[len("*"):] }
func (a about) As(v string) string {
	if a.T() == "uint64" {
		return v
	}
	return a.T() + "(" + v + ")"
}

// Narrow reports whether sync/atomic has nothing for the object, but for the word around it.
func (a about) Narrow() bool { return a.Row.Op.OnWidth() && a.Width < 32 }

// WordBits is the width of the word that a twin works on, At its address, and Suffix what
// the names of its helpers end in.
func (a about) WordBits() int { return max(32, a.Bits()) }
func (a about) At() string {
	if a.Narrow() {
		return "word"
	}
	return a.P()
}
func (a about) Suffix() string {
	if a.WordBits() == 64 {
		return "64"
	}
	return ""
}

// SetUp finds that word and the object's position in it.
func (a about) SetUp() string {
	if !a.Narrow() {
		return ""
	}
	return fmt.Sprintf("word, shift := subword(unsafe.Pointer(p), %d)", a.Width/8)
}

// Mask has the bits of the object or field in the word, and One its lowest. Up puts a value
// into the place. What is between Left and Right is taken out of it.
func (a about) Mask() string {
	switch {
	case a.Row.Op.OnField():
		return a.MaskOf(a.Field)
	case a.Narrow():
		return fmt.Sprintf("%#x<<shift", uint32(1)<<a.Width-1)
	}
	return fmt.Sprintf("^%s(0)", a.T())
}
func (a about) One() string {
	switch {
	case a.Row.Op.OnField():
		return a.ValOf(a.Field)
	case a.Narrow():
		return "uint32(1) << shift"
	}
	return "1"
}
func (a about) Up(v string) string {
	switch {
	case a.Row.Op.OnField():
		return v + "&" + a.Mask()
	case a.Narrow():
		return "uint32(" + v + ")<<shift"
	}
	return v
}
func (a about) Left() string {
	if a.Narrow() {
		return a.T() + "("
	}
	return ""
}
func (a about) Right() string {
	switch {
	case a.Row.Op.OnField():
		return " & " + a.Mask()
	case a.Narrow():
		return " >> shift)"
	}
	return ""
}

// MaskOf and ValOf name constants of the word.
func (a about) MaskOf(field string) string { return a.On.Const(field, "Mask") }
func (a about) ValOf(field string) string  { return a.On.Const(field, "Val") }

// SetMasks has all bits of the fields that the row stores, and SetBits those that become 1.
// FromBits has what is there before.
func (a about) SetMasks() string { return a.masks(a.Set) }
func (a about) SetBits() string  { return a.values(a.Set) }
func (a about) FromBits() string {
	if len(a.From) == 0 {
		return a.SetMasks()
	}
	if bits := a.values(a.From); bits != "" {
		return bits
	}
	return "0"
}

func (a about) masks(set []spec.Value) string {
	var all []string
	for _, v := range set {
		all = append(all, a.MaskOf(v.Field))
	}
	return strings.Join(all, "|")
}

func (a about) values(set []spec.Value) string {
	var all []string
	for _, v := range set {
		switch {
		case v.Value == 1:
			all = append(all, a.ValOf(v.Field))
		case v.Value != 0:
			all = append(all, fmt.Sprintf("%d*%s", v.Value, a.ValOf(v.Field)))
		}
	}
	return strings.Join(all, "|")
}

// Update is the arithmetic of a read-modify-write, Verb its operator, and Operand what
// stands behind that, in its place in the word.
func (a about) Update() spec.Update { return spec.Updates[a.Row.Op] }
func (a about) Verb() string {
	return map[string]string{"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^", "andnot": "&^"}[a.Update().Verb]
}
func (a about) Operand() string {
	if a.Update().Unary {
		return a.One()
	}
	return a.Up("v")
}

// BothWays reports whether what a row exchanges brings along what was written before.
func (a about) BothWays() bool { return a.Order.Acquires() && a.Order.Releases() }

// Peers are rows beside which a row is tested. A peer for a row that orders orders the
// other way.
func (a about) StorePeer() *spec.Row {
	if a.Acquires() {
		return a.c.peer(spec.Store, a.Width, releases)
	}
	return a.c.peer(spec.Store, a.Width, relaxed)
}
func (a about) LoadPeer() *spec.Row {
	if a.Releases() {
		return a.c.peer(spec.Load, a.Width, acquires)
	}
	return a.c.peer(spec.Load, a.Width, relaxed)
}

// CellStore and CellLoad are the row and its peer, or what the harness has for it.
func (a about) CellStore() string {
	if a.Row.Op == spec.Store {
		return a.Name
	}
	return "poke[" + a.T() + "]"
}
func (a about) CellLoad() string {
	if a.Row.Op == spec.Load {
		return a.Name
	}
	return a.orPeek(a.LoadPeer())
}
func (a about) orPeek(r *spec.Row) string {
	if r == nil {
		return "peek[" + a.T() + "]"
	}
	return r.Name
}

// LoadAny is some atomic load.
func (a about) LoadAny() string {
	if a.Width >= 32 {
		return fmt.Sprintf("atomic.LoadUint%d", a.Width)
	}
	return a.orPeek(a.c.peer(spec.Load, a.Width, anyOrder))
}

// AcquiringExchange64 is a compare-and-exchange.
func (a about) AcquiringExchange64() string {
	if r := a.c.peer(spec.Cmpxchg, 64, acquires); r != nil {
		return r.Name
	}
	return "atomic.CompareAndSwapUint64"
}

// RowOf is the name of the table's row of an operation, or "".
func (a about) RowOf(op spec.Op) string {
	if r := a.c.peer(op, 0, anyOrder); r != nil {
		return r.Name
	}
	return ""
}

// Await is the condition of a wait, and Holds the condition for a value. Then is what the
// wait makes of the value.
func (a about) Await() spec.Await { return spec.Awaits[a.Row.Op] }
func (a about) Holds(value string) string {
	if a.Await().Masked {
		value += "&mask"
	}
	return fmt.Sprintf("%s %s want", value, a.Await().Is)
}
func (a about) Then(value string) string {
	switch a.Await().Then {
	case "add":
		return value + "+v"
	case "sub":
		return value + "-v"
	}
	return "v"
}

// nearby has, for each comparison, what to add to a value to get the operand with which the
// comparison holds, and with which it does not.
var nearby = map[string][2]int{"==": {0, 1}, "!=": {1, 0}, "<": {1, 0}, "<=": {0, -1}, ">": {-1, 0}, ">=": {0, 1}}

// Want is the operand with which the condition holds for a value, and WantAfter what to add
// to such a one, as Go text. AllBits is the mask with all bits, if the wait has one.
func (a about) Want(value int) int { return value + nearby[a.Await().Is][0] }
func (a about) WantAfter(add int) string {
	if n := a.Want(add); n != 0 {
		return fmt.Sprintf("%+d", n)
	}
	return ""
}
func (a about) AllBits() string {
	if a.Await().Masked {
		return fmt.Sprintf("^%s(0), ", a.T())
	}
	return ""
}

// Beside is 3 or 1, so that the condition does not hold for it with the operand with which
// it holds for 2. ThenArgs are arguments with which the wait changes 2 to it.
func (a about) Beside() int {
	if strings.HasPrefix(a.Await().Is, ">") {
		return 1
	}
	return 3
}
func (a about) ThenArgs() string {
	to := a.Beside()
	v := fmt.Sprint(map[string]int{"add": to - 2, "sub": 2 - to, "set": to}[a.Await().Then])
	if v == "-1" {
		v = "^" + a.T() + "(0)"
	}
	return fmt.Sprintf("%s%d, %s", a.AllBits(), a.Want(2), v)
}

// BoundedCall calls a function of the row's signature for 6 and the operand with which the
// condition holds, or does not, and returns what it returns.
func (a about) BoundedCall(function string, which int) string {
	args := fmt.Sprintf("&word, %s%d", a.AllBits(), 6+nearby[a.Await().Is][which])
	if a.Await().Then != "" {
		return fmt.Sprintf("old, _ := each.%s(%s, 1, spins)\nreturn uint32(old)", function, args)
	}
	return fmt.Sprintf("return uint32(each.%s(%s, spins))", function, args)
}

// ParamTypes and ResultTypes are those of the signature.
func (a about) ParamTypes() string { return joinTypes(a.Params()) }
func (a about) ResultTypes() string {
	if results := a.Results(); len(results) > 1 {
		return "(" + joinTypes(results) + ")"
	}
	return joinTypes(a.Results())
}

func joinTypes(ps []spec.Param) string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Type)
	}
	return strings.Join(all, ", ")
}
