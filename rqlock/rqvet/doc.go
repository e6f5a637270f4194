// Package rqvet checks the use of [github.com/rqlock/rqlock/rqlock], whose locks
// fail instead of hanging: what Linux's verifier does for rqspinlock in programs,
// this analyzer does for Go.
//
// It follows every path of a function, with a lock operation splitting the path
// in two: one where it succeeded and one where it failed. A path that then
// contradicts what the program does is a finding, of one of the [Rules]. Where a
// path cannot be decided it says nothing.
//
//	go run github.com/rqlock/rqlock/rqlock/cmd/rqvet ./...
//
// How it works, from the outside in:
//
//   - rqvet.go runs the parts on one package; rules.go lists the rules, ignore.go
//     reads comments that silence them.
//   - explore.go walks the SSA blocks of one function with a set of states,
//     state.go; value.go says what is known of a value and which lock a pointer
//     means.
//   - lockops.go has the rules of Lock and Unlock, exits.go those of a function's
//     end.
//   - rounds.go has those of a loop's round.
//   - calls.go says what a call does, closures.go what function literals, defers and
//     goroutines do, escape.go what is lost with a value that goes out of sight, and
//     writes.go which flags a callee may change.
//   - summary.go is what a caller has to know of a function, and travels between
//     packages as a fact; callee.go applies it. order.go finds inversions in the
//     order of locks.
//   - misuse.go looks for copied locks and bad pointers, fix.go writes the
//     suggested fixes, and api.go knows the lock's methods and what may block.
package rqvet
