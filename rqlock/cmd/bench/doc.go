// Package bench is the top of a module for what only the project itself runs. The module
// is never published, so that users of the library inherit none of its dependencies.
//
//	rqbench      rqlock beside other locks: docs/bench
//	containers   the containers beside other libraries: docs/bench/containers.md
//	modelcost    locks on simulated cores: docs/model-cost.md
//	browser      tests of the page /debug/rqlock/ in a real browser
//
// The commands run in this folder, and so do their tests:
//
//	go run -C rqlock/cmd/bench ./rqbench -h
//	cd rqlock/cmd/bench && go test ./...
//
// A path in a flag is relative to this folder: docs/bench is ../../../docs/bench. make bench,
// make bench-containers and make model-cost give the right ones.
package bench
