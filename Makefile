# The verbs of this repository, the same for both languages.
.PHONY: setup demo test fmt lint types docs gen bench fuzz graphs reliability conformance check

setup: ## Installs everything that is missing. Does nothing when nothing is.
	@scripts/setup.sh

demo: setup ## Runs examples/pricing; then each language reads the other's results.
	@scripts/demo.sh

test: setup ## Runs all tests of both languages.
	@scripts/test.sh

fmt: setup ## Formats all sources.
	@scripts/format.sh

lint: setup ## Checks format, style and the contract.
	@scripts/lint.sh

types: setup ## Checks Python types.
	@scripts/types.sh

docs: setup ## Writes docs/values.md from measurements; docs/statements.md from tests; the R package's NAMESPACE and man/ from its comments.
	@scripts/document.sh

gen: setup ## Writes what is generated from proto/ and from the C++ sources.
	@scripts/generate.sh

bench: setup ## Measures against Metaflow and other peers; writes benchmarks/README.md.
	@.venv/bin/python -m benchmarks

fuzz: setup ## Gives both decoders of values a million hostile inputs; writes docs/fuzzing.md.
	@scripts/fuzz.sh

graphs: setup ## Runs random graphs of both languages, and compares them with a reference interpreter (COUNT=2000 FIRST=0).
	@cd tests && ../.venv/bin/python -m graphs --count $(or $(COUNT),2000) --first $(or $(FIRST),0)

reliability: setup ## Injects thousands of faults into real runs; writes docs/reliability.md (CHAPTER=kill SCALE=0.1).
	@cd tests && ../.venv/bin/python -m reliability $(CHAPTER) --scale $(or $(SCALE),1)

conformance: setup ## Has all workers show that they keep to the protocol; writes docs/conformance.md.
	@scripts/conformance.sh

check: ## Everything that must be green before a change goes in.
	@.ci/run
