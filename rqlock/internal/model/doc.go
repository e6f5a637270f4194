// Package model explores the lock: small programs run a copy of rqlock's own source, in
// which each shared access is a step of the explorer in package mc, under sequential
// consistency, TSO and a release/acquire memory.
//
//	go test ./rqlock/internal/model    # some of the programs, in seconds
//	make model                         # all but the largest, and all mutants, in minutes
//	make model-long                    # the largest programs, for hours
//
// gen copies the files that have the lock's algorithm; gen/golang/model lists them. Each
// primitive has the ordering of its row in the table. The model replaces the rest: time,
// which passes by choice, parking, the identity of goroutines, how long to spin (one try
// at most), and the text of errors. Tables are as small as the programs allow, and all
// waiter records are made before a program begins.
//
// The checks are in checks.go and lock/reset.go, the programs in suite.go, and the mutants
// in mutants.go. What the model explored, and what it cannot show, is in docs/model.md.
package model
