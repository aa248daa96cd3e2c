# backoffd. `make help` lists the targets.
#
# One recipe builds every variant: VARIANT=release (default), static (one file that needs no library, for the
# container), asan, tsan, fuzz, each in a tree of its own below build/.

BUILD ?= build
VARIANT ?= release
OUT := $(if $(filter release,$(VARIANT)),$(BUILD),$(BUILD)/$(VARIANT))
OBJ := $(BUILD)/obj/$(VARIANT)
PREFIX ?= /usr/local
JOBS := $(shell nproc)

CXX := $(if $(filter fuzz,$(VARIANT)),clang++,g++)
CC := $(if $(filter fuzz,$(VARIANT)),clang,gcc)
WARN := -Wall -Wextra -Wshadow -Werror
# What reads the world's bytes is built so that a slip stops it rather than hands it over.
HARDENED := -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now
OPT.release := -O2 -g1 $(HARDENED)
# Nothing of the machine or the day gets into it: the same source is the same file.
OPT.static := -O2 $(HARDENED) -fPIE -static-pie -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,--build-id=none -s \
	-ffile-prefix-map=$(CURDIR)=.
# Instrumented, std::regex looks uninitialized to GCC.
OPT.asan := -O1 -g1 -Wno-maybe-uninitialized -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.tsan := -O1 -g1 -Wno-maybe-uninitialized -fsanitize=thread -fno-omit-frame-pointer
OPT.fuzz := -O1 -g1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
OPT = $(OPT.$(VARIANT))

# llhttp: a package of its own where the distribution has one, else the C sources that come with node-llhttp. Strict
# mode is not optional: without it "Host : a" and a bare CR pass.
ifeq ($(shell pkg-config --exists libllhttp 2>/dev/null && echo yes),yes)
LLHTTP_CFLAGS := $(shell pkg-config --cflags libllhttp)
LLHTTP_LIBS := $(shell pkg-config --libs libllhttp)
LLHTTP_OBJ :=
else
LLHTTP_CFLAGS := -isystem /usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
LLHTTP_LIBS :=
LLHTTP_OBJ := $(addprefix $(OBJ)/llhttp/,api.o http.o llhttp.o)
endif

# spdlog and fmt exist as shared libraries only; a static program has them from their headers.
STATIC := $(filter static,$(VARIANT))
LOG_CPPFLAGS := -DSPDLOG_FMT_EXTERNAL $(if $(STATIC),-DFMT_HEADER_ONLY,-DSPDLOG_SHARED_LIB -DSPDLOG_COMPILED_LIB)
LOG_LIBS := $(if $(STATIC),,-lspdlog -lfmt)

CPPFLAGS += -I. $(LLHTTP_CFLAGS) $(LOG_CPPFLAGS)
CXXFLAGS += -std=c++20 -pthread $(OPT) $(WARN)
LDFLAGS += -pthread $(OPT)

.PHONY: all
all: $(OUT)/backoffd ## the program, build/backoffd

# --- set-up -----------------------------------------------------------------------------------------------------------

BUILD_PACKAGES := g++ make pkg-config libevent-dev libssl-dev libc-ares-dev rapidjson-dev libcli11-dev libspdlog-dev \
	prometheus-cpp-dev libpsl-dev
TEST_PACKAGES := libgtest-dev libgmock-dev python3 python3-requests python3-urllib3 python3-httpx python3-aiohttp curl \
	wget aria2 git nginx-light strace nodejs node-undici openssl gnutls-bin ca-certificates chromium chromium-driver \
	bash zsh fish man-db mandoc \
	prometheus python3-jsonschema
LINT_PACKAGES := clang-format clang-tidy python3
CONTAINER_PACKAGES := podman runc mmdebstrap catatonit docker-compose nftables python3 python3-yaml shellcheck openssl \
	nodejs $(if $(shell command -v npm),,npm) $(if $(shell command -v kubectl),,kubernetes-client)
FUZZ_PACKAGES := clang libclang-rt-14-dev
DEB_PACKAGES := debhelper dpkg-dev lintian mmdebstrap systemd iproute2 git python3
BENCH_PACKAGES := libbenchmark-dev nginx-light haproxy squid-openssl tinyproxy wrk strace openssl python3

# $(call install,PACKAGES): apt-get only where one is missing, so that a machine once set up needs no network; sudo
# only where we are not root.
install = @missing=$$(for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	[ -z "$$missing" ] || { echo "installing:" $$missing; sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

.PHONY: deps deps-build deps-test deps-lint deps-fuzz deps-deb deps-bench
deps: deps-build deps-test ## install what build and tests need (apt-get)
deps-build:
	$(call install,$(BUILD_PACKAGES))
	@pkg-config --exists libllhttp || [ -e /usr/share/llhttp/llhttp.c ] || \
	{ sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get install -y -qq --no-install-recommends libllhttp-dev >/dev/null 2>&1 || \
	  $$sudo apt-get install -y -qq --no-install-recommends node-llhttp >/dev/null; }
deps-test:
	$(call install,$(TEST_PACKAGES))
deps-lint:
	$(call install,$(LINT_PACKAGES))
deps-fuzz:
	$(call install,$(FUZZ_PACKAGES))
deps-deb:
	$(call install,$(DEB_PACKAGES))
deps-bench:
	$(call install,$(BENCH_PACKAGES))
deps-container:
	$(call install,$(CONTAINER_PACKAGES))

# --- the program ------------------------------------------------------------------------------------------------------

# One static library a room; a test program links no more rooms than its own tests may know.
sources = $(sort $(filter-out admin/main.cc,$(wildcard $(1)/*.cc $(1)/*/*.cc)))
objects = $(patsubst %.cc,$(OBJ)/%.o,$(1))
POLICY_LIB := $(OBJ)/libpolicy.a
PROXY_LIB := $(OBJ)/libproxy.a
ADMIN_LIB := $(OBJ)/libadmin.a
PROXY_LIBS := $(LLHTTP_LIBS) -levent_core -lcares $(LOG_LIBS) -lssl -lcrypto
ADMIN_LIBS := -lprometheus-cpp-core -lpsl $(if $(STATIC),-lidn2 -lunistring)
GTEST_LIBS := -lgmock -lgtest -lgtest_main

$(POLICY_LIB): $(call objects,$(call sources,policy))
$(PROXY_LIB): $(call objects,$(call sources,proxy)) $(LLHTTP_OBJ)
$(ADMIN_LIB): $(call objects,$(call sources,admin))
$(OBJ)/lib%.a:
	@echo "  AR    $@"
	@rm -f $@
	@ar rcs $@ $^

link = @echo "  LD    $@"; mkdir -p $(@D); $(CXX) $(LDFLAGS) -o $@ $^ $(1)

$(OUT)/backoffd: $(OBJ)/admin/main.o $(ADMIN_LIB) $(PROXY_LIB) $(POLICY_LIB)
	$(call link,$(ADMIN_LIBS) $(PROXY_LIBS))

$(OBJ)/llhttp/%.o: /usr/share/llhttp/%.c
	@echo "  CC    $<"
	@mkdir -p $(@D)
	@$(CC) $(OPT) $(LLHTTP_CFLAGS) -c -o $@ $<

$(OBJ)/%.o: %.cc
	@echo "  CXX   $<"
	@mkdir -p $(@D)
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

# The dashboard is built in.
$(OBJ)/admin/web_files.o: $(wildcard admin/web/*)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# The set-up may change what this file finds (llhttp), so what needs it starts a make of its own.
again = +@$(MAKE) --no-print-directory -j$(JOBS)

.PHONY: build run
build: deps-build ## set up and build
	$(again) all
run: build ## set up, build and serve on 127.0.0.1:8080 (ARGS="..." adds flags)
	@exec $(OUT)/backoffd $(ARGS)

# --- tests ------------------------------------------------------------------------------------------------------------

# Most of the time of a fresh `make test` is the compiler's, and the tests' own code is not what takes long to run.
$(OBJ)/tests/%.o: OPT.release := -O0 -g1
$(OBJ)/tests/policy/%.o: OPT.release := -O1 -g1
$(OBJ)/tests/bench/%.o: OPT.release := -O2 -g1

$(OUT)/policy-test: $(call objects,$(wildcard tests/policy/*_test.cc)) $(POLICY_LIB)
	$(call link,$(GTEST_LIBS))

SUPPORT := $(call objects,$(wildcard tests/support/*.cc))
$(OUT)/proxy-test: $(call objects,$(wildcard tests/proxy/*_test.cc)) $(SUPPORT) $(PROXY_LIB) $(POLICY_LIB)
	$(call link,$(PROXY_LIBS) $(GTEST_LIBS))

$(OUT)/admin-test: $(call objects,$(wildcard tests/admin/*_test.cc)) $(SUPPORT) $(ADMIN_LIB) $(PROXY_LIB) $(POLICY_LIB)
	$(call link,$(ADMIN_LIBS) $(PROXY_LIBS) $(GTEST_LIBS))

# Each fuzz target is built twice: for libFuzzer, and for `make test`, which replays the corpus through it.
FUZZERS := $(patsubst tests/fuzz/%_fuzz.cc,%,$(wildcard tests/fuzz/*_fuzz.cc))
REPLAYS := $(addprefix $(OUT)/replay-,$(FUZZERS))
$(OUT)/replay-%: $(OBJ)/tests/fuzz/%_fuzz.o $(OBJ)/tests/fuzz/replay.o $(ADMIN_LIB) $(PROXY_LIB) $(POLICY_LIB)
	$(call link,$(ADMIN_LIBS) $(PROXY_LIBS))
$(OUT)/fuzz-%: $(OBJ)/tests/fuzz/%_fuzz.o $(ADMIN_LIB) $(PROXY_LIB) $(POLICY_LIB)
	$(call link,-fsanitize=fuzzer $(ADMIN_LIBS) $(PROXY_LIBS))
.SECONDARY:

TEST_PROGRAMS := $(addprefix $(OUT)/,policy-test proxy-test admin-test) $(REPLAYS)
.PHONY: test-programs test asan tsan fuzz
test-programs: $(TEST_PROGRAMS) $(OUT)/backoffd
test: deps ## set up, build and run every test
	$(again) test-programs
	@python3 tests/run.py --out $(OUT)
asan: deps ## the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(again) VARIANT=asan test-programs
	@python3 tests/run.py --out $(BUILD)/asan
tsan: deps ## ... under ThreadSanitizer
	$(again) VARIANT=tsan test-programs
	@python3 tests/run.py --out $(BUILD)/tsan

SECONDS ?= 60
fuzz: deps-build deps-fuzz ## extend the corpus of every fuzz target (SECONDS=60 each)
	$(again) VARIANT=fuzz $(addprefix $(BUILD)/fuzz/fuzz-,$(FUZZERS))
	@for f in $(FUZZERS); do echo "== $$f"; \
	$(BUILD)/fuzz/fuzz-$$f -max_total_time=$(SECONDS) -print_final_stats=0 -verbosity=0 tests/fuzz/corpus/$$f || exit 1; done

# --- checks -----------------------------------------------------------------------------------------------------------

TRACKED = $(shell git ls-files -co --exclude-standard '*.cc' '*.h')
.PHONY: lint format arrows
lint: deps-build deps-lint ## formatting, clang-tidy
	@clang-format --dry-run --Werror $(TRACKED)
	@echo $(filter policy/%.cc proxy/%.cc admin/%.cc,$(TRACKED)) | tr ' ' '\n' | xargs -P $(JOBS) -n 3 \
	sh -c 'clang-tidy --quiet "$$@" -- -std=c++20 $(CPPFLAGS) 2>/dev/null' clang-tidy
	@echo "lint: $(words $(TRACKED)) files well formed, the rooms clean under clang-tidy"
format: deps-lint ## rewrite the sources as .clang-format says
	@clang-format -i $(TRACKED)
arrows: ## includes run down only: admin -> proxy -> policy
	@python3 tests/check_arrows.py

# --- the container ----------------------------------------------------------------------------------------------------

.PHONY: container container-base container-test
container: ## the image backoffd:VERSION, with docker where its engine runs, else with podman (deps-container)
	@docker/build.sh
container-base: deps-container ## what the image and its tests are made from, ahead of time
	@/usr/bin/python3 tests/container/run.py --prepare
container-test: deps-container ## build the image, run it hardened, in a pair, by Compose and as a Pod
	@/usr/bin/python3 tests/container/run.py

# --- trying out, measuring, installing --------------------------------------------------------------------------------

.PHONY: bench demo install clean help
bench: build deps-bench ## side by side with nginx, HAProxy, Squid, tinyproxy (CASES="small bulk")
	@python3 tests/bench/run.py --backoffd $(BUILD)/backoffd $(CASES)
$(OUT)/policy-bench: $(OBJ)/tests/bench/policy_bench.o $(POLICY_LIB)
	$(call link,-lbenchmark -lbenchmark_main)
.PHONY: bench-policy
bench-policy: build deps-bench ## the cost of one decision
	$(again) $(BUILD)/policy-bench
	@$(BUILD)/policy-bench
# The learner in virtual time, for a simulator of providers to drive.
$(OUT)/learning-driver: $(OBJ)/tests/bench/learning_driver.o $(ADMIN_LIB) $(POLICY_LIB)
	$(call link)
.PHONY: bench-learning
bench-learning: build deps-test ## what learning reaches at simulated providers (ARGS="--scenarios S01,S14 --seeds 3")
	$(again) $(BUILD)/learning-driver
	@python3 tests/bench/learning.py --driver $(BUILD)/learning-driver --out $(BUILD)/bench-learning.txt $(ARGS)
.PHONY: bench-learning-real
bench-learning-real: build deps-test ## the same with real sockets in real time, 13 minutes (CASES="bucket ban")
	$(again) $(BUILD)/learning-driver
	@python3 tests/bench/learning_real.py --backoffd $(BUILD)/backoffd --driver $(BUILD)/learning-driver \
	--out $(BUILD)/bench-learning-real.txt $(CASES)
demo: build deps-test ## a server that misbehaves, with and without backoffd
	@python3 tests/support/demo.py --backoffd $(BUILD)/backoffd
SHARE = $(DESTDIR)$(PREFIX)/share
install: build ## program, manual page and completions, to PREFIX=/usr/local (DESTDIR=... for a package)
	install -D -m 755 $(BUILD)/backoffd $(DESTDIR)$(PREFIX)/bin/backoffd
	install -D -m 644 admin/backoffd.1 $(SHARE)/man/man1/backoffd.1
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	$(BUILD)/backoffd completion bash > $(SHARE)/bash-completion/completions/backoffd
	$(BUILD)/backoffd completion zsh > $(SHARE)/zsh/site-functions/_backoffd
	$(BUILD)/backoffd completion fish > $(SHARE)/fish/vendor_completions.d/backoffd.fish

# The Debian package: docker/debian describes it.
.PHONY: deb deb-test
deb: build deps-deb ## the Debian package, in build/deb
	@docker/deb.sh $(BUILD)
deb-test: deb ## install, run, query and purge it in a root of its own (needs root)
	@python3 tests/package/run.py $(BUILD)/deb/backoffd_*.deb

clean: ## remove build/
	@rm -rf $(BUILD)
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
