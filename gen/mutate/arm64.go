package mutate

import "strings"

var arm64Table = &Table{
	Registers: []string{"R0 R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 g ZR"},
	Builds: []Build{
		{Env: []string{"GOARM64=v8.0"}},
		{Env: []string{"GOARM64=v8.1"}, Defines: []string{"GOARM64_LSE"}},
	},
	Machines: []Machine{
		{Line: []string{"qemu-aarch64-static|qemu-aarch64", "-cpu", "max"}, Env: []string{"RQLOCK_VARIANT=arm64+lse"}},
		{Line: []string{"qemu-aarch64-static|qemu-aarch64", "-cpu", "cortex-a57"}, Env: []string{"RQLOCK_VARIANT=arm64+llsc"}},
	},
	Words: arm64Words(),
	Accesses: replace(`
		MOVD: MOVWU
		MOVWU: MOVD MOVHU
		MOVW: MOVD MOVH
		MOVHU: MOVWU MOVBU
		MOVH: MOVW MOVB
		MOVBU: MOVHU
		MOVB: MOVH
	`),
}

// arm64Words adds to the words that have no variants those of accesses, which have a
// width and an ordering.
func arm64Words() map[string][]string {
	words := replace(`
		BEQ: BNE BHS BLS
		BNE: BEQ BHI BLT
		BLO: BHS BLS
		BHS: BLO BHI
		CBZ: CBNZ CBZW
		CBNZ: CBZ CBNZW
		CBZW: CBNZW
		CBNZW: CBZW
		TBZ: TBNZ
		TBNZ: TBZ
		EQ: NE HS
		NE: EQ HI

		ADD: SUB
		SUB: ADD
		ADDW: SUBW
		SUBW: ADDW
		SUBSW: ADDSW
		AND: ORR
		ANDW: ORRW
		ORRW: ANDW EORW
		EOR: ORR ADD
		CMP: CMPW CMN
		CMPW: CMNW
		TSTW: CMPW
		LSLW: LSRW
		LSRW: LSLW
		CSETW: CSETMW
		UDIV: MUL

		YIELD: WFE
		WFE: YIELD
		CNTVCT_EL0: CNTFRQ_EL0
		CNTFRQ_EL0: CNTVCT_EL0
		PSTL1KEEP: PLDL1KEEP
	`)
	plain := map[string][2]string{"": {"MOVD", "MOVD"}, "W": {"MOVWU", "MOVW"}, "H": {"MOVHU", "MOVH"}, "B": {"MOVBU", "MOVB"}}
	wider := map[string]string{"B": "H", "H": "W", "W": "", "": "W"}
	for _, size := range []string{"", "W", "H", "B"} {
		add := func(op string, to ...string) { words[op] = append(words[op], to...) }
		other := wider[size]
		add("LDAR"+size, plain[size][0], "LDXR"+size, "LDAR"+other)
		add("STLR"+size, plain[size][1], "STLR"+other)
		add("LDXR"+size, "LDAXR"+size, "LDXR"+other, plain[size][0])
		add("LDAXR"+size, "LDXR"+size, "LDAXR"+other, "LDAR"+size)
		add("STXR"+size, "STLXR"+size, "STXR"+other)
		add("STLXR"+size, "STXR"+size, "STLXR"+other)
		cas := func(order string) string { // the assembler's D stands for 64 bits
			if size == "" {
				return "CAS" + order + "D"
			}
			return "CAS" + order + size
		}
		lse := func(op, order string) string {
			if size == "" {
				return op + order + "D"
			}
			return op + order + size
		}
		for _, order := range []string{"", "A", "L", "AL"} {
			for _, weaker := range []string{"", "A", "L", "AL"} {
				if weaker != order {
					add(cas(order), cas(weaker))
					add(lse("SWP", order), lse("SWP", weaker))
					add(lse("LDOR", order), lse("LDOR", weaker))
					add(lse("LDADD", order), lse("LDADD", weaker))
					add(lse("LDCLR", order), lse("LDCLR", weaker))
				}
			}
			add(cas(order), lse("SWP", order))
			add(lse("SWP", order), lse("LDADD", order), strings.TrimSuffix(lse("SWP", order), size)+map[string]string{"": "W", "W": "D", "H": "W", "B": "H"}[size])
			add(lse("LDOR", order), lse("LDCLR", order), lse("LDEOR", order))
			add(lse("LDADD", order), lse("LDOR", order))
			add(lse("LDCLR", order), lse("LDOR", order))
		}
	}
	return words
}
