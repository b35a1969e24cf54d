# What a newcomer needs is `make test`; the rest is for those who change things.
.PHONY: test race check bench demo build

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The suites that start programs and servers by the dozen have the machine to
# themselves.
CROWDED = ./cmd/yanquan ./internal/crash

# Both databases (SQLite, and a private MariaDB where mariadbd is installed), and
# the chat page in a real browser where Chromium is installed.
test:
	go test $$(go list ./... | grep -v -E '/(cmd/yanquan|internal/crash)$$')
	go test -p 1 $(CROWDED)

# The browser's pages and the reading of pictures have nothing to race.
race:
	go test -race $$(go list ./... | grep -v -E '/(cmd/yanquan|internal/crash|bot/demo|bot/scan)$$')
	go test -race -p 1 $(CROWDED)

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w ."; exit 1; }
	go vet ./...
	go vet -tags failpoints,mutants ./...
	$(STATICCHECK) ./...
	go mod tidy -diff

# The ratios of docs/benchmarks.md, in about ten minutes on a machine that does
# nothing else.
bench:
	go run ./internal/bench -o docs/benchmarks.md

demo:
	go run ./cmd/yanquan demo

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/yanquan ./cmd/yanquan
