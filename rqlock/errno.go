//go:build !plan9

package rqlock

import "syscall"

func isErrnoDeadlock(err error) bool { return err == syscall.EDEADLK }
func isErrnoTimeout(err error) bool  { return err == syscall.ETIMEDOUT }
