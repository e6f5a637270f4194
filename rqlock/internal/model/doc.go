// Package model explores the lock: rqlock's own source, copied by gen with each
// shared access made a step of the explorer in internal/mc, run by small programs
// under sequential consistency, TSO and a release/acquire memory.
//
//	go test ./rqlock/internal/model                 # the short tier
//	make model                             # and the mutants, under 5 minutes on two cores
//	make model-long                        # larger programs, for hours
//
// What is the lock's own: lock.go, slowpath.go, waiter.go, detect.go, bell.go and
// wait.go, with every primitive in the ordering of its row in the table. What is
// the model's: time, which passes by choice; parking; goroutine identity; how
// long to spin (one try); the text of reports. Tables are as small as the
// programs allow, and the free list's only chunk is made before a program begins.
//
// The checks: mutual exclusion, as an owner and as a data race on a plain
// variable; nobody stuck; every cycle reported, to exactly one victim that was in
// it; no timeout without the time; no more than one acquisition past a closed
// door; at the end no lock held, no record, edge or node left.
package model
