# A thin front door to CMake: `make help` lists the targets. All build logic is in CMakeLists.txt.
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local

.PHONY: all help demo test bench check format format-check tidy sanitize install clean

all: ## build the program: build/headlight (Release)
	@cmake -S . -B $(BUILD) -DHEADLIGHT_TESTS=OFF $(CMAKE_FLAGS) >$(BUILD)-configure.log 2>&1 || { cat $(BUILD)-configure.log; exit 1; }
	@grep -h "^Headlight:" $(BUILD)-configure.log || true; rm -f $(BUILD)-configure.log
	@cmake --build $(BUILD) -j $(JOBS) --target headlight_program

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
