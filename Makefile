# Every command a developer or a user needs, by a short name. The work is done by the files of
# scripts/, so that each can be read, checked and used alone. Nothing here names the folder of the
# checkout: make splits at spaces, and a path may hold one.

.DEFAULT_GOAL := help
.PHONY: help run up test tsan asan sim planted fuzz build release format lint bench torture soak crash-images disk-faults
.PHONY: flips siege proto clean
export DOCS

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: ## Build, start the cluster of cluster.json, run its main job: make run [DOCS=folder]
	@scripts/run

up: release ## Build, start the cluster of cluster.json and keep it up until Ctrl-C
	@PATH="$$PWD/.build/release:$$PATH" .build/release/stint up

test: ## Every check: build, form of the sources, all tests: make test [TESTS=name]
	@scripts/test $(if $(TESTS),--filter "$(TESTS)")

tsan: ## The tests under ThreadSanitizer (races): make tsan [TESTS=name]
	@scripts/sanitize thread $(if $(TESTS),--filter "$(TESTS)")

asan: ## The tests under AddressSanitizer and LeakSanitizer: make asan [TESTS=name]
	@scripts/sanitize address $(if $(TESTS),--filter "$(TESTS)")

sim: ## Simulated lives: make sim [SIM=A..B, or a time such as 3600s]
	@scripts/sim "$(or $(SIM),600s)"

planted: ## How soon simulated lives find planted bugs: make planted [BUGS="names"] [SEEDS=10000] [WRITE=1]
	@scripts/planted $(if $(SEEDS),--seeds $(SEEDS)) $(if $(WRITE),--write) $(BUGS)

build: ## Debug build
	@scripts/build debug

release: ## Optimised build, into .build/release
	@scripts/build release

format: ## Bring every Swift file into form
	@scripts/format

lint: ## Say which Swift files are not in form
	@scripts/format --check

fuzz: ## Feed all that reads foreign bytes with invented ones: make fuzz [TIME=seconds] [TARGETS="broker ..."]
	@scripts/fuzz $(or $(TIME),60) $(TARGETS)

siege: release ## Attack a broker through its sockets while honest peers work: make siege [SIEGE="options of stint-siege"]
	@.build/release/stint-siege $(SIEGE)

bench: release ## Measure this machine: make bench [BENCH="options of stint bench"]
	@.build/release/stint bench $(BENCH)

crash-images: release ## Power cuts at every moment of the store's life: make crash-images [IMAGES=5000] [SEED=1]
	@.build/release/stint-disk images --count $(or $(IMAGES),5000) --seed $(or $(SEED),1)

disk-faults: release ## Every write, cut and sync of a script fails in turn, in four ways: make disk-faults [OPERATIONS=2000]
	@.build/release/stint-disk faults --operations $(or $(OPERATIONS),2000) --seed $(or $(SEED),1)

flips: release ## Bytes of the store at rest turn: make flips [FLIPS=5000] [SEED=1]
	@.build/release/stint-disk flips --count $(or $(FLIPS),5000) --seed $(or $(SEED),1)

# Names in capitals of the options of stint-torture; see "stint-torture run --help".

torture_sizes = $(foreach size,RATE KILLS WORKER_KILLS SUPERVISOR_KILLS STOPS RESTARTS ADOPTIONS HELD HERD HALF_HANDSHAKES WRONG_KEYS \
	HANDSHAKE_SECONDS FILLS IO_ERRORS NETWORK_FAULTS CLOCK_STEPS SEED,$(if $($(size)),--$(subst _,-,$(shell printf '%s' $(size) | tr A-Z a-z)) $($(size))))

torture: release ## Kill, stop, cut and starve a cluster of real processes: make torture [SCENARIOS="kill stop"] [KILLS=n]
	@.build/release/stint-torture run $(SCENARIOS) $(torture_sizes)

soak: release ## Hours of load and faults: make soak [HOURS=n] [RATE=n]
	@.build/release/stint-torture soak --hours $(or $(HOURS),1) $(torture_sizes)

proto: ## Generate the Swift code of the protocol anew (needed only after changing a .proto file)
	@scripts/proto

clean: ## Remove what was built; packages and the data of a cluster in .stint stay
	@swift package clean
	@rm -rf .build/logs .build/protoc-gen-swift
