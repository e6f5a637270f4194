package mutate

var riscv64Table = &Table{
	Registers: []string{"X5 X6 X7 X8 X10 X11 X12 X13 X14 g ZERO"},
	Builds: []Build{
		{Env: []string{"GORISCV64=rva20u64"}, Defines: []string{"GORISCV64_rva20u64"}},
		{Env: []string{"GORISCV64=rva22u64"}, Defines: []string{"GORISCV64_rva22u64"}},
		{Env: []string{"GORISCV64=rva23u64"}, Defines: []string{"GORISCV64_rva23u64"}},
	},
	Machines: []Machine{
		{Line: []string{"qemu-riscv64-static|qemu-riscv64", "-cpu", "rv64,zacas=off,zabha=off,zawrs=off"}, Env: []string{"RQLOCK_VARIANT=riscv64+base"}},
		{Line: []string{"qemu-riscv64-static|qemu-riscv64", "-cpu", "max"}, Env: []string{"RQLOCK_VARIANT=riscv64+zabha"}},
	},
	// Of what is a WORD, the number changes.
	Words: replace(`
		BEQ: BNE BLTU
		BNE: BEQ BLTU
		BEQZ: BNEZ
		BNEZ: BEQZ
		BLTU: BGEU BLT
		BGEU: BLTU BGE
		BGEZ: BLTZ
		AND: OR
		ANDI: ORI
		OR: AND
		ORI: ANDI XORI
		XOR: OR ADD
		ADD: SUB
		SUB: ADD
		ADDI: XORI
		SLL: SRL SLLW
		SRL: SLL SRLW
		SLLI: SRLI
		SRLW: SRL
		SEQZ: SNEZ
		NOT: NEG
		NEG: NOT
		LRW: LRD MOVW
		LRD: LRW MOV
		SCW: SCD
		SCD: SCW
		AMOSWAPW: AMOADDW AMOSWAPD
		AMOSWAPD: AMOADDD AMOSWAPW
		AMOORW: AMOANDW
		RDTIME: RDCYCLE
	`),
	Accesses: replace(`
		MOV: MOVW
		MOVW: MOV MOVWU MOVH
		MOVWU: MOVW MOVHU
		MOVHU: MOVWU MOVBU
		MOVH: MOVW MOVB
		MOVBU: MOVHU
		MOVB: MOVH
	`),
}
