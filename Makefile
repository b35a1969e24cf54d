# What a newcomer needs is `make test`; the rest is for those who change things.
.PHONY: test race check bench simulate demo build

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Both databases (SQLite, and a private MariaDB where mariadbd is installed), and
# the chat page in a real browser where Chromium is installed.
test:
	go test ./...

# The crash suite runs replicas that are built with the race detector, and has the
# machine to itself. The same program in the acceptance script, the browser's pages and
# the reading of pictures have nothing more to race. SQLite's own code is left out: C in
# the shape of Go, in which the detector finds nothing and which it slows down sixfold;
# but nothing beside it, for the linker keeps one copy of a generic such as
# atomic.Pointer, and one that is not instrumented would hide what comes before what.
RACE = go test -race -gcflags='modernc.org/sqlite/lib=-race=false'
race:
	$(RACE) $$(go list ./... | grep -v -E '/(cmd/yanquan|internal/crash|bot/demo|bot/scan)$$')
	$(RACE) ./internal/crash

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w ."; exit 1; }
	go vet ./...
	go vet -tags failpoints,mutants ./internal/failpoint ./internal/crash
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
