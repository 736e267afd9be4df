# A thin front door to CMake: `make help` lists the targets. All build logic is in CMakeLists.txt.
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
CMAKE_FLAGS ?=
PYTHON ?= python3
SECONDS_EACH ?= 60
READERS ?=
KILLS ?= 200
KINDS ?=
N ?= 0
SOLUTION ?=

# The makefiles that CMake writes would announce each folder.
MAKEFLAGS += --no-print-directory

SOURCES = $(shell git ls-files '*.h' '*.cpp' 2>/dev/null || find include src train tests -name '*.h' -o -name '*.cpp')
DEMO = $(BUILD)/demo

.PHONY: all help demo exercise course course-check test test-build interop conformance bench bench-torch check format format-check tidy sanitize \
	fuzz kill-test portable install clean

all: ## build the program: build/headlight (Release)
	@cmake -S . -B $(BUILD) -DHEADLIGHT_TESTS=OFF $(CMAKE_FLAGS) --log-level=NOTICE
	@cmake --build $(BUILD) -j $(JOBS) --target headlight_program

demo: all ## train on two built-in languages; show a text and what the attention heads learned
	$(BUILD)/headlight train --preset chorus --out $(BUILD)/chorus --force
	$(BUILD)/headlight heads show $(BUILD)/chorus all "$$(printf '\nladjcbijc2ajgf2')"
	$(BUILD)/headlight heads $(BUILD)/chorus
	$(BUILD)/headlight train --preset demo --out $(DEMO) --force
	$(BUILD)/headlight sample $(DEMO) --chars 500 --seed 1
	$(BUILD)/headlight heads $(DEMO)

test-build:
	@cmake -S . -B $(BUILD) -DHEADLIGHT_TESTS=ON $(CMAKE_FLAGS) --log-level=NOTICE
	@cmake --build $(BUILD) -j $(JOBS)

test: test-build ## build and run all tests
	@cd $(BUILD) && ctest --output-on-failure --no-tests=error --timeout 600

# The number of the exercise in two digits.
EXERCISE = $(if $(SOLUTION),solution,exercise)_$(shell printf '%02d' $(N))

exercise: ## check your answer to the exercise of lesson N=K; SOLUTION=1: the given answer
	@cmake -S . -B $(BUILD) $(CMAKE_FLAGS) --log-level=NOTICE >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target $(EXERCISE) >$(BUILD)/exercise.log 2>&1 || { \
	  grep -E 'error|No rule' $(BUILD)/exercise.log | head -5 >&2; exit 1; }
	@$(BUILD)/course/$(EXERCISE)

course: all ## run all lessons on this machine and write build/course.html (some eight minutes)
	$(BUILD)/headlight lesson all --answer --page $(BUILD)/course.html

course-check: all ## check all answers of the exercises, and the figures of all lessons (some ten minutes)
	@cmake -S . -B $(BUILD) $(CMAKE_FLAGS) --log-level=NOTICE
	@cmake --build $(BUILD) -j $(JOBS) --target course_answers
	@train/lessons/check_answers $(BUILD)/course
	$(BUILD)/headlight lesson all --answer --check

interop: all ## check exports and imports with transformers, NumPy and llama.cpp (makes build/interop; LLAMA=0: without)
	@tests/interop/run $(BUILD)

conformance: all ## run ONNX's node tests and PyTorch's values and gradients; PYTHON=... has onnx, torch and NumPy
	@cmake --build $(BUILD) -j $(JOBS) --target conformance
	@$(PYTHON) tests/conformance/conformance.py $(BUILD)/conformance $(BUILD)/conformance-cases

bench: all ## measure training steps, products, operations, attention and writing; products beside OpenBLAS and BLIS
	@cmake -S . -B $(BUILD) -DHEADLIGHT_BENCH=ON $(CMAKE_FLAGS) --log-level=NOTICE
	@cmake --build $(BUILD) -j $(JOBS) --target bench_gemm
	$(BUILD)/headlight bench step --preset micro
	$(BUILD)/headlight bench step --preset cpu
	$(BUILD)/headlight bench step --preset baby
	$(BUILD)/headlight bench gemm
	$(BUILD)/headlight bench ops
	$(BUILD)/headlight bench attention
	$(BUILD)/headlight bench sample --preset cpu
	$(BUILD)/headlight bench sample --preset baby
	$(BUILD)/bench_gemm

bench-torch: all ## race PyTorch at training steps, layers and writing text; PYTHON=... names a Python that has it
	@cmake -S . -B $(BUILD) -DHEADLIGHT_BENCH=ON $(CMAKE_FLAGS) --log-level=NOTICE
	@cmake --build $(BUILD) -j $(JOBS) --target bench_layers
	$(PYTHON) tests/bench/race_layers.py --program $(BUILD)/bench_layers
	$(PYTHON) tests/bench/race_torch.py --program $(BUILD)/headlight

check: format-check tidy sanitize ## formatting, clang-tidy, and the tests under sanitizers

format: ## format all sources in place
	@clang-format -i $(SOURCES)

format-check: ## check that all sources are formatted
	@clang-format --dry-run --Werror $(SOURCES) && echo "all sources are formatted"

tidy: ## run clang-tidy over the library and the program
	@cmake -S . -B $(BUILD)-tidy -DCMAKE_CXX_COMPILER=clang++ -DHEADLIGHT_TESTS=OFF -DHEADLIGHT_OPENMP=OFF \
	  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DHEADLIGHT_UNITY=OFF --log-level=NOTICE
	@printf '%s\n' $(filter src/%.cpp train/%.cpp,$(SOURCES)) | xargs -P $(JOBS) -n 4 clang-tidy --quiet -p $(BUILD)-tidy

# Thread teams and pools are in these; the others run on them.
TSAN_TESTS = base tensor kernels nn

sanitize: ## run the tests under the address, undefined-behavior and (base, tensor, kernels, nn) thread sanitizers
	@cmake -S . -B $(BUILD)-sanitize -DHEADLIGHT_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=RelWithDebInfo --log-level=NOTICE
	@cmake --build $(BUILD)-sanitize -j $(JOBS)
	@cd $(BUILD)-sanitize && ctest --output-on-failure --no-tests=error --timeout 600
	@cmake -S . -B $(BUILD)-tsan -DHEADLIGHT_SANITIZE=thread -DCMAKE_BUILD_TYPE=RelWithDebInfo --log-level=NOTICE
	@cmake --build $(BUILD)-tsan -j $(JOBS) --target $(TSAN_TESTS:%=test_%)
	@cd $(BUILD)-tsan && for test in $(TSAN_TESTS); do \
	  TSAN_OPTIONS=allocator_may_return_null=1 ./test_$$test --gtest_brief=1 || exit 1; done

fuzz: ## fuzz every reader of files (clang; SECONDS_EACH=60, READERS="json gguf": only these)
	@cmake -S . -B $(BUILD)-fuzz -DCMAKE_CXX_COMPILER=clang++ -DHEADLIGHT_FUZZ=ON -DHEADLIGHT_OPENMP=OFF \
	  -DHEADLIGHT_TESTS=OFF -DHEADLIGHT_SANITIZE=fuzzer-no-link,address,undefined \
	  -DCMAKE_BUILD_TYPE=RelWithDebInfo --log-level=WARNING
	@cmake --build $(BUILD)-fuzz -j $(JOBS) --target fuzzers
	@tests/fuzz/run $(BUILD)-fuzz $(SECONDS_EACH) $(READERS)

kill-test: test-build ## kill and resume training KILLS=200 times, and fill its disk
	@cd $(BUILD) && HEADLIGHT_KILLS=$(KILLS) ./test_cli --gtest_filter='Kills.*:FullDisk.*' --gtest_brief=1

portable: ## build and test without AVX2, with clang, without OpenMP and POSIX, and for aarch64 under qemu (KINDS=...)
	@tests/portable/run $(BUILD) $(JOBS) $(KINDS)

install: all ## install the program, the library and its headers under PREFIX (/usr/local)
	@cmake --install $(BUILD) --prefix $(PREFIX) || { echo 'make install: not all of it could be written under' \
	  '$(PREFIX): name a place of your own with PREFIX=..., or use sudo' >&2; exit 1; }

clean: ## remove what was built
	rm -rf $(BUILD) $(BUILD)-tidy $(BUILD)-sanitize $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-no-avx $(BUILD)-clang $(BUILD)-alone $(BUILD)-aarch64

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
