# SPDX-License-Identifier: BSD-2-Clause
# `make` prints its help. Everything that is built lands under $(BUILD).

BUILD   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0

# make's own default is cc, which ?= would keep.
ifeq ($(origin CC),default)
CC := gcc
endif

# May be missing: nothing is placed on NUMA nodes then. `make NUMA=` builds as if it were.
NUMA := $(shell pkg-config --modversion numa 2>/dev/null)
# May be missing: compressed capture files are not read then. `make UNPACK=` builds as if they were.
UNPACK_PKGS := zlib liblzma libzstd liblz4
UNPACK := $(shell pkg-config --exists $(UNPACK_PKGS) 2>/dev/null && echo $(UNPACK_PKGS))
# May be missing: there is no inspector `ndpi` then. `make NDPI=` builds as if it were. Another version has other functions.
NDPI := $(shell pkg-config --exists 'libndpi >= 4.2 libndpi < 4.3' 2>/dev/null && pkg-config --modversion libndpi)
# May be missing: flow-stat does not serve metrics then. `make HTTP=` builds as if it were.
HTTP := $(shell pkg-config --exists 'libmicrohttpd >= 0.9.71' 2>/dev/null && pkg-config --modversion libmicrohttpd)
# May be missing: flow-stat --watch has no terminal then. `make CURSES=` builds as if it were.
CURSES := $(shell pkg-config --modversion ncursesw 2>/dev/null)
PKGS := libpcap jansson popt libcrypto inih $(if $(NUMA),numa) $(UNPACK)
WARN     := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CPPFLAGS += -D_GNU_SOURCE -DFB_VERSION='"$(VERSION)"' -Iinclude -I. $(if $(UNPACK),-DFB_HAVE_UNPACK)
CFLAGS   ?= -O2 -g
# Lines that will be written are fetched to be written (include/flow_balancer/prefetch.h).
ALL_CFLAGS := -std=c11 $(WARN) -mprfchw $(CFLAGS) -MMD -MP
LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
MISSING  := $(strip $(if $(LIBS),,$(foreach pkg,$(PKGS),$(shell pkg-config --exists $(pkg) 2>/dev/null || echo $(pkg)))))
# Only what calls them loads them.
FEW_PKGS := $(if $(NDPI),libndpi) $(if $(HTTP),libmicrohttpd) $(if $(CURSES),ncursesw)
LIBS     += $(if $(strip $(FEW_PKGS)),-Xlinker --push-state -Xlinker --as-needed $(shell pkg-config --libs $(FEW_PKGS)) -Xlinker --pop-state)

# A folder, with those in it, is a library plus the main file named here.
sources    = $(wildcard $(1)/*.c $(1)/*/*.c)
NO_HTTP    := shm/view/serve_absent.c
VIEW_SRC   := $(filter-out $(if $(HTTP),$(NO_HTTP),shm/view/serve.c),$(wildcard shm/view/*.c))
SHM_SRC    := $(filter-out shm/flow_stat.c shm/common/option_doc.c shm/view/%,$(call sources,shm))
DISP_SRC   := $(filter-out dispatcher/main.c,$(call sources,dispatcher))
SHIM_SRC   := $(wildcard worker/shim/*.c)
NO_NDPI    := worker/inspectors/ndpi_absent.c
WORK_SRC   := $(filter-out worker/main.c worker/offline_load.c $(SHIM_SRC) \
              $(if $(NDPI),$(NO_NDPI),$(filter-out $(NO_NDPI),$(wildcard worker/inspectors/ndpi*.c))),$(call sources,worker))

# A test program NAME.c becomes $(BUILD)/tests/NAME, wherever it is.
TEST_SRC   := $(sort $(wildcard $(addprefix tests/,$(addsuffix test_*.c,unit/*/ unit/*/*/ sim/ bench/ weave/))))
TEST_SRC   := $(filter-out $(if $(NDPI),,%/test_ndpi_result.c) $(if $(HTTP),,%/test_view_serve.c),$(TEST_SRC))
PROC_SRC   := $(sort $(wildcard tests/proc/proc_*.c tests/chaos/proc_*.c))
RACE_SRC   := $(sort $(wildcard tests/race/race_*.c))
programs    = $(patsubst %.c,$(BUILD)/tests/%,$(notdir $(1)))
TESTS      := $(call programs,$(TEST_SRC))
PROC_TESTS := $(call programs,$(PROC_SRC))
RACE_TESTS := $(call programs,$(RACE_SRC))
# Those that take longest, two thirds of check-proc in all; scripts/test is without them.
PROC_LONG  := attach captures chaos conversations crash doors eve eve_sinks every_instruction examples examples_long exec_ends huge \
              instances life ndpi plugin read_captures serve shim_end shim_programs stop why
PROC_QUICK := $(filter-out $(PROC_LONG:%=$(BUILD)/tests/proc_%),$(PROC_TESTS))
# What the machine has once (huge pages), or where time is part of the test; the others run two at a time.
PROC_ALONE := $(patsubst %,$(BUILD)/tests/proc_%,hang killed live live_buffer live_filter progress why)
run_proc    = FB_BUILD=$(abspath $(BUILD)) scripts/run-tests -j 2 $(filter-out $(PROC_ALONE),$(1)) --alone $(filter $(PROC_ALONE),$(1))
MUTANT     := $(BUILD)/mutant
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES    := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))
# What they share, a test of theirs too; and what is compared with where it is installed.
BENCH_SRC  := $(filter-out tests/bench/bench_%.c tests/bench/plugin_%.c tests/bench/preload_%.c tests/bench/test_%.c,$(wildcard tests/bench/*.c)) \
              tests/tools/tracegen_pcap.c tests/tools/tracegen_random.c
CK_CFLAGS  := $(shell pkg-config --exists ck 2>/dev/null && echo -DBENCH_HAVE_CK && pkg-config --cflags ck)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
SHM_LIB  := $(BUILD)/libfb_shm.a
VIEW_LIB := $(BUILD)/libfb_view.a
DISP_LIB := $(BUILD)/libfb_dispatcher.a
WORK_LIB := $(BUILD)/libfb_worker.a
# The shim's objects, for its tests: it is installed as a shared object only.
SHIM_LIB := $(BUILD)/libfb_shim.a
# Fixtures and what else tests share: for test programs only, never installed.
TEST_LIB := $(BUILD)/libfb_test.a
# What runs in every order (tests/weave), with the simulation in the place of atomics and futexes.
WEAVE_LIB := $(BUILD)/libfb_weave.a
WEAVE_SRC := shm/ring.c shm/sides.c shm/ctl.c shm/history.c dispatcher/fleet/lane.c dispatcher/datapath/egress.c worker/consumer/consumer.c worker/loop.c
# libflowbalancer: the consumer, and what it needs of shm/, of which it exports its interface only.
# Without libnuma: it places nothing.
LIB_MAJOR  := 1
LIB_MINOR  := 0
LIB_MAP    := worker/consumer/libflowbalancer.map
LIB_STATIC := $(BUILD)/libflowbalancer.a
LIB_SHARED := $(BUILD)/libflowbalancer.so.$(LIB_MAJOR).$(LIB_MINOR)
LIBRARY    := $(LIB_STATIC) $(LIB_SHARED)
# What makes libpcap programs workers: loaded before their libraries, never linked with.
SHIM       := $(BUILD)/libflowbalancer-pcap.so
OFFLINE    := $(BUILD)/flow-offline.so
# What users compile against; these include no other header of ours.
PUBLIC_HEADERS := $(addprefix include/flow_balancer/,consumer.h flow.h inspector.h)
PROGRAMS := $(BUILD)/flow-dispatcher $(BUILD)/flow-worker $(BUILD)/flow-stat
TOOLS    := $(BUILD)/tracegen
# Man pages and completion: where options are listed, a page or script is made from NAME.in.
DOC        := $(BUILD)/option-doc
MADE_PAGES := $(patsubst scripts/man/%.in,$(BUILD)/man/%,$(wildcard scripts/man/*.in))
MAN_PAGES  := $(wildcard scripts/man/*.[1-8]) $(MADE_PAGES)
COMPLETION := $(BUILD)/completion/flow-balancer.bash $(BUILD)/completion/_flow-balancer
# A worker that fails as it is told, for tests; never installed.
FAULT_WORKER := $(BUILD)/flow-worker-fault
FAULT_OBJ    := $(call obj,$(wildcard tests/tools/fault_*.c))
# One whose rules are read again, made of nothing but the contracts between processes.
RULES_WORKER := $(BUILD)/flow-worker-rules
# Programs that know libpcap only.
PCAP_PROGRAMS := $(addprefix $(BUILD)/tests/,pcap_calls pcap_reader)
# One that knows libflowbalancer only.
LIBRARY_READER := $(BUILD)/tests/library_reader
TEST_WORKERS := $(FAULT_WORKER) $(RULES_WORKER)
# Plugins for tests; of shapes.c one for each of these, which a worker has to refuse, or one that is as it should be.
PLUGIN_SHAPES := good shorter later_minor other_major no_symbol no_name no_open no_packet bad_name crash_in_constructor
PLUGINS       := $(addprefix $(BUILD)/tests/plugins/,$(addsuffix .so,alerts misbehave $(PLUGIN_SHAPES)))

.DEFAULT_GOAL := help
.PHONY: FORCE have-cmocka help build tests check check-proc check-proc-quick check-san check-race check-numa soak soak-live model fuzz mutants bench bench-10m bench-instructions lint format coverage install clean race-tests fuzz-targets
.SECONDARY:

help:
	@echo 'flow-balancer $(VERSION): make TARGET'
	@echo
	@echo '  build       flow-dispatcher, flow-worker, flow-stat, libflowbalancer and its pcap door, the trace generator, man pages and completion, in $(BUILD)/'
	@echo '  check       unit tests (seconds)'
	@echo '  check-proc  tests with real processes, signals and kill -9; the captures where they are'
	@echo '  check-proc-quick  those of them that scripts/test runs: without the longest'
	@echo '  check-san   unit tests under AddressSanitizer and UndefinedBehaviorSanitizer (clang)'
	@echo '  check-race  ring and both sides under ThreadSanitizer (clang)'
	@echo '  check-numa  placement in a guest of two NUMA nodes (qemu, without KVM; skips where it cannot be had)'
	@echo '  soak        kills, stops, restarts and nonsense at random, seed after seed, for SOAK_MINUTES=10'
	@echo '  soak-live   a live run at 80 % of what the machine sustains, workers restarted, for SOAK_MINUTES=20 (root, tcpreplay)'
	@echo '  model       models of the protocol, searched by spin; broken variants must be refuted'
	@echo '  fuzz        fuzz targets under both sanitizers, two at a time (clang; FUZZ_SECONDS=60 each, FUZZ_TARGET=NAME: one)'
	@echo '  mutants     length checks weakened, orderings broken, and what else is easily lost, one by one: the tests must find each (clang)'
	@echo '  bench       nanoseconds a packet beside yardsticks of the same run (a quarter of an hour; FULL=1: every size, flows and workers)'
	@echo '  bench-10m   10 million packets, 8 workers, 3 runs: balanced, time, memory of each process'
	@echo '  bench-instructions  instructions a packet of the dispatcher, stage by stage, against tests/bench/instructions.tsv (valgrind)'
	@echo '  lint        rooms and doors, calls, names, sizes, ordering labels, words, white space, shell and Python'
	@echo '  format      let clang-format decide the white space'
	@echo '  coverage    line coverage of the unit tests'
	@echo '  install     programs, scripts, libraries, headers, Python module, schemas, dashboard, manual pages and completion under $$(DESTDIR)$$(PREFIX), PREFIX=$(PREFIX)'
	@echo '  clean       remove $(BUILD)/'
	@echo
	@echo 'Variables: CC, CFLAGS, BUILD, PREFIX, DESTDIR. What a bare machine lacks: scripts/install-deps'

build: $(PROGRAMS) $(OFFLINE) $(TOOLS) $(LIBRARY) $(SHIM) $(call obj,$(SHIM_SRC) $(NO_NDPI) $(NO_HTTP)) $(MADE_PAGES) $(COMPLETION)

tests: $(TESTS) $(PROC_TESTS) $(TEST_WORKERS) $(PCAP_PROGRAMS) $(LIBRARY_READER) $(PLUGINS) $(BENCHES)

# Another compiler or other flags compile everything again. What cannot work is said before the compiler does.
$(BUILD)/command: export COMMAND := $(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CK_CFLAGS) $(ALL_CFLAGS) $(LDFLAGS) $(LIBS)
$(BUILD)/command: FORCE
	@command -v $(firstword $(CC)) >/dev/null || \
	    { echo 'make: $(firstword $(CC)) is not installed: run scripts/install-deps --test, or set CC' >&2; exit 1; }
	@[ -z '$(MISSING)' ] || { echo 'make: missing or not found by pkg-config: $(MISSING): run scripts/install-deps' >&2; exit 1; }
	@mkdir -p $(@D)
	@printf '%s\n' "$$COMMAND" | cmp -s - $@ || printf '%s\n' "$$COMMAND" >$@
FORCE:

# Objects that cannot be compiled without cmocka.
$(call obj,$(TEST_SRC) $(PROC_SRC) $(RACE_SRC) $(wildcard tests/lib/*.c tests/weave/*.c tests/chaos/*.c tests/fuzz/*.c)): | have-cmocka
have-cmocka:
	@pkg-config --exists cmocka || { echo 'make: cmocka is missing, the tests need it: run scripts/install-deps --test' >&2; exit 1; }

$(BUILD)/obj/%.o: %.c $(BUILD)/command
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/weave/%.o: %.c $(BUILD)/command
	@mkdir -p $(@D)
	$(CC) -include tests/weave/weave_atomic.h $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/worker/inspectors/ndpi.o: CPPFLAGS += -DFB_NDPI_VERSION='"$(NDPI)"'
$(BUILD)/obj/shm/common/numa.o: CPPFLAGS += $(if $(NUMA),-DFB_HAVE_NUMA='"$(NUMA)"')

$(BUILD)/obj/shm/view/screen.o: CPPFLAGS += $(if $(CURSES),-DFB_HAVE_CURSES='"$(CURSES)"' $(shell pkg-config --cflags ncursesw))

$(BUILD)/pic/%.o: %.c $(BUILD)/command
	@mkdir -p $(@D)
	$(CC) -fPIC $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# One object with what it needs of the others, in which names that are not exported are local.
$(BUILD)/pic/libflowbalancer.o: $(patsubst %.c,$(BUILD)/pic/%.o,$(wildcard worker/consumer/*.c)) $(BUILD)/pic/libfb_shm.a
	$(LD) -r -o $@.all $(filter %.o %.a,$^)
	objcopy $$(sed -n 's/^    \(fb_[a-z_]*\);$$/-G \1/p' $(LIB_MAP)) $@.all $@
	@rm $@.all
$(BUILD)/pic/libflowbalancer.o: $(LIB_MAP)
$(BUILD)/pic/libfb_shm.a: $(patsubst %.c,$(BUILD)/pic/%.o,$(SHM_SRC))
$(LIB_STATIC): $(BUILD)/pic/libflowbalancer.o
$(LIB_SHARED): $(BUILD)/pic/libflowbalancer.o $(LIB_MAP)
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -Wl,-soname,libflowbalancer.so.$(LIB_MAJOR) -Wl,--version-script=$(LIB_MAP) \
	    -Wl,-z,defs -o $@ $< -lpthread

$(SHIM): $(patsubst %.c,$(BUILD)/pic/%.o,$(SHIM_SRC) $(wildcard worker/consumer/*.c)) $(BUILD)/pic/libfb_shm.a worker/shim/shim.map
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -Wl,-soname,$(notdir $@) -Wl,--version-script=worker/shim/shim.map -Wl,-z,defs \
	    -o $@ $(filter %.o %.a,$^) -lpthread -ldl

$(SHM_LIB): $(call obj,$(SHM_SRC))
$(VIEW_LIB): $(call obj,$(VIEW_SRC))
$(DISP_LIB): $(call obj,$(DISP_SRC))
$(WORK_LIB): $(call obj,$(WORK_SRC))
$(SHIM_LIB): $(call obj,$(SHIM_SRC))
$(TEST_LIB): $(call obj,$(wildcard tests/lib/*.c))
$(WEAVE_LIB): $(call obj,$(filter-out tests/weave/test_%,$(wildcard tests/weave/*.c))) $(WEAVE_SRC:%.c=$(BUILD)/obj/weave/%.o)
$(SHM_LIB) $(VIEW_LIB) $(DISP_LIB) $(WORK_LIB) $(SHIM_LIB) $(TEST_LIB) $(WEAVE_LIB) $(LIB_STATIC) $(BUILD)/pic/libfb_shm.a $(BUILD)/pic/libfb_dispatcher.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/flow-dispatcher: $(call obj,dispatcher/main.c) $(DISP_LIB) $(SHM_LIB)
# With the part of the dispatcher that --read needs.
# With --read it loads flow-offline.so, which logs through the program's functions.
$(BUILD)/flow-worker: $(call obj,worker/main.c worker/offline_load.c) $(WORK_LIB) $(SHM_LIB)
$(BUILD)/flow-worker: private LDFLAGS += -Wl,--as-needed -Wl,--export-dynamic-symbol=fb_log -Wl,--export-dynamic-symbol='fb_log_*'
$(OFFLINE): $(patsubst %.c,$(BUILD)/pic/%.o,$(wildcard dispatcher/offline/*.c)) $(BUILD)/pic/libfb_dispatcher.a $(BUILD)/pic/libfb_shm.a dispatcher/offline/offline.map
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -Wl,--version-script=dispatcher/offline/offline.map -Wl,-z,defs -Wl,--as-needed \
	    -o $@ $(filter %.o %.a,$^) $(LIBS) -lm -lpthread
$(BUILD)/pic/libfb_dispatcher.a: $(patsubst %.c,$(BUILD)/pic/%.o,$(DISP_SRC))
$(BUILD)/flow-stat: $(call obj,shm/flow_stat.c) $(VIEW_LIB) $(SHM_LIB)
$(BUILD)/flow-stat: private LDFLAGS += -Wl,--as-needed
$(BUILD)/tracegen: $(call obj,$(wildcard tests/tools/tracegen*.c))
# Its own list of inspectors comes first: that of the library is then not linked.
$(FAULT_WORKER): $(call obj,worker/main.c) $(FAULT_OBJ) $(WORK_LIB) $(DISP_LIB) $(SHM_LIB)
$(RULES_WORKER): $(call obj,tests/tools/rules_worker.c) $(SHM_LIB)
$(DOC): $(call obj,shm/common/option_doc.c) $(SHM_LIB)
$(PROGRAMS) $(TOOLS) $(TEST_WORKERS) $(DOC):
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lm -lpthread

$(PCAP_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/obj/tests/tools/%.o
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpcap -lpthread

$(LIBRARY_READER): $(BUILD)/obj/tests/tools/library_reader.o $(LIB_STATIC)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lpthread

PLUGIN_FLAGS = -Iinclude -std=gnu11 $(WARN) $(CFLAGS) -fPIC -shared
$(addprefix $(BUILD)/tests/plugins/,alerts.so misbehave.so): $(BUILD)/tests/plugins/%.so: tests/tools/plugins/%.c include/flow_balancer/inspector.h include/flow_balancer/flow.h $(BUILD)/command
	@mkdir -p $(@D)
	$(CC) $(PLUGIN_FLAGS) -o $@ $< -lpthread
$(PLUGIN_SHAPES:%=$(BUILD)/tests/plugins/%.so): $(BUILD)/tests/plugins/%.so: tests/tools/plugins/shapes.c include/flow_balancer/inspector.h include/flow_balancer/flow.h $(BUILD)/command
	@mkdir -p $(@D)
	$(CC) $(PLUGIN_FLAGS) -DSHAPE_$* -o $@ $<

# put_options FORMAT: the file with the output of option-doc in the place of its line @OPTIONS@.
define put_options
	@mkdir -p $(@D)
	$(DOC) $(1) >$@.options
	sed -e '/@OPTIONS.*@/{r $@.options' -e 'd}' $< >$@.part
	@rm $@.options
	@mv $@.part $@
endef

$(BUILD)/man/%: scripts/man/%.in $(DOC)
	$(call put_options,mdoc $$(sed -n 's/.*@OPTIONS \(.*\)@.*/\1/p' $<))
$(BUILD)/completion/flow-balancer.bash: scripts/completion/flow-balancer.bash.in $(DOC)
	$(call put_options,bash)
$(BUILD)/completion/_flow-balancer: scripts/completion/_flow-balancer.in $(DOC)
	$(call put_options,zsh)

$(BUILD)/tests/proc_chaos: $(call obj,$(wildcard tests/chaos/chaos_*.c))
$(BUILD)/tests/test_fault_inspector: $(FAULT_OBJ)
# With a double of the sinks, before the library, from which they are then not taken.
$(addprefix $(BUILD)/tests/test_,eve_events eve_flow inspection_events ndpi): $(call obj,tests/unit/worker/records/eve_lines.c)
$(BUILD)/tests/test_option_doc: $(DOC) $(COMPLETION) $(MADE_PAGES)
# The simulation of balancing, for its tests and its bench.
$(BUILD)/tests/test_balance_sim $(BUILD)/tests/test_balance_trace $(BUILD)/bench/bench_balance: $(call obj,$(wildcard tests/sim/balance_*.c) tests/tools/tracegen_random.c)

# Before the other libraries, from which the same sources are then not taken.
$(filter $(BUILD)/tests/test_weave%,$(TESTS)): $(WEAVE_LIB)
$(filter $(BUILD)/tests/test_shim%,$(TESTS)): $(SHIM_LIB)
$(BUILD)/tests/test_config_stat $(filter $(BUILD)/tests/test_view%,$(TESTS)): $(VIEW_LIB)

define test_rule
$(call programs,$(1)): $(call obj,$(1)) $(TEST_LIB) $(WORK_LIB) $(DISP_LIB) $(SHM_LIB)
endef
$(foreach source,$(TEST_SRC) $(PROC_SRC) $(RACE_SRC),$(eval $(call test_rule,$(source))))
$(TESTS) $(PROC_TESTS) $(RACE_TESTS):
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -lcmocka -lm -lpthread

$(BENCHES) $(BUILD)/tests/test_bench_check: $(call obj,$(BENCH_SRC))
$(BUILD)/obj/tests/bench/bench_ring.o: CPPFLAGS += $(CK_CFLAGS)
$(BUILD)/obj/tests/bench/bench_dispatch.o: CPPFLAGS += -DBENCH_CFLAGS='"$(CFLAGS)"'

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(TEST_LIB) $(WORK_LIB) $(DISP_LIB) $(SHM_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -lm -lpthread

# The same inspector built in and as a plugin; the clock of bench-instructions.
$(BUILD)/bench/%.so: tests/bench/%.c $(BUILD)/command
	@mkdir -p $(@D)
	$(CC) -shared -fPIC $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $<
$(BUILD)/bench/bench_worker: | $(BUILD)/bench/plugin_count.so

check: $(TESTS)
	@scripts/run-tests -j 2 tests/unit/scripts/test_scripts tests/unit/supervisor/test_supervisor $(TESTS)

check-proc: build $(PROC_TESTS) $(TEST_WORKERS) $(PCAP_PROGRAMS) $(PLUGINS)
	@$(call run_proc,$(PROC_TESTS))

check-proc-quick: build $(PROC_QUICK) $(TEST_WORKERS) $(PCAP_PROGRAMS) $(PLUGINS)
	@$(call run_proc,$(PROC_QUICK))

SAN_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
check-san:
	$(MAKE) check BUILD=$(BUILD)/san CC=clang \
	    CFLAGS='$(SAN_FLAGS)'

check-race:
	$(MAKE) race-tests BUILD=$(BUILD)/race CC=clang CFLAGS='-O1 -g -fsanitize=thread'

race-tests: $(RACE_TESTS) $(MUTANT)/race_ring
	@scripts/run-tests $(RACE_TESTS)
	@tests/race/race_mutant $(MUTANT)/race_ring

check-numa: build $(BUILD)/tests/test_numa
	@FB_BUILD=$(abspath $(BUILD)) tests/numa/run

# What is searched, and what has to be refuted, is in tests/model/run.
model:
	@tests/model/run $(BUILD)/model

# Coverage is that of our own objects. What a target is made of is in its source.
FUZZ_FLAGS := $(SAN_FLAGS) -fsanitize=fuzzer-no-link
fuzz:
	@if tests/fuzz/run --probe; then \
	    $(MAKE) --no-print-directory fuzz-targets BUILD=$(BUILD)/fuzz CC=clang CFLAGS='$(FUZZ_FLAGS)' && \
	    tests/fuzz/run $(BUILD)/fuzz $(FUZZ_TARGET); fi

fuzz-targets: $(FUZZERS) $(BUILD)/fuzz_seeds $(BUILD)/tracegen

# Before the library, from which the regions are then not taken.
$(BUILD)/fuzz_flows $(BUILD)/fuzz_fragments: $(call obj,tests/fuzz/region.c)
$(BUILD)/fuzz_flows: $(call obj,tests/fuzz/flows_model.c)

$(FUZZERS): $(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(TEST_LIB) $(DISP_LIB) $(SHM_LIB)
	$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -lcmocka

$(BUILD)/fuzz_seeds: $(call obj,tests/fuzz/seeds.c tests/fuzz/capture_seeds.c) $(TEST_LIB) $(DISP_LIB) $(SHM_LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# With the objects of check-san: only the mutants are compiled.
mutants:
	@CC=clang CFLAGS='$(SAN_FLAGS)' LIBS='$(LIBS)' VERSION='$(VERSION)' DEFINES='$(if $(UNPACK),-DFB_HAVE_UNPACK)' tests/mutants/run $(BUILD)/san

# The race tests over a ring whose R1 releases nothing: ThreadSanitizer has to report it.
$(MUTANT)/flow_balancer/ring.h: include/flow_balancer/ring.h
	@mkdir -p $(@D)
	sed '/R1: pairs with/,/;/s/memory_order_release/memory_order_relaxed/' $< >$@
	@if cmp -s $< $@; then echo 'R1 is not where it was: fix the mutation in the Makefile' >&2; \
	    rm $@; exit 1; fi

$(MUTANT)/race_ring: tests/race/race_ring.c tests/lib/ring_fixture.c $(MUTANT)/flow_balancer/ring.h $(BUILD)/command $(TEST_LIB) $(SHM_LIB)
	$(CC) -I$(MUTANT) $(CPPFLAGS) -std=c11 $(WARN) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) $(filter %.a,$^) \
	    $(LIBS) -lcmocka -lm -lpthread

# gcov says "File 'NAME'" and then "Lines executed:P% of N".
coverage:
	$(MAKE) check BUILD=$(BUILD)/coverage CC=gcc CFLAGS='-O0 -g --coverage'
	@find $(BUILD)/coverage/obj -name '*.gcda' | xargs gcov -n -r | \
	    sed -nE "/^File '(shm|dispatcher|worker|include)/{N;s/^File '(.*)'\nLines executed:(.*)/\2  \1/p}" | sort -n

soak: build $(BUILD)/tests/proc_chaos $(FAULT_WORKER)
	@FB_BUILD=$(abspath $(BUILD)) tests/chaos/soak $(BUILD)/tests/proc_chaos

# In a network namespace of its own; not part of scripts/test.
soak-live: build
	@FB_BUILD=$(abspath $(BUILD)) tests/chaos/soak-live

bench: build $(BENCHES) $(PCAP_PROGRAMS) $(LIBRARY_READER)
	@FB_BUILD=$(abspath $(BUILD)) tests/bench/run $(if $(FULL),--full)

bench-10m: build
	@FB_BUILD=$(abspath $(BUILD)) tests/bench/ten_million

bench-instructions: build $(BUILD)/bench/preload_clock.so
	@FB_BUILD=$(abspath $(BUILD)) tests/bench/instructions

lint: build
	@FB_BUILD=$(abspath $(BUILD)) scripts/lint
	@scripts/man/check

format:
	@find include shm dispatcher worker tests -name '*.[ch]' -exec clang-format -i {} +

SHARE_DIR := $(DESTDIR)$(PREFIX)/share
BASH_DIR  := $(SHARE_DIR)/bash-completion/completions
ZSH_DIR   := $(SHARE_DIR)/zsh/site-functions
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/flow-balancer/supervisor
	install -m 0755 $(PROGRAMS) scripts/flow-balancer $(DESTDIR)$(PREFIX)/bin
	install -m 0644 $(OFFLINE) $(DESTDIR)$(PREFIX)/lib/flow-balancer
	install -m 0644 scripts/supervisor/*.py $(DESTDIR)$(PREFIX)/lib/flow-balancer/supervisor
	install -m 0755 scripts/preflight $(DESTDIR)$(PREFIX)/bin/flow-preflight
	for page in $(MAN_PAGES); do \
	    install -D -m 0644 -t $(SHARE_DIR)/man/man$${page##*.} $$page || exit 1; done
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/include/flow_balancer $(PUBLIC_HEADERS)
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/lib $(LIB_STATIC)
	install -m 0755 $(LIB_SHARED) $(SHIM) $(DESTDIR)$(PREFIX)/lib
	ln -sf $(notdir $(LIB_SHARED)) $(DESTDIR)$(PREFIX)/lib/libflowbalancer.so.$(LIB_MAJOR)
	ln -sf libflowbalancer.so.$(LIB_MAJOR) $(DESTDIR)$(PREFIX)/lib/libflowbalancer.so
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' worker/consumer/flowbalancer.pc.in \
	    >$(DESTDIR)$(PREFIX)/lib/pkgconfig/flowbalancer.pc
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/lib/python3/dist-packages scripts/python/flow_balancer.py
	install -D -m 0644 -t $(SHARE_DIR)/flow-balancer scripts/schema/*.schema.json
	install -D -m 0644 -t $(SHARE_DIR)/flow-balancer/dashboard scripts/dashboard/flow-balancer.json scripts/dashboard/flow-balancer.rules.yml
	install -d $(BASH_DIR) $(ZSH_DIR)
	install -m 0644 $(BUILD)/completion/flow-balancer.bash $(BASH_DIR)/flow-balancer
	for program in $(notdir $(PROGRAMS)); do ln -sf flow-balancer $(BASH_DIR)/$$program || exit 1; done
	install -m 0644 $(BUILD)/completion/_flow-balancer $(ZSH_DIR)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj $(BUILD)/pic -name '*.d' 2>/dev/null)
