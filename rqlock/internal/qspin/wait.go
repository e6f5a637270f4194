package qspin

import "time"

var clockStart = time.Now()

func now() time.Duration { return time.Since(clockStart) }
