package main

import "github.com/rqlock/rqlock/gen/audit"

func init() { mutants = append(mutants, riscv64Mutants...) }

var riscv64Mutants = []mutant{
	// Orderings of AMOs: aq is bit 26, rl bit 25.
	{"riscv64", "narrow", "XchgTailAcqRel", "$0x0e6292af", "$0x0a6292af", audit.RuleOrdering},
	{"riscv64", "narrow", "XchgTailAcqRel", "$0x0e6292af", "$0x0c6292af", audit.RuleOrdering},
	{"riscv64", "narrow", "XchgTailAcqRel", "$0x0e6292af", "$0x086292af", audit.RuleOrdering},
	{"riscv64", "narrow", "XchgLockedAcquire", "$0x0c6282af", "$0x0e6282af", audit.RuleOrdering},
	{"riscv64", "narrow", "TryCmpxchgTailRelaxed", "$0x2872942f", "$0x2c72942f", audit.RuleOrdering},
	{"riscv64", "narrow", "FetchSetPendingAcquire", "WORD $0x4462a2af", "AMOORW X6, (X5), X5", audit.RuleOrdering},
	{"riscv64", "narrow", "FetchSetPendingAcquire", "$0x4462a2af", "$0x4062a2af", audit.RuleOrdering},
	{"riscv64", "wide", "ClearPendingRelaxed", "$0x6062a02f", "$0x6262a02f", audit.RuleOrdering},
	{"riscv64", "wide", "ClearPendingSetLockedRelaxed", "$0x2062a02f", "$0x2462a02f", audit.RuleOrdering},
	{"riscv64", "narrow", "LockFast", "$0x0c62832f", "$0x0862832f", audit.RuleOrdering},
	{"riscv64 rva23u64", "narrow", "XchgTailAcqRel", "$0x0e6292af", "$0x0a6292af", audit.RuleOrdering},

	// Of LR and SC.
	{"riscv64", "narrow", "XchgTailAcqRel", "LRW (X5), X8", "WORD $0x1002a42f", audit.RuleOrdering},
	{"riscv64", "narrow", "XchgTailAcqRel", "LRW (X5), X8", "WORD $0x1602a42f", audit.RuleOrdering}, // with rl
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW X11, (X5), X11", "WORD $0x18b2a5af", audit.RuleOrdering},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW X11, (X5), X11", "WORD $0x1eb2a5af", audit.RuleOrdering}, // with aq
	{"riscv64", "narrow", "XchgLockedAcquire", "WORD $0x18b2a5af", "SCW X11, (X5), X11", audit.RuleOrdering},
	{"riscv64", "narrow", "TryCmpxchgTailRelaxed", "WORD $0x1002a5af", "LRW (X5), X11", audit.RuleOrdering},
	{"riscv64", "wide", "XchgTailAcqRel", "LRW (X5), X8", "WORD $0x1002a42f", audit.RuleOrdering},
	{"riscv64", "wide", "TryCmpxchgTailRelaxed", "WORD $0x18c2a5af", "SCW X12, (X5), X11", audit.RuleOrdering},

	// Of loads and stores, by fences.
	{"riscv64", "narrow", "UnlockRelease", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockRelease", "WORD $0x0310000f", "WORD $0x0330000f", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockRelease", "WORD $0x0310000f", "FENCE", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockRelease", "WORD $0x0310000f", "WORD $0x0230000f", audit.RuleFence},
	{"riscv64", "narrow", "UnlockRelease", "WORD $0x0310000f", "WORD $0x0110000f", audit.RuleFence}, // w,w
	{"riscv64", "narrow", "UnlockRelease", "WORD $0x0310000f // fence rw,w\nMOVB ZERO, (X5)", "MOVB ZERO, (X5)\nWORD $0x0310000f", audit.RuleFence},
	{"riscv64", "narrow", "UnlockRelease", "RET", "FENCE\nRET", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockRelease", "WORD $0x0310000f // fence rw,w", "BEQZ X5, past\nWORD $0x0310000f\npast:", audit.RuleFence},
	{"riscv64", "wide", "UnlockRelease", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "StoreRelease8", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "StoreRelaxed8", "MOVB X6, (X5)", "WORD $0x0310000f\nMOVB X6, (X5)", audit.RuleOrdering},
	{"riscv64", "narrow", "LoadAcquire8", "WORD $0x0230000f // fence r,rw\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "LoadAcquire8", "WORD $0x0230000f", "WORD $0x0220000f", audit.RuleFence}, // r,r
	{"riscv64", "narrow", "LoadAcquire16", "WORD $0x0230000f", "FENCE", audit.RuleOrdering},
	{"riscv64", "narrow", "LoadAcquire32", "MOVW (X5), X5", "FENCE\nMOVW (X5), X5", audit.RuleOrdering},
	{"riscv64", "narrow", "LoadRelaxed16", "MOVHU (X5), X5", "MOVHU (X5), X5\nWORD $0x0230000f", audit.RuleOrdering},
	{"riscv64", "narrow", "CondLoadAcquire32", "WORD $0x0230000f // fence r,rw\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "CondLoadAcquire32", "LRW (X5), X8", "WORD $0x1002a42f", audit.RuleOrdering},
	{"riscv64", "narrow", "CondLoadRelaxed32", "WORD $0x1002a42f", "LRW (X5), X8", audit.RuleOrdering},
	{"riscv64", "narrow", "LockFast", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockFast", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},

	// Widths and offsets, also of the parts that LR and SC change.
	{"riscv64", "narrow", "XchgTailAcqRel", "$0x0e6292af", "$0x0e62a2af", audit.RuleWidth},
	{"riscv64", "narrow", "XchgTailAcqRel", "ADDI $2, X5, X5\n", "", audit.RuleOffset},
	{"riscv64", "narrow", "XchgTailAcqRel", "MOV $-65536, X7", "MOV $-1, X7", audit.RuleWidth},
	{"riscv64", "narrow", "XchgTailAcqRel", "MOV $-65536, X7", "MOV $65535, X7", audit.RuleOffset},
	{"riscv64", "narrow", "XchgTailAcqRel", "AND X7, X11, X11\n", "", audit.RuleWidth},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW X11, (X5), X11", "SCW X6, (X5), X11", audit.RuleWidth},
	{"riscv64", "narrow", "XchgTailAcqRel", "XOR X8, X11, X11\n", "", audit.RuleWidth},
	{"riscv64", "narrow", "XchgTailAcqRel", "LRW (X5), X8", "LRD (X5), X8", audit.RuleWindow},
	{"riscv64", "narrow", "Xchg8AcqRel", "MOV $255", "MOV $65535", audit.RuleWidth},
	{"riscv64", "narrow", "Xchg16AcqRel", "MOV $65535", "MOV $255", audit.RuleWidth},
	{"riscv64", "narrow", "Xchg8AcqRel", "ANDI $-4", "ANDI $-2", audit.RuleAddress},
	{"riscv64", "narrow", "Xchg8AcqRel", "ANDI $3", "ANDI $1", audit.RuleAddress},
	{"riscv64", "narrow", "Xchg8AcqRel", "SLLI $3", "SLLI $2", audit.RuleAddress},
	{"riscv64", "narrow", "TryCmpxchgTailRelaxed", "$0x2872942f", "$0x2872a42f", audit.RuleWidth},
	{"riscv64", "narrow", "TryCmpxchgTailRelaxed", "MOV $-65536, X8", "MOV $-512, X8", audit.RuleWidth},
	{"riscv64", "narrow", "FetchSetPendingAcquire", "$0x4462a2af", "$0x446292af", audit.RuleDispatch}, // a halfword, for which nobody asks
	{"riscv64", "narrow", "UnlockRelease", "MOVB ZERO", "MOVW ZERO", audit.RuleWidth},
	{"riscv64", "narrow", "UnlockRelease", "(X5)", "1(X5)", audit.RuleOffset},
	{"riscv64", "narrow", "ClearPendingRelaxed", "1(X5)", "(X5)", audit.RuleOffset},
	{"riscv64", "narrow", "ClearPendingSetLockedRelaxed", "MOVH X6", "MOVW X6", audit.RuleWidth},
	{"riscv64", "narrow", "SetLockedRelaxed", "MOV $1", "MOV $2", audit.RuleValue},
	{"riscv64", "narrow", "LoadAcquire8", "MOVBU (X5)", "MOVHU (X5)", audit.RuleWidth},
	{"riscv64", "narrow", "StoreRelease16", "MOVH X6", "MOVW X6", audit.RuleWidth},
	{"riscv64", "narrow", "LockFast", "ORI $1", "ORI $256", audit.RuleOffset},
	{"riscv64", "narrow", "LockFast", "ORI $1", "ORI $257", audit.RuleWidth},
	{"riscv64", "narrow", "LockFast", "MOV g, 8(X5)", "MOVW g, 8(X5)", audit.RuleWidth},

	{"riscv64", "narrow", "LockFast", "held:", "MOVB ZERO, ok+8(FP)\nheld:", audit.RuleFrame},
	{"riscv64", "narrow", "StoreRelease32", "MOVW v", "MOVWU v", audit.RuleWidth},
	{"riscv64", "narrow", "LoadAcquire32", "MOVW (X5)", "MOVWU (X5)", audit.RuleWidth},
	{"riscv64", "narrow", "CondLoadRelaxed32", "MOVWU spins", "MOVW spins", audit.RuleWidth},

	// Windows of LR and SC, of which hardware asks more than an emulator does.
	{"riscv64", "narrow", "XchgTailAcqRel", "BNEZ X11, retry\n", "", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "BNEZ X11, retry", "BNEZ X8, retry", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "BNEZ X11, retry", "BEQZ X11, retry", audit.RuleRetry},
	{"riscv64", "narrow", "TryCmpxchgTailRelaxed", "BNEZ X11, retry", "BNEZ X11, base", audit.RuleRetry}, // which flips bits twice
	{"riscv64", "narrow", "XchgTailAcqRel", "BNEZ X11, retry", "BNEZ X11, out\nout:", audit.RuleRetry},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "MOVW (X5), X13\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "MOVW X8, (X5)\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "MOVW X8, old+16(FP)\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "WORD $0x0330000f\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "LRW (X5), X8\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "MUL X8, X8, X13\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "CALL ·aside(SB)\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", "back:\nADDI $1, X13, X13\nBNEZ X13, back\nSCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW", eleven + "SCW", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "retry:\nLRW (X5), X8", "LRW (X5), X8\nretry:", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "LRW (X5)", "MOVW (X5)", audit.RuleWindow},
	{"riscv64", "narrow", "XchgTailAcqRel", "SCW X11, (X5), X11", "ADDI $4, X5, X13\nSCW X11, (X13), X11", audit.RuleWindow},
	{"riscv64", "wide", "XchgTailAcqRel", "BNEZ X11, retry\n", "", audit.RuleWindow},
	{"riscv64", "narrow", "UnlockRelease", "MOVB ZERO, (X5)", "MOV $1, X6\nretry:\nLRW (X5), X7\nSCW X6, (X5), X8\nBNEZ X8, retry", audit.RuleAccess},
	{"riscv64", "narrow", "UnlockRelease", "MOVB ZERO, (X5)", "AMOSWAPW ZERO, (X5), X6", audit.RuleAccess},
	{"riscv64", "narrow", "UnlockRelease", "MOVB ZERO, (X5)", "MOVB ZERO, (X5)\nMOVW (X5), X7", audit.RuleAccess},
	{"riscv64", "narrow", "UnlockRelease", "MOVB ZERO, (X5)\n", "", audit.RuleMissing},

	// Bodies.
	{"riscv64", "narrow", "Xchg8AcqRel", "BEQZ X7, base\n", "", audit.RuleDispatch},
	{"riscv64", "narrow", "Xchg8AcqRel", "BEQZ X7, base", "BNEZ X7, base", audit.RuleDispatch},
	{"riscv64", "narrow", "Xchg8AcqRel", "BEQZ X7, base", "JMP base", audit.RuleDispatch},
	{"riscv64", "narrow", "Xchg8AcqRel", "·hasZabha", "·hasZacas", audit.RuleDispatch},
	{"riscv64", "narrow", "Xchg8AcqRel", "·hasZabha", "·unrelated", audit.RuleAddress},
	{"riscv64", "narrow", "LockOwned", "·hasZacas", "·hasZawrs", audit.RuleDispatch},
	{"riscv64 rva22u64", "narrow", "LockOwned", "·hasZacas", "·hasZawrs", audit.RuleDispatch},
	{"riscv64 rva23u64", "narrow", "LockOwned", "BEQZ X7, base\n", "", audit.RuleDispatch}, // the profile has no Zacas

	{"riscv64", "narrow", "zabhaPath", "MOV $1, X5\n", "", audit.RuleValue},
	{"riscv64", "narrow", "zabhaPath", "MOVB ZERO, yes", "MOVB X5, yes", audit.RuleValue},
	{"riscv64", "narrow", "zawrsPath", "MOV $1, X5\n", "MOV $2, X5\n", audit.RuleValue},

	// A lock whose owner is the lock.
	{"riscv64", "narrow", "LockFast", "BNEZ X6, closed\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "LockFast", "MOV g, 8(X5)", "MOV ZERO, 8(X5)", audit.RuleValue},
	{"riscv64", "narrow", "LockFast", "ORI $1", "ORI $2", audit.RuleValue},
	{"riscv64", "narrow", "LockFast", "MOV $1, X6", "MOV $2, X6", audit.RuleValue},
	{"riscv64", "narrow", "UnlockFast", "WORD $0x0032e013 // prefetch.w 0(x5)\n", "", audit.RuleMissing},
	{"riscv64", "narrow", "UnlockFast", "$0x0032e013", "$0x0012e013", audit.RuleMissing}, // to read
	{"riscv64", "narrow", "UnlockFast", "BNE X6, g, foreign\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "UnlockFast", "MOV ZERO, 8(X5)\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "LockOwned", "$0x2c62b3af", "$0x2862b3af", audit.RuleOrdering},
	{"riscv64", "narrow", "LockOwned", "$0x2c62b3af", "$0x2e62b3af", audit.RuleOrdering},
	{"riscv64", "narrow", "LockOwned", "$0x2c62b3af", "$0x2c62a3af", audit.RuleWidth},
	{"riscv64", "narrow", "LockOwned", "MOV $0, X7", "MOV $1, X7", audit.RuleValue},
	{"riscv64", "narrow", "LockOwned", "MOV 152(g), X6", "MOV g, X6", audit.RuleValue},
	{"riscv64", "narrow", "LockOwned", "152(g)", "144(g)", audit.RuleAddress},
	{"riscv64", "narrow", "LockOwned", "LRD", "LRW", audit.RuleWindow},
	{"riscv64", "narrow", "LockOwned", "WORD $0x1862b3af", "SCD X6, (X5), X7", audit.RuleOrdering},
	{"riscv64", "narrow", "LockOwned", "15(X5)", "12(X5)", audit.RuleOffset},
	{"riscv64", "narrow", "LockOwned", "BNEZ X7, held\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "LockOwned", "BNEZ X7, miss\n", "", audit.RuleControl}, // nobody gets there
	{"riscv64", "narrow", "UnlockOwned", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockOwned", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockOwned", "WORD $0x0330000f", "WORD $0x8330000f", audit.RuleFence}, // FENCE.TSO
	{"riscv64", "narrow", "UnlockOwned", "WORD $0x0230000f // fence r,rw\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "UnlockOwned", "MOV ZERO, (X5)", "MOVW ZERO, (X5)", audit.RuleWidth},
	{"riscv64", "narrow", "UnlockOwned", "BNE X6, X7, foreign\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "UnlockOwned", "12(X5)", "8(X5)", audit.RuleOffset},
	{"riscv64", "narrow", "UnlockOwned", "MOV 152(g), X7", "MOV g, X7", audit.RuleMissing},

	// A reader-writer lock whose readers have slots.
	{"riscv64", "narrow", "ReadLock", "$0x2e53b42f", "$0x2c53b42f", audit.RuleOrdering},
	{"riscv64", "narrow", "ReadLock", "SCD X5, (X7), X8", "WORD $0x1853b42f", audit.RuleOrdering},
	{"riscv64", "narrow", "ReadLock", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "ReadLock", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "ReadLock", "SRL $7", "SRL $6", audit.RuleAddress},
	{"riscv64", "narrow", "ReadLock", "AND X8", "OR X8", audit.RuleAddress},
	{"riscv64", "narrow", "ReadLock", "MOV X6, 24(X7)", "MOV X5, 24(X7)", audit.RuleValue},
	{"riscv64", "narrow", "ReadLock", "BNEZ X6, claimed\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "ReadLock", "16(X5)", "20(X5)", audit.RuleOffset},
	{"riscv64", "narrow", "ReadUnlock", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "ReadUnlock", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "ReadUnlock", "MOV ZERO, 24(X7)\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "ReadUnlock", "BNE X8, X6, other\n", "", audit.RuleSequence},
	{"riscv64", "narrow", "WriteLock", "$0x2e62b3af", "$0x2c62b3af", audit.RuleOrdering},
	{"riscv64", "narrow", "WriteLock", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "WriteLock", "SCD X6", "SCD X5", audit.RuleValue},
	{"riscv64", "narrow", "WriteUnlock", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "narrow", "WriteUnlock", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleOrdering},

	// What branches ask.
	{"riscv64", "narrow", "UnlockFast", "BNE X6, g, foreign", "BLTU X6, g, foreign", audit.RuleCondition},
	{"riscv64", "narrow", "UnlockFast", "BNE X6, g, foreign", "BNE X6, X5, foreign", audit.RuleCondition},
	{"riscv64", "narrow", "LockFast", "BNEZ X6, held", "BGEZ X6, held", audit.RuleCondition},
	{"riscv64", "narrow", "LockFast", "ANDI $255, X6, X7", "ANDI $127, X6, X7", audit.RuleCondition},
	{"riscv64", "narrow", "LockFast", "BNEZ X7, miss", "BNEZ X6, miss", audit.RuleCondition}, // all of the word
	{"riscv64", "wide", "LockFast", "ANDI $1, X6, X6", "ANDI $3, X6, X6", audit.RuleCondition},
	{"riscv64", "narrow", "LockOwned", "ANDI $128", "ANDI $64", audit.RuleCondition},
	{"riscv64", "narrow", "LockOwned", "ANDI $128, X7, X7\n", "", audit.RuleCondition},
	{"riscv64", "narrow", "LockOwned", "BNEZ X7, miss", "BGEZ X7, miss", audit.RuleCondition},
	{"riscv64", "narrow", "ReadLock", "BGEZ X5, claimed", "BLTZ X5, claimed", audit.RuleCondition},
	{"riscv64", "narrow", "ReadLock", "BGEZ X5, claimed", "BEQZ X5, claimed", audit.RuleCondition},
	{"riscv64", "narrow", "ReadLock", "MOVW 16(X5), X5", "MOVWU 16(X5), X5", audit.RuleCondition}, // has no sign
	{"riscv64", "narrow", "ReadLock", "MOVW ZERO, rest", "MOVW X5, rest", audit.RuleCondition},
	{"riscv64", "narrow", "ReadUnlock", "BNE X8, X5, other", "BNE X8, X6, other", audit.RuleCondition},
	{"riscv64", "narrow", "WriteLock", "BNEZ X5, readers", "BNEZ X5, held", audit.RuleCondition},
	{"riscv64", "narrow", "WriteUnlock", "BNEZ X5, wake", "BNEZ X5, foreign", audit.RuleCondition},
	{"riscv64", "narrow", "UnlockOwned", "MOV $1, X5", "MOV $0, X5", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "MOVW mask", "MOVWU mask", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "MOVW want", "MOVWU want", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "MOVWU spins", "MOVW spins", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "MOV $250, X12", "MOV $251, X12", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "BLTU X11, X12, poll", "BGEU X11, X12, poll", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "BLTU X8, X12, sleep", "BGEU X8, X12, sleep", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "BLTU X8, X12, sleep", "BLT X8, X12, sleep", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "SUB X11, X8, X8", "SUB X11, X11, X8", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "SUB X11, X8, X8", "SUB X8, X11, X8", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "MOV ·sleepTicks", "MOVWU ·sleepTicks", audit.RuleWidth},
	{"riscv64", "narrow", "CondLoadAcquire32", "BEQ X13, X7, done", "BEQ X13, X6, done", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "BEQ X13, X7, done\n", "", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadAcquire32", "AND X6, X8, X12\n", "", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadRelaxed32", "BEQ X12, X7, done\npoll:", "poll:", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadRelaxed32", "ADDI $-1, X11, X11", "ADDI $-2, X11, X11", audit.RuleCondition},
	{"riscv64", "narrow", "CondLoadRelaxed32", "BGEZ X11, relax", "BGTZ X11, relax", audit.RuleCondition}, // one spin fewer
	{"riscv64", "narrow", "CondLoadRelaxed32", "MOVW X8, v+24(FP)", "MOVW X7, v+24(FP)", audit.RuleValue},
	{"riscv64", "narrow", "CondLoadRelaxed32", "BLTU X8, X12, sleep\nMOVW (X5), X8\n", "BLTU X8, X12, sleep\n", audit.RuleLoop},
	{"riscv64", "families", "Below64", "BLTU X7, X6, done", "BLT X7, X6, done", audit.RuleCondition},
	{"riscv64", "narrow", "LockOwned", "MOVBU 15(X5), X7\n", "MOVBU 15(X5), X7\nMOVBU 15(X5), X7\n", audit.RuleValue}, // nobody reads the first
	{"riscv64", "narrow", "UnlockOwned", "MOVW ZERO, rest", "MOVW X28, rest", audit.RuleRegister},                     // which nobody has written

	// Waits.
	{"riscv64", "narrow", "CondLoadAcquire32", "WORD $0x0100000f // pause\n", "", audit.RuleLoop},
	{"riscv64", "narrow", "CondLoadAcquire32", "WORD $0x01d00073 // wrs.sto\n", "", audit.RuleLoop},
	{"riscv64", "narrow", "CondLoadAcquire32", "LRW (X5), X8", "MOVW (X5), X8\nWORD $0x0230000f", audit.RuleSleep},
	{"riscv64", "narrow", "CondLoadAcquire32", "sleep:\nLRW (X5), X8", "LRW (X5), X8\nsleep:", audit.RuleSleep},
	{"riscv64", "narrow", "CondLoadAcquire32", "WORD $0x01d00073", "MOVW (X5), X13\nWORD $0x0230000f\nWORD $0x01d00073", audit.RuleWindow},
	{"riscv64", "narrow", "CondLoadAcquire32", "BEQZ X12, poll\n", "", audit.RuleSleep},
	{"riscv64", "narrow", "CondLoadAcquire32", "·hasZawrs", "·unrelated", audit.RuleAddress},
	{"riscv64 rva23u64", "narrow", "CondLoadAcquire32", "MOV ·sleepTicks+0(SB), X12", "MOV ·sleepTicks+0(SB), X12\nMOVBU ·hasZawrs+0(SB), X14", audit.RuleDispatch},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause\n", "", audit.RuleMissing},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause", "WORD $0x0100000f\nWORD $0x01d00073", audit.RuleSleep},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause", "WORD $0x0100000f\nFENCE", audit.RuleFence},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause", "WORD $0x0100000f\nMOV ZERO, TP", audit.RuleRegister},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause", "WORD $0x0100000f\nMOV ZERO, g", audit.RuleRegister},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause", "WORD $0x0100000f\nADDI $-16, X2, X2", audit.RuleRegister},
	{"riscv64", "narrow", "CPURelax", "RET", "JMP ·aside(SB)", audit.RuleControl},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause", "WORD $0x0100000f\nECALL", audit.RuleInstruction},
	{"riscv64", "narrow", "CPURelax", "WORD $0x0100000f // pause", "WORD $0x0100000f\nMOVF F1, F2", audit.RuleInstruction},
	{"riscv64", "narrow", "CycleCount", "RDTIME X5", "RDCYCLE X5", audit.RuleInstruction}, // it traps
	{"riscv64", "narrow", "CycleCount", "RDTIME X5", "MOV ZERO, X5", audit.RuleMissing},
	{"riscv64", "narrow", "CurrentG", "MOV g", "MOV X5", audit.RuleMissing},
	{"riscv64", "narrow", "CurrentGoid", "152(g)", "160(g)", audit.RuleAddress},

	// Families.
	{"riscv64", "families", "Inc16", "$0x0262902f", "$0x0062902f", audit.RuleOrdering},
	{"riscv64", "families", "Inc16", "$0x0262902f", "$0x0262802f", audit.RuleWidth},
	{"riscv64", "families", "Inc16", "SCW X11, (X5), X8", "WORD $0x18b2a42f", audit.RuleOrdering},
	{"riscv64", "families", "Inc16", "AND X7, X11, X11\n", "", audit.RuleAddress}, // carries into the neighbour
	{"riscv64", "families", "FetchSub64", "AMOADDD", "AMOADDW", audit.RuleWidth},
	{"riscv64", "families", "FetchSub64", "AMOADDD", "AMOSWAPD", audit.RuleAccess},
	{"riscv64", "families", "FetchXor32", "$0x2462a2af", "$0x2062a2af", audit.RuleOrdering},
	{"riscv64", "families", "FetchXor32", "WORD $0x2462a2af", "AMOXORW X6, (X5), X5", audit.RuleOrdering},
	{"riscv64", "families", "AddMiddle", "BNEZ X11, retry\n", "", audit.RuleWindow},
	{"riscv64", "families", "AddMiddle", "LRW (X5), X8", "WORD $0x1002a42f", audit.RuleOrdering},
	{"riscv64", "families", "Replace8", "$0x2e72832f", "$0x2e72932f", audit.RuleWidth},
	{"riscv64", "families", "Replace8", "BNEZ X13, retry\n", "", audit.RuleWindow},
	{"riscv64", "families", "Replace8", "AND X8, X7, X7\n", "", audit.RuleAddress}, // flips bits of the neighbours
	{"riscv64", "families", "ReplaceMiddle", "SCW X12, (X5), X12", "WORD $0x18c2a62f", audit.RuleOrdering},
	{"riscv64", "families", "Below64", "WORD $0x0100000f // pause\n", "", audit.RuleLoop},
	{"riscv64", "families", "Below64", "BEQZ X11, poll\n", "", audit.RuleSleep},
	{"riscv64", "families", "Take32", "$0x2c82a62f", "$0x2882a62f", audit.RuleOrdering},
	{"riscv64", "families", "Take32", "BEQZ X12, base\n", "", audit.RuleDispatch},
	{"riscv64", "families", "Give64", "$0x2ed2b72f", "$0x2cd2b72f", audit.RuleOrdering},
	{"riscv64", "families", "Give64", "SCD X13, (X5), X14", "WORD $0x18d2b72f", audit.RuleOrdering},
	{"riscv64", "families", "Publish64", "", "*p = v", audit.RuleAccess},
	{"riscv64", "families", "Publish8", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleOrdering},
	{"riscv64", "families", "Publish8", "WORD $0x0310000f // fence rw,w\n", "", audit.RuleOrdering},
	{"riscv64", "families", "Inspect8", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleOrdering},
	{"riscv64", "families", "Inspect32", "", "return *p", audit.RuleOrdering},
	{"riscv64", "families", "Full", "WORD $0x0330000f // fence rw,rw\n", "", audit.RuleMissing},
	{"riscv64", "families", "Full", "$0x0330000f", "$0x8330000f", audit.RuleOrdering},
	{"riscv64", "families", "Half", "WORD $0x0230000f // fence r,rw\n", "", audit.RuleMissing},
	{"riscv64", "families", "Half", "$0x0230000f", "$0x0310000f", audit.RuleOrdering},

	// What the compiler makes of plain Go.
	{"riscv64", "narrow", "TryCmpxchgAcquire32", "", "if *p != old {\nreturn false\n}\n*p = new\nreturn true", audit.RuleAccess},
	{"riscv64 rva23u64", "narrow", "Xchg32AcqRel", "", "old, *p = *p, new\nreturn old", audit.RuleAccess},
}

// eleven instructions make a loop of LR and SC too long.
const eleven = "" +
	"ADDI $1, X13, X13\nADDI $1, X13, X13\nADDI $1, X13, X13\nADDI $1, X13, X13\nADDI $1, X13, X13\nADDI $1, X13, X13\n" +
	"ADDI $1, X13, X13\nADDI $1, X13, X13\nADDI $1, X13, X13\nADDI $1, X13, X13\nADDI $1, X13, X13\n"
