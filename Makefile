# What a newcomer needs is `make test`; the rest is for those who change things.
.PHONY: test test-all race check bench bench-growth bench-memory simulate demo build dist cross

# Each long part says how many seconds it took.
SHELL = bash
export TIMEFORMAT = -- %R s

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Those that take longest come first, so that nothing waits for them in the end.
ALL = ./cmd/yanquan ./internal/crash ./models ./bot/chat ./...

# How many packages are tested at a time: the longest ones mostly wait, for platforms that
# hang and processes that start, so that one for each processor would leave it idle.
AT_ONCE = $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)

# Tests have small heaps: collected less often, they take a fifth less processor time.
test test-all race simulate: export GOGC ?= 200

# Everything once. Both databases (SQLite, and a private MariaDB where mariadbd is
# installed), and the chat page in a real browser where Chromium is installed; a test
# that could play on each of them, in each dialect and by each channel, plays one.
test:
	go test -timeout 20m -p $(AT_ONCE) $(ALL)

# Everything over everything, also with the race detector, and each benchmark once.
# What make test has left out is played here; a package whose tests leave nothing out is
# not tested again, for Go keeps its result.
test-all:
	time YANQUAN_TEST=all go test -timeout 20m -p $(AT_ONCE) $(ALL)
	time CGO_ENABLED=1 $(MAKE) race
	time go test -run '^$$' -bench . -benchtime 1x ./...
	time go run ./internal/bench -quick

# The crash suite runs replicas that are built with the race detector, and has the
# machine to itself. The same program in the acceptance script, the browser's pages and
# the reading of pictures have nothing more to race, and packages that start no goroutine,
# such as the one that packs releases, have nothing at all. SQLite's own code and the
# memory that it allocates are left out: C in the shape of Go, in which the detector finds
# nothing and which it slows down sixfold; but nothing beside them, for the linker keeps
# one copy of a generic such as atomic.Pointer, and one that is not instrumented would hide
# what comes before what. SQLite's C library is watched for races, not for pointers.
#
# A test plays one cell of what it could, another one than in make test. Of the cells of a
# table that start no goroutines themselves, one of four is played: internal/breadth has the
# rule, and a test that fails where a table whose cells do start some is thinned out. The
# simulation plays fewer days.
#
# A process that ends waits for reports of races that are under way, by default for a second.
RACE_FLAGS = -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/memory=-race=false -gcflags=modernc.org/libc=-d=checkptr=0
RACE = GORACE=atexit_sleep_ms=100 YANQUAN_TEST=once go test $(RACE_FLAGS)
race:
	$(RACE) -p $(AT_ONCE) $$(go list ./... | grep -v -E '/(cmd/yanquan|internal/crash|internal/dist|bot/demo|bot/scan|bot/command|bot/words|bot/platform|internal/layers|internal/config)$$')
	$(RACE) ./internal/crash

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w ."; exit 1; }
	go vet ./...
	go vet -tags failpoints,mutants ./internal/failpoint ./internal/crash ./internal/simulation
	$(STATICCHECK) ./...
	go mod tidy -diff

# The first table of docs/benchmarks.md, in about twelve minutes on a machine that does
# nothing else; the second one with docs/growth.svg, in one to two hours and with 20 GB of
# disk; and the memory over a million messages, in an hour and a half.
bench:
	go run ./internal/bench
bench-growth:
	go run ./internal/bench -growth docs/growth.svg
bench-memory:
	go run ./internal/bench -only R9 -messages 1000000

# Shop days on new seeds until stopped; see docs/simulation.md.
simulate:
	go test ./internal/simulation -run TestOn -on -timeout 0 -v

demo:
	go run ./cmd/yanquan demo

# nomsgpack leaves a codec out of Gin that nothing here uses, 6 MB.
build:
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags "-s -w" -o bin/yanquan ./cmd/yanquan

# Archives for each platform, .deb and .rpm, SHA256SUMS, in dist/. VERSION=v1.2.3 names
# it; without, git does.
dist:
	go run ./internal/dist -version "$(VERSION)" -o dist

# The program compiles for each platform that it is given out for, and so does what can be
# tested there.
cross:
	for target in linux/arm64 darwin/arm64 windows/amd64; do \
		echo $$target; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build -trimpath -tags nomsgpack -o /dev/null ./cmd/yanquan || exit 1; \
	done
	for target in darwin/arm64 windows/amd64; do \
		echo "$$target: vet"; GOOS=$${target%/*} GOARCH=$${target#*/} go vet ./... || exit 1; \
	done
