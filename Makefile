SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help

GOLANGCI := go tool -modfile=deploy/tools/golangci-lint.mod golangci-lint
QUESTION ?= what changed in the last 10 commits?

.PHONY: help
help: ## Print this message
	@awk -F ':.*## ' '/^[a-z\/-]+:.*## /{printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Start duolog dev with a fake GitLab, play the main job once, stay up for more (QUESTION="…", ARGS="…")
	@bin/duolog dev --gitlab --demo "$(QUESTION)" $(ARGS)

.PHONY: build
build: ## bin/duolog
	@go build -o bin/duolog ./cmd/duolog

.PHONY: test
test: ## Every test this machine can run; says what it left out (REQUIRE_SERVICES=1: that is a failure)
	@deploy/tools/test

.PHONY: test/kafka
test/kafka: ## The tests that take a real Apache Kafka, on one started from Maven jars
	@deploy/tools/test kafka

.PHONY: test/langgraph
test/langgraph: ## LangGraph's conformance suites and ours, through both savers and a real server (LANGUAGE=python)
	@deploy/tools/test-langgraph $(LANGUAGE)

.PHONY: test/load
test/load: ## Memory, overload, stop and slow clients of a real serve; LONG=1 for as long as the claims say
	@go test -tags load -count=1 -timeout=60m -v ./test/load

.PHONY: fuzz
fuzz: ## Fuzz every decoder for FUZZTIME each (default 30s); TARGET=… for some
	@deploy/tools/fuzz $(TARGET)

.PHONY: test/crash
test/crash: ## Nodes are killed in rounds while clients write; then planted bugs must be seen (ROUNDS=1000 SEED=42)
	@CRASH_REPORT=. go test -tags crash -count=1 -parallel=3 -timeout=48h -v ./test/crash/...

.PHONY: test/faults
test/faults: ## What stands below Duolog fails: network, brokers, database, disk, the log itself (LONG=1: the long form)
	@deploy/tools/faults

.PHONY: bench
bench: ## Duolog beside the bare parts it stands on, an hour; table and bench/results.json (BENCH="-only P3")
	@go run ./bench $(BENCH)

.PHONY: bench/langgraph
bench/langgraph: ## LangGraph's savers beside Duolog's, Python and JavaScript; same table and file (BENCH="-only P11")
	@go run ./bench -only P4,P5,P9b,P10,P11,P13 $(BENCH)

.PHONY: check/deploy
check/deploy: ## deploy/ held to BuildKit, Compose, kustomize, Kubernetes' schemas, systemd; compose.yaml run as processes
	@deploy/tools/check-deploy

.PHONY: check
check: lint vet verify test check/deploy ## Everything CI runs on a change

.PHONY: fmt
fmt: ## Rewrite sources with gofumpt and gci
	@$(GOLANGCI) fmt

.PHONY: lint
lint: ## golangci-lint: bugs, the architecture's import rules, style
	@$(GOLANGCI) config verify
	@$(GOLANGCI) run

.PHONY: vet
vet: ## go vet
	@go vet ./...

.PHONY: generate
generate: ## Regenerate every generated file and tidy go.mod
	@go generate ./...
	@go mod tidy

.PHONY: verify
verify: ## Fail if go.mod, anything generated or what the docs name is stale
	@deploy/tools/verify
	@deploy/tools/check-docs

.PHONY: vuln
vuln: ## Known vulnerabilities on reachable paths (asks vuln.go.dev)
	@go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: kafka/up
kafka/up: ## Start an Apache Kafka and print its address
	@deploy/kafka/up

.PHONY: kafka/down
kafka/down: ## Stop it; its data stays
	@deploy/kafka/down
