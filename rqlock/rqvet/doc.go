// Package rqvet checks the use of [github.com/rqlock/rqlock/rqlock], whose locks fail
// instead of hanging. It is for Go what Linux's verifier is for programs that use
// rqspinlock.
//
// It follows every path of a function. An acquisition splits a path in two: on one it
// succeeded, on the other it failed. What the program does on a path must not contradict
// what is held there, or it breaks one of the [Rules]. Where a path cannot be decided,
// nothing is reported.
//
//	go install github.com/rqlock/rqlock/rqlock/cmd/rqvet@latest
//	rqvet ./...
//	go vet -vettool=$(which rqvet) ./...
//
// As a tool of the module that uses it:
//
//	go get -tool github.com/rqlock/rqlock/rqlock/cmd/rqvet
//	go tool rqvet ./...
//
// The files, from the outside in:
//
//   - rqvet.go analyzes one package, which build.go has built in SSA form. rules.go lists
//     the rules, and ignore.go reads the comments that silence findings.
//   - explore.go follows the SSA blocks of one function with a set of states (state.go).
//     path.go has the paths by which locks and conditions are known, and value.go what a
//     state knows of a value. forks.go says after which branches nothing is reported.
//   - lockops.go has the rules of Lock and Unlock, exits.go those of a function's end, and
//     iterations.go those of a loop.
//   - calls.go says what a call does, closures.go what function literals, defers and
//     goroutines do, and given.go what is called of what a function is given. escape.go gives
//     up on what goes where it cannot be followed. writes.go says which flags a callee may
//     change.
//   - summary.go has what a caller must know of a function. It crosses packages as a fact.
//     callee.go applies it. order.go finds inversions in the order of locks.
//   - misuse.go finds copied locks and bad pointers, and fix.go writes the suggested fixes.
//   - kinds.go knows the locks and records and their methods, and api.go what may block.
//     embedded.go finds the lock behind an object that embeds it, or behind an interface.
package rqvet
