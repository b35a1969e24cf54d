# What a newcomer needs is `make test`; the rest is for those who change things.
.PHONY: test test-all race check bench simulate demo build

# Each long part says how many seconds it took.
SHELL = bash
export TIMEFORMAT = -- %R s

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Those that take longest come first, so that nothing waits for them in the end.
ALL = ./cmd/yanquan ./internal/crash ./models ./bot/chat ./...

# Everything once. Both databases (SQLite, and a private MariaDB where mariadbd is
# installed), and the chat page in a real browser where Chromium is installed; a test
# that could play on each of them, in each dialect and by each channel, plays one.
test:
	go test $(ALL)

# Everything over everything, also with the race detector, and each benchmark once.
# What make test has left out is played here.
test-all:
	time YANQUAN_TEST=all go test -timeout 20m $(ALL)
	time CGO_ENABLED=1 $(MAKE) race
	time go test -run '^$$' -bench . -benchtime 1x ./...
	time go run ./internal/bench -quick

# The crash suite runs replicas that are built with the race detector, and has the
# machine to itself. The same program in the acceptance script, the browser's pages and
# the reading of pictures have nothing more to race, and packages that start no goroutine
# have nothing at all. SQLite's own code is left out: C in the shape of Go, in which the
# detector finds nothing and which it slows down sixfold; but nothing beside it, for the
# linker keeps one copy of a generic such as atomic.Pointer, and one that is not
# instrumented would hide what comes before what. A test plays one cell of what it could,
# another one than in make test.
RACE = YANQUAN_TEST=once go test -race -gcflags='modernc.org/sqlite/lib=-race=false'
race:
	$(RACE) $$(go list ./... | grep -v -E '/(cmd/yanquan|internal/crash|bot/demo|bot/scan|bot/command|bot/words|bot/platform|internal/layers|internal/config)$$')
	$(RACE) ./internal/crash

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w ."; exit 1; }
	go vet ./...
	go vet -tags failpoints,mutants ./internal/failpoint ./internal/crash ./internal/simulation
	$(STATICCHECK) ./...
	go mod tidy -diff

# The ratios of docs/benchmarks.md, in about ten minutes on a machine that does
# nothing else.
bench:
	go run ./internal/bench -o docs/benchmarks.md

# Shop days on new seeds until stopped; see docs/simulation.md.
simulate:
	go test ./internal/simulation -run TestOn -on -timeout 0 -v

demo:
	go run ./cmd/yanquan demo

# nomsgpack leaves a codec out of Gin that nothing here uses, 6 MB.
build:
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags "-s -w" -o bin/yanquan ./cmd/yanquan
