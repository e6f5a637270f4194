package spec

// Operations on fields of the word at val.
func init() {
	const changed = `*val = *val&^{{.Mask}} | {{.As "new"}}&{{.Mask}}`
	Register(
		Operation{
			Op: XchgField, On: OneField, Orders: updates, Reads: true, Writes: true, Atomic: "Swap", Race: byOrder,
			Sig: "func(val *uintN, new uintN) (old uintN)", Does: "sets FIELD to the FIELD bits of new, and returns the FIELD bits that it replaced. Both are in their place in the word, and other bits of new are ignored.",
			Twin: `return replaceBits{{.Suffix}}(val, {{.Mask}}, new){{.Right}}`,
			Oracle: `old := *val & {{.Mask}}
` + changed + `
return old`,
			Torture: &Torture{
				That: "the tokens that workers exchange through the {{.Field}} are conserved while the other fields change.",
				Body: `conserveField(t, n, {{.Mask}}, {{.BothWays}}, {{.Name}})`,
			},
		},
		Operation{
			Op: CmpxchgField, On: OneField, Orders: updates, Reads: true, Writes: true, Atomic: "CompareAndSwap", Race: &Race{AcquiresIf: "ok"},
			Sig: "func(val *uintN, old uintN, new uintN) (ok bool)", Does: "sets FIELD to the FIELD bits of new if it equals the FIELD bits of old, and reports whether it did. Both are in their place in the word, and their other bits are ignored.",
			Twin: `return tryReplaceBits{{.Suffix}}(val, {{.Mask}}, old, new)`,
			Oracle: `if *val&{{.Mask}} != {{.As "old"}}&{{.Mask}} {
	return false
}
` + changed + `
return true`,
			Torture: &Torture{That: successesOfField, Body: `countField(t, n, {{.Mask}}, {{.Name}})`},
		},
		Operation{
			Op: CmpxchgFieldOld, On: OneField, Orders: updates, Reads: true, Writes: true, Atomic: "CompareAndSwap", Race: &Race{AcquiresIf: "(found^old)&{{.Mask}} == 0"},
			Sig: "func(val *uintN, old uintN, new uintN) (found uintN)", Does: "sets FIELD to the FIELD bits of new if it equals the FIELD bits of old, and returns the FIELD bits that it found. All are in their place in the word, and other bits are ignored.",
			Twin: twinExchange,
			Oracle: `found := *val & {{.Mask}}
if found == {{.As "old"}}&{{.Mask}} {
	` + changed + `
}
return found`,
			Torture: &Torture{That: successesOfField, Body: `countField(t, n, {{.Mask}}, func(val *{{.T}}, old, new {{.T}}) bool {
	return ({{.Name}}(val, old, new)^old)&{{.Mask}} == 0
})`},
		},
		Operation{
			Op: FetchSetBit, On: OneField, Orders: updates, Reads: true, Writes: true, Atomic: "Or", Race: byOrder,
			Sig: "func(val *uintN) (old uintN)", Does: "sets the lowest bit of FIELD and returns the word. That bit of the result is the one before; its other bits may be newer, but never older.",
			Twin: `return atomic.OrUint{{.WordBits}}(val, {{.One}})`,
			Oracle: `old := *val
*val |= {{.One}}
return old`,
			Torture: &Torture{
				That: `it changes nothing but the bit.{{if .Acquires}} Only one worker finds the bit clear, and what was written before it was cleared.{{end}}`,
				Body: `overwrite(t, n, {{.One}}, 0, {{.One}}, func(val *{{.T}}) {
	{{.Name}}(val)
}){{if .Acquires}}
var val {{.T}}
exclusive(t, n, func() bool {
	return {{.Name}}(&val)&{{.One}} == 0
}, func() {
	atomic.AndUint{{.WordBits}}(&val, ^{{.One}})
}){{end}}`,
			},
		},
		Operation{
			Op: StoreFields, On: Fields, Orders: stores, Writes: true, Race: byOrder,
			Sig: "func(val *uintN)", Does: "gives SET, and changes no other bit of the word.",
			// What the fields are before saves an instruction on some architectures, and changes
			// no result.
			Twin: `{{if .SetBits}}replaceBits{{.Suffix}}(val, {{.SetMasks}}, {{.SetBits}}){{else}}atomic.AndUint{{.WordBits}}(val, ^{{if eq (len .Set) 1}}{{.SetMasks}}{{else}}({{.SetMasks}}){{end}}){{end}}`,
			Oracle: `*val &^= {{.SetMasks}}
{{with .SetBits}}*val |= {{.}}
{{end}}return nil`,
			Torture: &Torture{
				That: `it loses no change of the other fields.{{if and .Releases (not .SetBits)}} A lock that is released by it excludes.{{end}}`,
				Body: `overwrite(t, n, {{.SetMasks}}, {{.FromBits}}, {{or .SetBits "0"}}, {{.Name}}){{if and .Releases (not .SetBits)}}
var val {{.T}}
exclusive(t, n, func() bool {
	return atomic.CompareAndSwapUint{{.WordBits}}(&val, 0, {{.SetMasks}})
}, func() {
	{{.Name}}(&val)
}){{end}}`,
			},
		},
	)
}

const successesOfField = "each success counts once, and none fails because of the other fields."
