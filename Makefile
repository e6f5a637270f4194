# make generate and make test are all you need; the rest are their parts.
GO ?= go

# The generator runs here, whatever the environment is set to build for.
HERE := GOFLAGS=-buildvcs=false GOWORK= GOOS= GOARCH=

# Where arm64 does not run by itself, qemu's user mode runs it.
QEMU := $(shell command -v qemu-aarch64-static || command -v qemu-aarch64)

# With REQUIRE=1 (CI) a part that cannot run here fails instead of saying so.
REQUIRE ?=
ifdef REQUIRE
export RQLOCK_REQUIRE_ARM64 = 1
endif

# One package at a time: torture in one would disturb the timing of another.
TEST := $(GO) test -p 1

# The library is one module, its generator another (go.work joins them).
LIB := ./...
# The model does not depend on the machine: once, natively, is enough.
BUT_MODEL = $$($(GO) list $(LIB) | grep -v /rqlock/internal/model)
ALL := ./... ./gen/...

.PHONY: help generate test check diff list bench bench-containers bench-asm torture torture-tests model model-suite model-mutants model-long model-list model-cost fuzz vet cross test-native test-race test-purego test-386 test-arm64 test-gen test-cmd test-rqvet

help: ## say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

generate: ## rebuild every generated file from nothing
	@$(HERE) $(GO) build -o /dev/null ./gen # before anything is deleted
	@find asm docs rqlock -name 'z*' -type f -delete
	$(HERE) $(GO) generate ./...

test: vet cross test-native test-race test-purego test-386 test-arm64 test-gen test-cmd test-rqvet ## everything this machine can run

check: ## fail if a generated file is stale
	$(HERE) $(GO) run ./gen -check

diff: ## show what a change to the table or an emitter does to the generated files
	@$(HERE) $(GO) run ./gen -diff

list: ## print the table with each architecture's instructions
	@$(HERE) $(GO) run ./gen -list

bench: ## rqlock beside other locks: tables, plots and data in docs/bench (10 minutes; the machine must be quiet)
	$(GO) run -tags lockdep ./rqlock/cmd/bench/rqbench -o docs/bench

bench-containers: ## the containers beside sync.Map, xsync, bart and others: docs/bench/containers.md (5 minutes; the machine must be quiet)
	$(GO) run ./rqlock/cmd/bench/containers -o docs/bench/containers.md

bench-asm: ## primitives beside sync/atomic's nearest operation
	$(GO) test -run '^$$' -bench . -count 10 ./asm

T ?= 60s
torture: ## torture the lock for T; then a lock that excludes nobody, which must fail
	$(GO) run ./rqlock/cmd/rqtorture -duration $(T)
	@echo "$(GO) run ./rqlock/cmd/rqtorture -lock busted (must fail)"
	@$(GO) run ./rqlock/cmd/rqtorture -lock busted -duration 1s 2>&1 | grep -q 'End of test: FAILURE'

EACH ?= 1s
torture-tests: ## torture tests of primitives and lock, and litmus tests, EACH for so long
	$(GO) test -count=1 -run 'Torture|Litmus' ./asm ./rqlock ./rqlock/torture -torture.time $(EACH)

MODEL := $(GO) test ./rqlock/internal/model -count=1 -v
# Two at a time: one explores programs, the other tries mutants.
model: ## explore the lock's interleavings and memory orders, and kill its mutants (5 minutes)
	@$(MAKE) --no-print-directory -j2 -O model-suite model-mutants

model-suite:
	$(MODEL) -run 'Suite|Walks|Marks|Qspin' -model.tier full -model.walks 3000 -timeout 15m

model-list: ## write docs/model-mutants.md: the mutants, and what kills each
	$(MODEL) -run 'Mutants' -model.mutants 20000 -model.seed 1 -model.list ../../docs/model-mutants.md -timeout 15m

model-mutants:
	$(MODEL) -run 'Mutants' -model.mutants 20000 -timeout 15m

HOURS ?= 12h
# The test program itself: go test would hide from it that somebody watches.
model-long: ## the larger programs, for HOURS together (default 12h), then more random executions
	@d=$$(mktemp -d) && trap 'rm -rf "$$d"' EXIT && $(GO) test -c -o "$$d/model" ./rqlock/internal/model && cd rqlock/internal/model && \
	"$$d/model" -test.v -test.run 'Suite' -model.tier long -model.budget $(HOURS) -test.timeout 0 && \
	"$$d/model" -test.v -test.run 'Walks' -model.walks 300000 -test.timeout 0

model-cost: ## simulate what locks cost on 2 to 1024 cores: docs/model-cost.md and its plots
	$(GO) run ./rqlock/cmd/bench/modelcost docs

FUZZTIME ?= 5s
fuzz: ## fuzz each primitive against its portable twin for FUZZTIME
	@for f in $$($(GO) test -list '^Fuzz' ./asm | grep ^Fuzz); do \
		$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./asm || exit 1; done

vet: ## build, and vet, for four systems on both architectures
	@for os in linux darwin windows freebsd; do for arch in amd64 arm64; do \
		echo "vet $$os/$$arch"; export GOOS=$$os GOARCH=$$arch; \
		$(GO) build $(LIB) && $(GO) vet $(ALL) || exit 1; done; done

# One system for each architecture, linux where it has it.
CROSS = $(GO) tool dist list | awk -F/ '!($$2 in os) || $$1 == "linux" { os[$$2] = $$1 } END { for (a in os) print os[a] "/" a }' | sort

cross: ## build the library and vet its tests for every architecture that Go has
	@for pair in $$($(CROSS)); do \
		echo "compile $$pair"; export GOOS=$${pair%/*} GOARCH=$${pair#*/}; \
		$(GO) build $(LIB) && $(GO) vet $(LIB) || exit 1; done

test-native: ## the library's tests on this machine
	$(TEST) $(LIB)

test-race: ## the same under the race detector
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ]; then echo "$(TEST) -race"; $(TEST) -race $(BUT_MODEL); \
	else echo "-race not run: it needs cgo (install gcc, set CGO_ENABLED=1)"; test -z "$(REQUIRE)"; fi

test-purego: ## the same on the portable twin
	RQLOCK_VARIANT=portable $(TEST) -tags purego $(BUT_MODEL)

test-386: ## the same with 32-bit words, where the machine runs 386 programs
	@if [ "$$($(GO) env GOHOSTARCH)" = amd64 ] && [ "$$($(GO) env GOHOSTOS)" != darwin ]; then \
		echo "GOARCH=386 $(TEST)"; GOARCH=386 CGO_ENABLED=0 $(TEST) $(BUT_MODEL); \
	else echo "386 not run: it needs linux or windows on amd64"; fi

ifeq ($(QEMU),)
test-arm64: ## the same on arm64, without LSE and with it
	@echo "arm64 not run: no qemu-aarch64-static here (Debian: apt-get install qemu-user-static)"; test -z "$(REQUIRE)"
else
# RQLOCK_VARIANT makes a test fail if another body ran than the one meant.
test-arm64:
	GOARCH=arm64 CGO_ENABLED=0 RQLOCK_VARIANT=arm64+llsc $(TEST) -exec "$(QEMU) -cpu cortex-a57" $(BUT_MODEL)
	GOARCH=arm64 CGO_ENABLED=0 RQLOCK_VARIANT=arm64+lse $(TEST) -exec "$(QEMU) -cpu max" $(BUT_MODEL)
	GOARCH=arm64 CGO_ENABLED=0 GOARM64=v8.1 RQLOCK_VARIANT=arm64+lse $(TEST) -exec "$(QEMU) -cpu max" $(BUT_MODEL)
endif

test-gen: ## the generator's tests: staleness, machine code, bad input, another package
	$(GO) test ./gen/...

test-cmd: ## the commands, a module of their own
	$(GO) vet ./rqlock/cmd/... && $(GO) test ./rqlock/cmd/...

test-rqvet: ## the analyzer, a module of its own
	$(GO) vet ./rqlock/rqvet/... && $(GO) test ./rqlock/rqvet/...
