package blocks

import "syscall"

func (h *hub) flock(fd int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := syscall.Flock(fd, syscall.LOCK_EX); err != nil { // want `syscall.Flock may block.*blocks`
		return err
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return err
	}
	return syscall.Flock(fd, syscall.LOCK_UN)
}
