// Package qspin is rqlock's queued lock without its resilience: the same
// primitives, the same queue and the same way of waiting, but no check of the
// owner, no deadlock detection, no timeouts and no counters. It waits for ever,
// as sync.Mutex does.
//
// It is the baseline that measures what resilience costs; see the benchmarks in
// rqlock/cmd/rqbench. It is correct, but programs want rqlock or sync.Mutex.
package qspin
