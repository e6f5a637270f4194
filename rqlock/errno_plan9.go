package rqlock

func isErrnoDeadlock(error) bool { return false }
func isErrnoTimeout(error) bool  { return false }
