package rqlock

import "github.com/rqlock/rqlock/asm"

func rlockFused(l *RWMutex) error {
	switch asm.ReadLock(&l.rw, &readerTable) {
	case asm.ReadRefused:
		return rlockContended(l)
	case asm.ReadClaimed:
		return rlockClaimed(l)
	}
	return nil
}

func runlockFused(l *RWMutex) {
	switch asm.ReadUnlock(&l.rw, &readerTable) {
	case asm.WakeDue:
		runlockWake(l)
	case asm.NotOwner:
		runlockOther(l)
	}
}

func wlockFused(l *RWMutex) error {
	switch asm.WriteLock(&l.rw) {
	case asm.WriteRefused:
		return wlockContended(l)
	case asm.ReadersDue:
		return wlockReaders(l)
	}
	return nil
}

func wunlockFused(l *RWMutex) {
	switch asm.WriteUnlock(&l.rw) {
	case asm.WakeDue:
		wunlockWake(l)
	case asm.NotOwner:
		wunlockForeign(l)
	case asm.AdmitDue:
		wunlockAdmit(l)
	}
}
