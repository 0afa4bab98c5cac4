# What people run by hand. .ci/run runs the same checks without make.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 20s

.PHONY: build test race fuzz e2e lint update bench

build: ## bin/firehose
	CGO_ENABLED=0 go build -trimpath -o bin/firehose ./cmd/firehose

test:
	go test ./...

race:
	go test -race ./internal/... ./cmd/...

fuzz: ## every target for FUZZTIME
	@set -e; grep -rEo --include='*_test.go' '^func Fuzz\w+' internal | while IFS=: read -r file target; do \
		go test -run '^$$' -fuzz "^$${target#func }\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null; \
	done

e2e: ## the long fault tests: many kills of the real process, many seeds of the delivery's property test
	FIREHOSE_TEST_KILLS=20 FIREHOSE_TEST_SEEDS=2000 go test -count=1 -timeout 2h -v ./internal/deliver ./test

lint: ## format, vet, staticcheck, and the rules of internal/tidy_test.go
	@test -z "$$(gofmt -l cmd internal test)" || { gofmt -l cmd internal test; echo 'run gofmt -w on these'; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go test -count=1 ./internal

update: ## rewrites golden files and the pages that tests write; look at the difference before you commit it
	go test $$(grep -rlE --include='*_test.go' 'flag\.Bool\("update"' internal | xargs -n1 dirname | sort -u | sed 's|^|./|') -update

bench: build ## every row of docs/performance.md (12 minutes; QUICK=1 for less and no page), then each step in one process
	@git show HEAD:docs/performance.json >bin/performance.json 2>/dev/null || true
	bin/firehose bench all $(if $(QUICK),--quick,--page docs/performance.md --numbers docs/performance.json --last bin/performance.json) --html bin/performance.html $(BENCHFLAGS)
	go test -run '^$$' -bench . -benchmem -benchtime 200ms ./internal/...
