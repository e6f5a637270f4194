// Package qspin is rqlock's queued lock without its resilience. It has the same
// primitives, the same queue and the same policy of waiting, but it does not check
// the owner, detects no deadlock, has no timeout and counts nothing. It waits for
// ever, as sync.Mutex does.
//
// It is the baseline of the benchmarks in rqlock/cmd/bench, which show what
// resilience costs. It is correct, but programs want rqlock or sync.Mutex.
package qspin
