SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: demo test bench bench-kinesis bench-scaling lint generate coverage-api help

PROJECTS := examples/order-processor e2e/jars e2e/kafka e2e/paced e2e/parquet e2e/relay e2e/streams
MVN := mvn --quiet --batch-mode --no-transfer-progress

demo: ## play the guide from bucket to metrics; KEEP=1 leaves the server running
	@scripts/setup.sh
	@.cache/venv/bin/python scripts/demo.py

test: ## every test: Go, Java, and the real AWS CLI against real Flink (about half an hour on two cores)
	@scripts/setup.sh tests
	go vet ./...
	for project in $(PROJECTS); do $(MVN) -f $$project/pom.xml package; done
	$(MVN) -f e2e/relay/flink-1.15.xml package
	go test -count=1 -timeout=45m ./...

bench: ## time to all tasks running, beside stock Flink; the server's readiness and memory; the gap of a rescaling; the cost of log lines; ARGS="-only lines"
	@scripts/setup.sh
	$(MVN) -f examples/order-processor/pom.xml package -DskipTests
	$(MVN) -f e2e/jars/pom.xml package
	$(MVN) -f bench/carrier/pom.xml package
	go run ./bench $(ARGS)

bench-kinesis: ## Kinesis beside kinesalite and kinesis-local: rates, latencies, cost, growth, the machine's limits; ARGS="-quick -only puts"
	@scripts/setup.sh bench
	npm ci --prefix bench/kinesis --no-audit --no-fund --loglevel=error
	go run ./bench/kinesis $(ARGS)

bench-scaling: ## the rules of automatic scaling against curves of load, in a model; ARGS=-real with real jobs (ten minutes; ARGS="-real -quick")
	@scripts/setup.sh
	$(MVN) -f e2e/paced/pom.xml package
	go run ./bench/scaling $(ARGS)

lint: ## format, vet, staticcheck, and the rules of the house
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go test -count=1 ./internal/lint

generate: ## write model/ anew from AWS's service descriptions
	go run ./gen

coverage-api: ## how many operations of each AWS API are served; docs/unserved-operations.md names the others
	@sed -n 's/^## //p' docs/unserved-operations.md

help:
	@sed -n 's/^\([a-z-]*\): ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24
