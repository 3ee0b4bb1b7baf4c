# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#
# One make for all: nothing recurses, everything built lies in .output/. Dependencies come
# from both compilers (-MMD -MP), so touching bpf/kstatsd.h rebuilds BPF objects, their
# skeletons and the daemon.
#
#     bpf/X.bpf.c -> .output/bpf/X.bpf.o -> .output/X.skel.h -> user/probe/*.o -> .output/kstatsd
#
# Variables: CC, CLANG, BPFTOOL, CFLAGS, LDFLAGS, V=1 (show commands), DEVELOPER=1
# (warnings are errors), PREFIX, DESTDIR, RUN_SECONDS (make run), FUZZ_SECONDS (make fuzz),
# TIERS (make test: some of unit, bpf, e2e, vm, fuzz).

OUTPUT	:= .output
CC	?= gcc
CLANG	?= clang-14
BPFTOOL	?= $(firstword $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)
PYTHON	?= /usr/bin/python3
FORMAT	?= clang-format-14
PROTOC	?= protoc-c
PREFIX	?= /usr/local
CFLAGS	?= -O2 -g
FUZZ_SECONDS ?= 300

LIBS	:= libbpf libelf zlib libevent_core libevent_extra libevent_openssl yaml-0.1 jansson libpcre2-8 ncursesw \
	sqlite3 libcurl openssl libprotobuf-c
# Asked for only by the rules that compile, so that `make deps` works before they exist.
lib_cflags = $(shell pkg-config --cflags $(LIBS))
lib_ldlibs = $(shell pkg-config --libs $(LIBS)) -lm -pthread

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes
ifeq ($(DEVELOPER),1)
WARNINGS += -Werror
endif
USER_FLAGS := -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -Ibpf -Iuser
BPF_FLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall $(filter -Werror,$(WARNINGS)) -Ibpf -Ivmlinux

BPF_SOURCES := $(wildcard bpf/*.bpf.c)
SKELETONS := $(BPF_SOURCES:bpf/%.bpf.c=$(OUTPUT)/%.skel.h)
USER_SOURCES := $(wildcard user/*/*.c user/*/*/*.c)
PROTOS := $(wildcard user/sink/*/*.proto)
PROTO_HEADERS := $(patsubst %.proto,$(OUTPUT)/proto/%.pb-c.h,$(notdir $(PROTOS)))
vpath %.proto $(dir $(PROTOS))
PROTO_OBJECTS := $(PROTO_HEADERS:.h=.o)
USER_OBJECTS := $(USER_SOURCES:%.c=$(OUTPUT)/%.o) $(PROTO_OBJECTS)
LIBRARY_OBJECTS := $(filter-out $(OUTPUT)/user/cli/main.o,$(USER_OBJECTS))
C_TESTS := $(patsubst %.c,$(OUTPUT)/%,$(wildcard tests/unit/test_*.c tests/bpf/test_*.c))
BENCHES := $(patsubst %.c,$(OUTPUT)/%,$(wildcard tests/bench/*.c))
FUZZERS := $(patsubst %.c,$(OUTPUT)/%,$(wildcard tests/fuzz/fuzz_*.c))
FORMATTED := $(wildcard bpf/*.[ch] user/*/*.[ch] user/*/*/*.[ch] tests/*/*.[ch])

ifeq ($(V),1)
say = @:
Q :=
else
say = @printf '  %-8s %s\n'
Q := @
endif

.SUFFIXES:
.DELETE_ON_ERROR:
# Objects of tests are not intermediate files to be deleted.
.SECONDARY:
.PHONY: all run test test-oracles bench fuzz lint format install clean deps help force

all: $(OUTPUT)/kstatsd $(OUTPUT)/tests/sender	## build the daemon (the default)

run:	## build, then show the demo application's metrics live (root; RUN_SECONDS=n ends it)
	$(Q)deploy/install-deps build run
	$(Q)$(MAKE) -s --no-print-directory all
	$(Q)deploy/demo/run $(OUTPUT)/kstatsd

test:	## install what the tests need, build, run them all (root)
	$(Q)deploy/install-deps build run test
	$(Q)$(MAKE) -s --no-print-directory all $(C_TESTS) $(FUZZERS) $(OUTPUT)/venv/ready
	$(Q)$(PYTHON) tests/run $(TIERS)

test-oracles:	## compare with statsd_exporter, Telegraf, OpenTelemetry's collector, Wavefront's validator and proxy (root, network, Go)
	$(Q)deploy/install-deps build run test oracle
	$(Q)$(MAKE) -s --no-print-directory all $(OUTPUT)/tests/unit/test_wavefront $(OUTPUT)/venv/ready
	$(Q)$(PYTHON) tests/run oracle

bench:	## measure what a datagram costs, print a table (root)
	$(Q)deploy/install-deps build run test
	$(Q)$(MAKE) -s --no-print-directory all $(BENCHES)
	$(Q)tests/bench/run

fuzz:	## fuzz each parser for FUZZ_SECONDS
	$(Q)deploy/install-deps build test
	$(Q)$(MAKE) -s --no-print-directory $(FUZZERS)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) tests/run fuzz

lint:	## check layout, direction of includes, banned functions, man page
	$(Q)deploy/install-deps lint
	$(Q)$(FORMAT) --dry-run -Werror $(FORMATTED)
	$(Q)tests/lint/includes
	$(Q)tests/lint/banned
	$(Q)tests/lint/ledger
	$(Q)tests/lint/manual

format:	## lay the C sources out as .clang-format says
	$(Q)$(FORMAT) -i $(FORMATTED)

install: all	## install to $(DESTDIR)$(PREFIX)
	install -D -m 755 $(OUTPUT)/kstatsd $(DESTDIR)$(PREFIX)/sbin/kstatsd
	install -D -m 644 docs/kstatsd.8 $(DESTDIR)$(PREFIX)/share/man/man8/kstatsd.8
	$(Q)for file in *.md LICENSE docs/*.md docs/*.json docs/*.svg docs/*.png docs/decisions/*.md deploy/*.yaml; do \
		install -D -m 644 "$$file" "$(DESTDIR)$(PREFIX)/share/doc/kstatsd/$$file" || exit; done
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@sbindir@|$(PREFIX)/sbin|' deploy/kstatsd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/kstatsd.service

clean:	## remove all that was built
	rm -rf $(OUTPUT)

deps:	## install every package that building, running and testing need (Debian, root)
	deploy/install-deps build run lint test

help:	## print this
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r target text; do \
		printf '  make %-12s %s\n' "$$target" "$$text"; done

# A change of compiler or flags rebuilds.
FLAGS := $(CC) $(CLANG) $(BPFTOOL) $(USER_FLAGS) $(CFLAGS) $(LDFLAGS) $(BPF_FLAGS)
$(OUTPUT)/flags: force
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS)' | cmp -s - $@ || printf '%s\n' '$(FLAGS)' > $@

$(OUTPUT)/bpf/%.bpf.o: bpf/%.bpf.c $(OUTPUT)/flags
	$(say) CLANG $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $@

$(OUTPUT)/tests/bpf/%.bpf.o: tests/bpf/%.bpf.c $(OUTPUT)/flags
	$(say) CLANG $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $@

$(OUTPUT)/%.skel.h: $(OUTPUT)/bpf/%.bpf.o
	$(say) SKELETON $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

$(OUTPUT)/tests/bpf/%.skel.h: $(OUTPUT)/tests/bpf/%.bpf.o
	$(say) SKELETON $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

# Messages of other people's protocols: user/sink/ROOM/X.proto -> X.pb-c.[ch].
$(OUTPUT)/proto/%.pb-c.c $(OUTPUT)/proto/%.pb-c.h: %.proto
	$(say) PROTO $<
	@mkdir -p $(@D)
	$(Q)$(PROTOC) --proto_path=$(<D) --c_out=$(OUTPUT)/proto $<

$(OUTPUT)/proto/%.o: $(OUTPUT)/proto/%.c $(OUTPUT)/flags
	$(say) CC $<
	$(Q)$(CC) $(filter-out -Wmissing-prototypes,$(USER_FLAGS)) $(CFLAGS) $(lib_cflags) -c $< -o $@

# Order-only: which object needs which skeleton is in its .d file after the first build.
$(OUTPUT)/user/%.o: user/%.c $(OUTPUT)/flags | $(SKELETONS) $(PROTO_HEADERS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_FLAGS) $(CFLAGS) $(lib_cflags) $(if $(filter probe/%,$*),-I$(OUTPUT)) \
		$(if $(filter sink/%,$*),-I$(OUTPUT)/proto) \
		-MMD -MP -c $< -o $@

$(OUTPUT)/kstatsd: $(USER_OBJECTS)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(lib_ldlibs) -o $@

TEST_SKELETONS := $(patsubst tests/bpf/%.bpf.c,$(OUTPUT)/tests/bpf/%.skel.h,$(wildcard tests/bpf/*.bpf.c))
$(C_TESTS:=.o) $(BENCHES:=.o): | $(SKELETONS) $(TEST_SKELETONS) $(PROTO_HEADERS)
$(OUTPUT)/tests/%.o: tests/%.c $(OUTPUT)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_FLAGS) $(CFLAGS) $(lib_cflags) -Itests/unit \
		$(if $(filter bpf/% bench/%,$*),-I$(OUTPUT) -I$(OUTPUT)/tests/bpf) -I$(OUTPUT)/proto -MMD -MP -c $< -o $@

comma := ,
# Functions that a test puts itself in the place of.
$(OUTPUT)/tests/unit/test_relay_socket: wraps := \
	$(addprefix -Wl$(comma)--wrap=,resolver_new resolver_free resolver_start clock_gettime)
$(OUTPUT)/tests/unit/test_outbox: wraps := -Wl$(comma)--wrap=calloc
$(C_TESTS): %: %.o $(LIBRARY_OBJECTS)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(wraps) $^ $(lib_ldlibs) -lcmocka -o $@

$(BENCHES): %: %.o $(LIBRARY_OBJECTS)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(lib_ldlibs) -o $@

# Sends datagrams in every way; the daemon has no part in it.
$(OUTPUT)/tests/sender: $(OUTPUT)/tests/e2e/sender.o
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -lpthread -o $@

# The pure rooms, with sanitizers, around one fuzzer. All in one command, so headers are listed here.
FUZZ_SOURCES := $(wildcard user/core/*.c user/lib/*.c)
FUZZ_HEADERS := $(wildcard bpf/*.h user/core/*.h user/lib/*.h)
$(FUZZERS): $(OUTPUT)/%: %.c $(FUZZ_SOURCES) $(FUZZ_HEADERS) $(OUTPUT)/flags
	$(say) FUZZER $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -Ibpf -Iuser $< $(FUZZ_SOURCES) -lpcre2-8 -lm -o $@

$(OUTPUT)/venv/ready: tests/requirements.txt
	$(say) VENV $(@D)
	$(Q)$(PYTHON) -m venv --clear --system-site-packages $(@D)
	$(Q)$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

-include $(patsubst %.o,%.d,$(USER_OBJECTS)) $(BPF_SOURCES:%.c=$(OUTPUT)/%.d) $(C_TESTS:=.d) $(BENCHES:=.d)
-include $(OUTPUT)/tests/e2e/sender.d $(TEST_SKELETONS:.skel.h=.bpf.d)
