package stall

import "github.com/rqlock/rqlock/asm"

// Since returns since when the lock has been granted to nobody, as far as its head knows, or 0
// if that has not closed it.
func (h *Head) Since() int64 {
	if !h.Closed {
		return 0
	}
	return h.quiet
}

// QuietSince is Head.Since of the head that sleeps beside l, for anybody. It is 0 if s is not it.
func (s *Sleeper) QuietSince(l *asm.Owned) int64 {
	d := watchdog
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.at >= len(d.heads) || d.heads[s.at] != s || s.lock != l {
		return 0
	}
	return s.head.Since() // while it is in the list, only the watchdog writes it
}
