# backoffd. `make help` lists the targets.
#
# One recipe builds every variant: VARIANT=release (default), asan, tsan, fuzz, each in a tree of its own below build/.

BUILD ?= build
VARIANT ?= release
OUT := $(if $(filter release,$(VARIANT)),$(BUILD),$(BUILD)/$(VARIANT))
OBJ := $(BUILD)/obj/$(VARIANT)
PREFIX ?= /usr/local

CXX := $(if $(filter fuzz,$(VARIANT)),clang++,g++)
CC := $(if $(filter fuzz,$(VARIANT)),clang,gcc)
WARN := -Wall -Wextra -Wshadow -Werror
OPT.release := -O2 -g1
OPT.asan := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.tsan := -O1 -g1 -fsanitize=thread -fno-omit-frame-pointer
OPT.fuzz := -O1 -g1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
OPT := $(OPT.$(VARIANT))

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

CPPFLAGS += -I. -I$(BUILD)/gen $(LLHTTP_CFLAGS) -DSPDLOG_SHARED_LIB -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL
CXXFLAGS += -std=c++20 -pthread $(OPT) $(WARN)
LDFLAGS += -pthread $(OPT)

# One static library a room; a test program links no more rooms than its own tests may know.
sources = $(sort $(filter-out admin/main.cc,$(wildcard $(1)/*.cc $(1)/*/*.cc)))
objects = $(patsubst %.cc,$(OBJ)/%.o,$(1))
POLICY_LIB := $(OBJ)/libpolicy.a
PROXY_LIB := $(OBJ)/libproxy.a
ADMIN_LIB := $(OBJ)/libadmin.a
PROXY_LIBS := $(LLHTTP_LIBS) -levent_core -levent_extra -lspdlog -lfmt
ADMIN_LIBS := -lprometheus-cpp-core -lpsl
GTEST_LIBS := -lgmock -lgtest -lgtest_main

.PHONY: all
all: $(OUT)/backoffd

$(POLICY_LIB): $(call objects,$(call sources,policy))
$(PROXY_LIB): $(call objects,$(call sources,proxy)) $(LLHTTP_OBJ)
$(ADMIN_LIB): $(call objects,$(call sources,admin))
$(OBJ)/lib%.a:
	@echo "  AR    $@"
	@rm -f $@
	@ar rcs $@ $^

$(OUT)/backoffd: $(OBJ)/admin/main.o $(ADMIN_LIB) $(PROXY_LIB) $(POLICY_LIB)
	@echo "  LD    $@"
	@$(CXX) $(LDFLAGS) -o $@ $^ $(ADMIN_LIBS) $(PROXY_LIBS)

$(OUT)/policy-test: $(call objects,$(wildcard tests/policy/*_test.cc)) $(POLICY_LIB)
	@echo "  LD    $@"
	@$(CXX) $(LDFLAGS) -o $@ $^ $(GTEST_LIBS)

SUPPORT := $(call objects,$(wildcard tests/support/*.cc))
$(OUT)/proxy-test: $(call objects,$(wildcard tests/proxy/*_test.cc)) $(SUPPORT) $(PROXY_LIB) $(POLICY_LIB)
	@echo "  LD    $@"
	@$(CXX) $(LDFLAGS) -o $@ $^ $(PROXY_LIBS) $(GTEST_LIBS)

$(OUT)/admin-test: $(call objects,$(wildcard tests/admin/*_test.cc)) $(SUPPORT) $(ADMIN_LIB) $(PROXY_LIB) $(POLICY_LIB)
	@echo "  LD    $@"
	@$(CXX) $(LDFLAGS) -o $@ $^ $(ADMIN_LIBS) $(PROXY_LIBS) $(GTEST_LIBS)

$(OBJ)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(OPT) $(LLHTTP_CFLAGS) -c -o $@ $<

$(OBJ)/%.o: %.cc
	@mkdir -p $(@D) $(OUT)
	@echo "  CXX   $<"
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
