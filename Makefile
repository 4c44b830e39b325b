# make            builds bin/pgcli for this machine's processor
# make test       runs the tests; make help lists the rest

GO      ?= go
BIN     := bin/pgcli
SOURCES := $(shell find . -name '*.go' -o -name '*.c' -o -name '*.h' | grep -v '^./\.') $(wildcard models/*.gguf cmd/pgcli/demo/* server/openapi.yaml server/page/*.*)

# ggml compiled for this processor, with the weight layouts its fastest
# products need. Without these it is compiled for the oldest x86-64. Products
# and sums are fused only where ggml asks for it, so that quantizing gives the
# same bytes on every machine. (gcc warns of an overflow in ggml's repacking
# that cannot happen.) The module leaves ggml's AMX code out, so what calls it
# has to go, too: without -U the linker fails on processors that have AMX.
ifeq ($(shell uname -s)-$(shell uname -m),Darwin-arm64)
NATIVE := -mcpu=native
else
NATIVE := -march=native -U__AMX_INT8__
endif
export CGO_CFLAGS   := -O3 $(NATIVE) -ffp-contract=off -DGGML_USE_CPU_REPACK
export CGO_CXXFLAGS := -O3 $(NATIVE) -ffp-contract=off -DGGML_USE_CPU_REPACK $(if $(filter Linux,$(shell uname -s)),-Wno-stringop-overflow)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

$(BIN): $(SOURCES) go.mod go.sum | toolchain
	$(GO) build -o $@ ./cmd/pgcli

.PHONY: toolchain
toolchain: # names what is missing, with the command that installs it
	@for tool in $(GO) gcc g++; do command -v $$tool >/dev/null || { \
		case $$tool in $(GO)) package=golang-go ;; *) package=$$tool ;; esac; \
		echo "make: $$tool is missing; install it: apt-get install $$package (README.md has other systems)" >&2; exit 1; }; done
	@case "$$($(GO) env GOVERSION)" in go1.1[0-9].*|go1.20.*) \
		echo "make: $$($(GO) version) is too old to read go.mod, want go1.21 or newer: README.md says how to get it" >&2; exit 1;; esac

# One package at a time: ggml's threads wait for each other by spinning, and
# two tests that compute at once take each other's processors. go test's own
# limit of 10 minutes a package is too short for a machine that is four times
# as busy. (go vet is in lint.) With the race detector, and without cgo, most of the
# time is Go's, on one processor: two packages at a time.
TEST := $(GO) test -count=1 -p 1 -timeout 60m

# bash's time says how long a target took.
SHELL := /bin/bash
export TIMEFORMAT = make $@: %0R s

.PHONY: test
test: toolchain ## all tests, with the built-in ggml and, after make engines, a shared library
	time $(TEST) ./...

# CI's tests: a missing engine fails them.
.PHONY: test-all
test-all: export PALIGEMMA_REQUIRE_ENGINE := 1
test-all: engines test test-race test-nocgo random fuzz ## engines, test, test-race, test-nocgo, random and fuzz

# Programs built with the race detector sleep for a second when they end, unless
# told otherwise, and the tests start about sixty.
.PHONY: test-race
test-race: toolchain ## all tests with the race detector, ten times as slow: of cases alike every fifth
	time GORACE=atexit_sleep_ms=100 $(TEST) -p 2 -race ./...

.PHONY: test-nocgo
test-nocgo: ## all tests without cgo, no kernels, ggml from make engines: of cases alike every fifth
	time PALIGEMMA_TEST_AGAIN=1 CGO_ENABLED=0 $(TEST) -p 2 ./...

# Random graphs and files of fixed seeds: the same ones at each run.
GRAPHS ?= 10000
SEEDS  ?= 10

.PHONY: random
random: toolchain ## GRAPHS random graphs through each door, SEEDS times 400 broken files
	time $(TEST) -run '^TestRandomGraphs$$' ./internal/nn -nn.seeds $(GRAPHS)
	time PALIGEMMA_TEST_SEEDS=$(SEEDS) $(TEST) -run '^TestManySeeds$$' .

.PHONY: test-full
test-full: toolchain ## answers alone and in company are the same to the bit, for the full-size MODEL: minutes
	@test -n "$(MODEL)" || { echo "make test-full: MODEL names no GGUF file"; exit 1; }
	PALIGEMMA_TEST_MODEL=$(abspath $(MODEL)) $(TEST) -v -run '^TestAloneOrInCompanyAtFullSize$$' .

# What fuzz tests read is read in pure Go, but for FuzzModel of the root, which computes.
# Without cgo the others' instrumented builds need not compile ggml again. Minimizing each input would take all of
# the time, so it ends after 10 runs.
FUZZTIME ?= 10s

.PHONY: fuzz
fuzz: toolchain ## each fuzz test for FUZZTIME (10s): searches at random, so it is no part of CI
	time grep -rno --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | while IFS=: read -r file line name; do \
		CGO_ENABLED=$$(case $$file in ./*/*) echo 0;; *) echo 1;; esac) $(GO) test -run '^$$' -fuzz "^$${name#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$(dirname $$file)" || exit 1; done

# Each line names its seed, which repeats it. The C library keeps freed memory
# for each thread; with the threshold it gives large pieces back, so that what
# is resident is what is held.
MUTANTS ?= 10000
RUNS    ?= 10000
CYCLES  ?= 1000
KILLS   ?= 500
SEED    := $(shell date +%s)

.PHONY: soak
soak: toolchain ## MUTANTS broken files, KILLS conversions, RUNS answers, CYCLES of opening and closing: an hour
	time $(TEST) -v -run '^TestHostileModels$$' ./cmd/pgcli -mutants $(MUTANTS) -mutants.seed $(SEED) -mutants.slow 10s
	time $(TEST) -v -run '^TestKilledAtAnyMoment$$' ./cmd/pgcli -kills $(KILLS)
	time MALLOC_MMAP_THRESHOLD_=65536 $(TEST) -v -run '^TestSoak' . -soak.runs $(RUNS) -soak.cycles $(CYCLES)

.PHONY: test-kill-batch
test-kill-batch: toolchain ## a batch that is killed at 300 random moments: the file is that of one that was not
	time $(TEST) -v -run '^TestKilledBatches$$' ./cmd/pgcli -kills 300

.PHONY: test-million
test-million: toolchain ## a million records and names, in bounded memory
	$(TEST) -v -run '^TestMany' ./batch -records 1000000

# A module of its own: the library's go.mod has no queue.
.PHONY: test-fleet
test-fleet: $(BIN) ## pgcli-fleet: workers and server killed, and messages of strangers
	cd cmd/pgcli-fleet && $(GO) vet ./... && PGCLI=$(CURDIR)/$(BIN) $(TEST) ./...

.PHONY: soak-fleet
soak-fleet: $(BIN) ## pgcli-fleet with 2,000 pictures, and a million references: half an hour
	cd cmd/pgcli-fleet && PGCLI=$(CURDIR)/$(BIN) $(TEST) -v -run '^(TestADisturbedFleet|TestManyReferences)' . -args -pictures 2000 -references 1000000

bin/pgcli-fleet: $(SOURCES) cmd/pgcli-fleet/go.mod cmd/pgcli-fleet/go.sum | toolchain ## answers prompts about pictures on many machines
	cd cmd/pgcli-fleet && $(GO) build -o ../../$@ .

.PHONY: test-traps
test-traps: toolchain ## each edit listed in breaks_test.go makes exactly one test fail
	time PALIGEMMA_TEST_BREAKS=1 $(GO) test -count=1 -timeout 90m -run '^TestBreaks$$' .

ARM64 := GOARCH=arm64 CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ \
	CGO_CFLAGS="-O3 -ffp-contract=off -DGGML_USE_CPU_REPACK" CGO_CXXFLAGS="-O3 -ffp-contract=off -DGGML_USE_CPU_REPACK -Wno-stringop-overflow"

# These start programs of their own, which the kernel of this machine cannot run.
CHILDREN := ^(TestKilled.*|TestTwoProcesses|TestTwoConversions.*|TestSameBytesInEachProcess|TestScripts)$$

.PHONY: test-arm64
test-arm64: toolchain ## kernels for three arm64 processors, or PACKAGES, emulated: needs g++-aarch64-linux-gnu and qemu-user
ifdef PACKAGES
	time $(ARM64) QEMU_LD_PREFIX=/usr/aarch64-linux-gnu $(TEST) -short -vet=off -exec qemu-aarch64 -skip '$(CHILDREN)' $(RUN) $(PACKAGES)
else
	$(ARM64) $(GO) test -c -o build/kernels-arm64.test ./kernels
	for cpu in max neoverse-n1 cortex-a72; do \
		(cd kernels && qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu $$cpu ../build/kernels-arm64.test -test.timeout 60m) || exit 1; done
endif

.PHONY: test-vulkan
test-vulkan: toolchain ## operations and the embedded model on a Vulkan device: needs Mesa's lavapipe
	scripts/engines/vulkan.sh

CLANG_FORMAT := build/lint/bin/clang-format

$(CLANG_FORMAT): scripts/lint/requirements.txt
	@command -v $(PYTHON) >/dev/null || { \
		echo "make: $(PYTHON) is missing; install it: apt-get install python3 python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv build/lint
	build/lint/bin/pip install --quiet --requirement $<
	@touch $@

.PHONY: lint
lint: toolchain $(CLANG_FORMAT) ## gofmt, clang-format, C's warnings, go vet, staticcheck, generated files up to date
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo "make: gofmt would change these files" >&2; exit 1; }
	$(CLANG_FORMAT) --dry-run --Werror $$(git ls-files "*.c" "*.h")
	ls kernels/*.c | xargs -P 2 -n 1 $(CC) -O1 -Wall -Wextra -Werror -o /dev/null -c # for the oldest processor, as go build compiles
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	cd cmd/pgcli-fleet && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	$(GO) generate ./ggml && git diff --exit-code ggml/symbols.go

.PHONY: vulncheck
vulncheck: ## advisories about what is built in, beside openvex.json: VULNDB is a database, as scripts/supply says
	$(PYTHON) scripts/supply/vulncheck.py $(VULNDB)

CYCLONEDX := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

.PHONY: sbom
sbom: $(BIN) ## build/sbom.json: the modules in the command, for a release
	mkdir -p build
	$(GO) run $(CYCLONEDX) bin -json -std -output build/sbom.json $(BIN)

.PHONY: generate
generate: ## the built-in door's symbol table, after a change of bindings/symbols.go
	$(GO) generate ./ggml

.PHONY: engines
engines: ## a third-party ggml in .engines, to test the shared-library door with
	scripts/engines/fetch.sh

.PHONY: plugins
plugins: ## ggml's loadable backends in build/plugins: CPU levels, CUDA, Vulkan, HIP
	cmake -S . -B build
	cmake --build build --parallel "$$(getconf _NPROCESSORS_ONLN)"

.PHONY: bench
bench: toolchain ## what BENCHMARKS.md reports
	$(GO) test -run '^$$' -bench . -benchtime 1s ./bindings ./internal/...

DIR     ?= build/convert
VARIANT ?= paligemma2-3b-224
TYPES   ?= bf16 q8_0 q4_k_m

.PHONY: bench-convert
bench-convert: $(BIN) ## conversions beside cp: TYPES of a VARIANT in DIR; the 3B needs 13 GB
	$(PYTHON) scripts/bench/time_conversion.py $(DIR) --variant $(VARIANT) --types $(TYPES)

.PHONY: bench-full
bench-full: ## the 3B at full size with random weights: needs 12 GB and half an hour
	scripts/bench/fullsize.sh build/full

HELD       := build/heldout
CHECKPOINT ?= models/tiny
LIMIT      ?= 0
PYTHON     ?= python3

.PHONY: tiny-table
tiny-table: toolchain $(HELD)/data.jsonl ## quality of the tiny model in every type: LIMIT=1300 takes 20 minutes, all two hours
	$(GO) run ./scripts/bench/tinytable -checkpoint $(CHECKPOINT) -mask-decoder models/tiny/vae.npz -data $(HELD)/data.jsonl -limit $(LIMIT)

$(HELD)/data.jsonl: # scripts/tiny/README.md says what Python needs
	$(PYTHON) scripts/tiny/heldout.py --vae models/tiny/vae.npz --out $(HELD)

# -g1: lines for reports. With variables, too, gcc needs half as much time again.
.PHONY: sanitize
sanitize: sanitize-kernels sanitize-pool sanitize-threads sanitize-model ## C under the address, undefined-behaviour and thread sanitizers: half an hour

.PHONY: sanitize-kernels
sanitize-kernels: toolchain # kernels under the address and undefined-behaviour sanitizers
	CGO_CFLAGS="-O1 -g1 -fsanitize=undefined -fno-sanitize-recover=all" CGO_LDFLAGS="-fsanitize=undefined" $(GO) test -count=1 -asan -timeout 60m $(RUN) ./kernels

.PHONY: sanitize-pool
sanitize-pool: # calls that begin and end fast, on more threads than processors
	mkdir -p build
	for kind in thread address,undefined; do for threads in 1 2 3 8; do \
		$(CC) -O1 -g -fsanitize=$$kind -fno-sanitize-recover=all scripts/kernels/stress/stress.c kernels/pool.c kernels/memory.c -o build/stress -lpthread && \
		build/stress $$threads 20000 || exit 1; done; done

# Without ggml: it would be called through purego, which tells the sanitizer
# nothing of how goroutines wait for each other.
.PHONY: sanitize-threads
sanitize-threads: toolchain # kernels, and their pool of threads, under the thread sanitizer
	CGO_CFLAGS="-O1 -g1 -fsanitize=thread" CGO_LDFLAGS="-fsanitize=thread" $(GO) test -count=1 -tags tsan -short -timeout 60m $(RUN) ./kernels

# One thread for ggml's own: its threads wait by spinning.
.PHONY: sanitize-model
sanitize-model: toolchain # the embedded model, with ggml and the kernels under the address sanitizer
	CGO_CFLAGS="-O1 -g1 $(NATIVE) -ffp-contract=off -DGGML_USE_CPU_REPACK" CGO_CXXFLAGS="-O1 -g1 $(NATIVE) -ffp-contract=off -DGGML_USE_CPU_REPACK" \
		$(GO) build -asan -o build/pgcli-asan ./cmd/pgcli
	build/pgcli-asan demo -o build/demo-asan --force --kernels off -t 1
	build/pgcli-asan demo -o build/demo-asan --force -t 2

# Go's stacks and heap look wrong to valgrind here and there, also with Go's own tag for
# it, so that only what C and C++ do is judged. Valgrind's processor has AVX2 at most.
.PHONY: test-valgrind
test-valgrind: toolchain ## the embedded model, with the kernels and with ggml alone, under valgrind: ten minutes
	CGO_CFLAGS="-O1 -g1 -ffp-contract=off" CGO_CXXFLAGS="-O1 -g1 -ffp-contract=off" $(GO) build -tags valgrind -o build/pgcli-valgrind ./cmd/pgcli
	for kernels in auto off; do \
		GODEBUG=asyncpreemptoff=1 valgrind --leak-check=no --log-file=build/valgrind.log build/pgcli-valgrind demo -o build/demo-valgrind --force --kernels $$kernels -t 1 && \
		tail -1 build/valgrind.log && grep -q "ERROR SUMMARY" build/valgrind.log && \
		! grep -B1 -A8 -E "^==[0-9]+==    at .*\.(c|h|cpp|hpp):[0-9]+\)$$" build/valgrind.log || exit 1; done

.PHONY: test-clients
test-clients: $(BIN) ## pgcli serve answers OpenAI's, ollama's, Hugging Face's, Roboflow's and Label Studio's clients
	PYTHON=$(PYTHON) sh scripts/clients/run.sh

.PHONY: soak-server
soak-server: toolchain ## 64 clients send the server REQUESTS (10000) requests, some of them wrong
	MALLOC_MMAP_THRESHOLD_=65536 PALIGEMMA_TEST_REQUESTS=$(or $(REQUESTS),10000) $(GO) test -count=1 -timeout 60m -v -run '^TestLoad$$' ./server

# A module of its own: the library's go.mod has no browser.
.PHONY: test-page
test-page: $(BIN) ## the page of pgcli serve in Chromium, which apt-get install chromium brings
	cd server/page/browser && PGCLI=$(CURDIR)/$(BIN) $(GO) vet ./... && $(TEST) -v ./...

.PHONY: test-hub
test-hub: toolchain ## fetching and converting killed at 200 moments each; with PYTHON=python, huggingface_hub shares the cache
	$(TEST) -v -run '^(TestKilledAtAnyMoment|TestHuggingfaceHub)$$' ./internal/hub -kills 200 -python '$(if $(filter file,$(origin PYTHON)),,$(PYTHON))'
	$(TEST) -v -run '^TestKilledArrivals$$' ./cmd/pgcli -arrivals 200

GORELEASER ?= CGO_ENABLED=0 $(GO) run github.com/goreleaser/goreleaser/v2@v2.15.1

.PHONY: release-snapshot
release-snapshot: toolchain ## archives, deb, rpm, checksums, SBOMs in build/dist, from a clone: needs g++-aarch64-linux-gnu, g++-mingw-w64-x86-64-posix
	time $(GORELEASER) release --snapshot --clean
	$(PYTHON) packaging/sbom.py build/dist

DEB ?= $(lastword $(wildcard build/dist/pgcli_*_amd64.deb))

.PHONY: test-deb
test-deb: ## DEB, or that of release-snapshot, installed, run and removed in a clean Debian: needs root, debootstrap
	time packaging/deb.sh "$(DEB)" build/deb

.PHONY: test-windows
test-windows: $(BIN) ## pgcli.exe converts and answers under Wine 10, without and with cgo: needs root, debootstrap; mingw-w64; scripts/engines/fetch.sh --all
	time for cgo in $(or $(CGO),0 1); do CGO_ENABLED=$$cgo packaging/wine.sh build/wine || exit 1; done

.PHONY: test-wine
test-wine: ## the tests of PACKAGES, or of all, as Windows programs under Wine 10; CGO=1 with cgo: needs root, debootstrap; an hour
	time CGO_ENABLED=$(or $(CGO),0) packaging/wine_suite.sh build/wine $(PACKAGES)

ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: release-check
release-check: ## the configuration of releases, the workflow of CI, PowerShell's completion, and that all linked modules have licences
	$(GORELEASER) check
	$(GO) run $(ACTIONLINT) .github/workflows/*.yml
	mkdir -p build && sh packaging/licenses.sh build/licenses.txt
	$(PYTHON) -m venv build/powershell && build/powershell/bin/pip install --quiet --requirement packaging/requirements.txt
	CGO_ENABLED=0 $(GO) run ./cmd/pgcli completion powershell | build/powershell/bin/python packaging/powershell.py

.PHONY: test-reproducible
test-reproducible: toolchain ## pgcli is the same to the byte, built in two folders; CGO="0 1" without and with ggml: minutes
	time packaging/reproducible.sh build/reproducible "$(or $(CGO),0 1)"

.PHONY: clean
clean: ## removes what was built
	rm -rf bin build

.PHONY: help
help: ## this list
	@echo "make                   builds $(BIN) for this machine's processor"
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## /make \1|/' | \
		awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'
