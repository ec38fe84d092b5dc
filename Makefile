# SPDX-License-Identifier: Apache-2.0
# The one Makefile, not recursive. `make help` lists the targets.
# Sources are found by wildcard: a new file needs no change here, as long as it lies in the folder of its layer.

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
SHELL = /bin/sh

# ---- Where to build: SAN=address,undefined or SAN=thread, with a tree of their own; SAN=fuzzer,address is `make fuzz`
SAN =
ifeq ($(SAN),)
  BUILD = build
else ifneq ($(findstring fuzzer,$(SAN)),)
  BUILD = build-fuzz
else ifneq ($(findstring thread,$(SAN)),)
  BUILD = build-tsan
else ifneq ($(findstring address,$(SAN)),)
  BUILD = build-asan
else
  $(error SAN=$(SAN): use SAN=address,undefined or SAN=thread)
endif
LAB_PORT ?= 8080
TORTURE_MINUTES = 35

# ---- configure and config.mk: made when missing or old, and after `deps` when that is asked for in the same call
GOALS = $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out deps help clean distclean lab-stop deb,$(GOALS)),)
include config.mk
endif
DEPS_FIRST = $(filter deps,$(GOALS))

# As many jobs as processors, unless a clean is to come before something else.
ifeq ($(MAKELEVEL)$(filter clean distclean,$(GOALS)),0)
  MAKEFLAGS += -j$(shell nproc)
endif

configure: configure.ac | $(DEPS_FIRST)
	autoconf

config.mk: config.mk.in configure | $(DEPS_FIRST)
	@if test -x config.status; then ./config.status --quiet --recheck && ./config.status --quiet; \
	else ./configure --quiet; fi
	@touch $@

# ---- Flags
STD = -std=c++20
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
HARDENING = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LINK_FLAGS = -Wl,-z,relro,-z,now -Wl,--as-needed
UNIQUE = -fno-gnu-unique
ifneq ($(SAN),)
  HARDENING = -O1 -fno-omit-frame-pointer
  SAN_COMPILE = -fsanitize=$(SAN) -fno-sanitize-recover=all
  SAN_LINK = -fsanitize=$(SAN)
endif
ifneq ($(findstring fuzzer,$(SAN)),)
  override CXX = clang++
  UNIQUE =
  SAN_COMPILE = -fsanitize=$(subst fuzzer,fuzzer-no-link,$(SAN)) -fno-sanitize-recover=all
  SAN_LINK = -fsanitize=$(subst fuzzer,fuzzer-no-link,$(SAN))
endif

COMPILE = $(CXX) $(STD) $(CXXFLAGS) $(WARNINGS) $(HARDENING) $(SAN_COMPILE) -fPIC -fvisibility=hidden $(UNIQUE) \
  -pthread -I. -DEWS_IM_VERSION='"$(VERSION)"' $(CPPFLAGS) $(LAYER_CFLAGS) -MMD -MP
LINK = $(CXX) $(CXXFLAGS) $(SAN_LINK) -pthread $(LINK_FLAGS) $(LDFLAGS)

STORE_CFLAGS = $(LMDB_CFLAGS) $(UUID_CFLAGS) $(UTF8PROC_CFLAGS)
STORE_LIBS = $(LMDB_LIBS) $(UUID_LIBS) $(UTF8PROC_LIBS)
EWS_LIBS = $(LIBXML2_LIBS) $(STORE_LIBS)
WSDL_DIR = $(datadir)/mod_ews_im/wsdl
MODULE_CFLAGS = $(APACHE_CFLAGS) -DAP_HAVE_DESIGNATED_INITIALIZER -DEWS_IM_WSDL_DIR='"$(WSDL_DIR)"' $(LIBXML2_CFLAGS)
TEST_CFLAGS = $(STORE_CFLAGS) $(LIBXML2_CFLAGS) $(CPPUNIT_CFLAGS)

# `make V=1` shows every command in full.
V = 0
say = $(if $(filter 0,$(V)),@echo '$(1) $@' &&)

# ---- Sources by layer
objects = $(patsubst %.cpp,$(BUILD)/obj/%.o,$(1))
STORE_OBJECTS = $(call objects,$(wildcard store/*.cpp store/lmdb/*.cpp))
EWS_OBJECTS = $(call objects,$(wildcard mod_ews_im/ews/*.cpp))
MODULE_OBJECTS = $(call objects,$(wildcard mod_ews_im/*.cpp))
CTL_OBJECTS = $(call objects,$(wildcard store/ctl/*.cpp))
UNIT_OBJECTS = $(call objects,$(wildcard tests/unit/*.cpp))
BENCH_MODULE_SOURCES = $(wildcard tests/bench/mod_*.cpp)
PRELOAD_SOURCES = $(wildcard tests/torture/preload_*.cpp tests/bench/preload_*.cpp)
BENCH_SOURCES = $(filter-out $(PRELOAD_SOURCES) $(BENCH_MODULE_SOURCES),$(wildcard tests/bench/*.cpp))
FUZZ_SOURCES = $(wildcard tests/fuzz/fuzz_*.cpp)
TORTURE_SOURCES = $(filter-out $(PRELOAD_SOURCES),$(wildcard tests/torture/*.cpp))

LIBSTORE = $(BUILD)/libstore.a
LIBEWS = $(BUILD)/libews.a
MODULE = $(BUILD)/mod_ews_im.so
CTL = $(BUILD)/ews-imctl
UNIT_TESTS = $(BUILD)/unit_tests
CHECK_SHAPE = $(BUILD)/check_shape
BENCHES = $(patsubst tests/%.cpp,$(BUILD)/%,$(BENCH_SOURCES))
BENCH_MODULES = $(patsubst tests/%.cpp,$(BUILD)/%.so,$(BENCH_MODULE_SOURCES))
FUZZERS = $(patsubst tests/%.cpp,$(BUILD)/%,$(FUZZ_SOURCES))
PRELOADS = $(patsubst tests/%.cpp,$(BUILD)/%.so,$(PRELOAD_SOURCES))
TORTURES = $(patsubst tests/%.cpp,$(BUILD)/%,$(TORTURE_SOURCES))
PROGRAMS = $(BENCHES) $(FUZZERS) $(TORTURES)

.PHONY: all tests bench benches fuzz fuzzers torture check check-asan check-tsan soak deps lab lab-stop install uninstall deb clean distclean help
# Objects stay, so that a second run is quick.
.SECONDARY:

all: $(MODULE) $(CTL)
tests: all $(UNIT_TESTS) $(CHECK_SHAPE) $(FUZZERS) $(TORTURES) $(PRELOADS)
benches: all $(BENCHES) $(BENCH_MODULES) $(PRELOADS)
fuzzers: $(FUZZERS)

# ---- Rules. LAYER_CFLAGS is what the layer of an object may see of foreign headers.
$(BUILD)/obj/store/%: LAYER_CFLAGS = $(STORE_CFLAGS)
$(BUILD)/obj/store/ctl/%: LAYER_CFLAGS = $(STORE_CFLAGS) $(JSON_CFLAGS)
$(BUILD)/obj/mod_ews_im/%: LAYER_CFLAGS = $(MODULE_CFLAGS)
$(BUILD)/obj/mod_ews_im/ews/%: LAYER_CFLAGS = $(LIBXML2_CFLAGS)
$(BUILD)/obj/tests/%: LAYER_CFLAGS = $(TEST_CFLAGS)
$(BUILD)/obj/tests/bench/mod_%: LAYER_CFLAGS = $(MODULE_CFLAGS)

$(BUILD)/obj/%.o: %.cpp config.mk Makefile
	@mkdir -p $(@D)
	$(call say,compile) $(COMPILE) -c $< -o $@

$(LIBSTORE): $(STORE_OBJECTS)
$(LIBEWS): $(EWS_OBJECTS)
$(LIBSTORE) $(LIBEWS):
	@rm -f $@
	$(call say,archive) $(AR) rcsD $@ $^

# The server loads and unloads the module and shares its process with others: exactly one symbol is to be seen.
$(BUILD)/exports.map: Makefile
	@mkdir -p $(@D)
	@echo '{ global: ews_im_module; local: *; };' > $@

$(MODULE): $(MODULE_OBJECTS) $(LIBEWS) $(LIBSTORE) $(BUILD)/exports.map
	$(call say,link   ) $(LINK) -shared -Wl,--version-script=$(BUILD)/exports.map -o $@ $(filter %.o %.a,$^) $(EWS_LIBS)

$(CTL): $(CTL_OBJECTS) $(LIBSTORE)
	$(call say,link   ) $(LINK) -o $@ $^ $(STORE_LIBS)

$(CHECK_SHAPE): $(BUILD)/obj/tests/schema/check_shape.o $(LIBEWS) $(LIBSTORE)
	$(call say,link   ) $(LINK) -o $@ $^ $(EWS_LIBS)

$(UNIT_TESTS): $(UNIT_OBJECTS) $(LIBEWS) $(LIBSTORE)
	$(call say,link   ) $(LINK) -o $@ $^ $(CPPUNIT_LIBS) $(EWS_LIBS)

# Every benchmark, fuzz target and torture program is one source; one that writes its own main() does not need the library.
$(BENCHES): $(BUILD)/%: $(BUILD)/obj/tests/%.o $(LIBEWS) $(LIBSTORE)
	@mkdir -p $(@D)
	$(call say,link   ) $(LINK) -o $@ $^ -lbenchmark $(EWS_LIBS)

$(TORTURES): $(BUILD)/%: $(BUILD)/obj/tests/%.o $(LIBEWS) $(LIBSTORE)
	@mkdir -p $(@D)
	$(call say,link   ) $(LINK) -o $@ $^ $(EWS_LIBS)

$(PRELOADS): $(BUILD)/%.so: $(BUILD)/obj/tests/%.o
	@mkdir -p $(@D)
	$(call say,link   ) $(LINK) -shared -o $@ $^ -ldl

$(BENCH_MODULES): $(BUILD)/%.so: $(BUILD)/obj/tests/%.o $(LIBSTORE)
	@mkdir -p $(@D)
	$(call say,link   ) $(LINK) -shared -o $@ $^ $(STORE_LIBS)

# A fuzz target is linked with libFuzzer in build-fuzz/, elsewhere with the main program that replays a corpus.
ifneq ($(findstring fuzzer,$(SAN)),)
  $(FUZZERS): SAN_LINK = -fsanitize=$(SAN)
else
  $(FUZZERS): $(BUILD)/obj/tests/fuzz/replay.o
endif
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/tests/%.o $(LIBEWS) $(LIBSTORE)
	@mkdir -p $(@D)
	$(call say,link   ) $(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(EWS_LIBS)

# One target after the other; what was found worth keeping stays in build-fuzz/corpus.
FUZZ_SECONDS = 60
fuzz:
	$(MAKE) SAN=fuzzer,address fuzzers
	@for target in $(patsubst tests/fuzz/%.cpp,%,$(FUZZ_SOURCES)); do \
	  tests/fuzz/corpus.py $$target build-fuzz/corpus/$$target && \
	  build-fuzz/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=20000 -print_final_stats=1 \
	    -artifact_prefix=build-fuzz/$$target- build-fuzz/corpus/$$target || exit 1; done

-include $(patsubst %.o,%.d,$(STORE_OBJECTS) $(EWS_OBJECTS) $(MODULE_OBJECTS) $(CTL_OBJECTS) $(UNIT_OBJECTS))
-include $(patsubst %.cpp,$(BUILD)/obj/%.d,$(wildcard tests/bench/*.cpp tests/schema/*.cpp tests/fuzz/*.cpp tests/torture/*.cpp))

# ---- For clang-tidy: the include folders and definitions of all layers together
$(BUILD)/tidy.flags: config.mk Makefile
	@mkdir -p $(@D)
	@printf '%s\n' $(STD) -Wall -Wextra -pthread -I. -DEWS_IM_VERSION='"$(VERSION)"' $(CPPFLAGS) $(MODULE_CFLAGS) \
	  $(STORE_CFLAGS) $(TEST_CFLAGS) > $@

# ---- Targets for people
deps:
	@tests/tools/deps.sh build/npm

CHECK_ENVIRONMENT = BUILD=$(BUILD) HTTPD=$(HTTPD) APXS=$(APXS)

check: tests benches $(BUILD)/tidy.flags
	@$(CHECK_ENVIRONMENT) tests/tools/run_suites

# BENCH_ONLY=P1,P2 chooses; BENCH_UPDATE=1 puts the table into doc/performance.md.
bench: benches
	@$(CHECK_ENVIRONMENT) PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/run.py

# The module and the unit tests with sanitizers, and a part of the tests against Apache.
check-asan:
	$(MAKE) SAN=address,undefined all build-asan/unit_tests
	@BUILD=build-asan HTTPD=$(HTTPD) APXS=$(APXS) tests/tools/run_suites unit sanitized

check-tsan:
	$(MAKE) SAN=thread all build-tsan/unit_tests
	@BUILD=build-tsan HTTPD=$(HTTPD) APXS=$(APXS) tests/tools/run_suites unit sanitized

check-style: $(BUILD)/tidy.flags
check-unit: $(UNIT_TESTS)
check-schema: $(CHECK_SHAPE)
check-layers: all
check-httpd check-clients check-fuzz check-torture: tests
check-%:
	@$(CHECK_ENVIRONMENT) tests/tools/run_suites $*

# 100 graceful restarts under load in each MPM, and 100 MB through the module. `make check` has 5 of them.
soak: all
	@$(CHECK_ENVIRONMENT) EWS_IM_RESTARTS=100 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=. /usr/bin/python3 -m pytest -q \
	  -p no:cacheprovider tests/httpd/test_340_life_cycle.py tests/httpd/test_300_pass_through.py \
	  -k 'graceful_restarts or without_a_leak or 100_megabytes'

torture: tests
	@$(CHECK_ENVIRONMENT) TORTURE_MINUTES='$(TORTURE_MINUTES)' tests/tools/run_suites torture

lab: all
	@BUILD=$(BUILD) HTTPD=$(HTTPD) MODULES=$(LIBEXECDIR) LAB_PORT='$(LAB_PORT)' conf/lab/lab.sh start

lab-stop:
	@BUILD=$(BUILD) conf/lab/lab.sh stop

APACHE_MODS = $(APACHE_SYSCONFDIR)/mods-available
WSDL_FILES = $(notdir $(wildcard conf/wsdl/*))
MAN_PAGES = $(notdir $(wildcard doc/*.8))

install: all
	install -d $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(sbindir) $(DESTDIR)$(APACHE_MODS)
	$(APXS) -i -S LIBEXECDIR=$(DESTDIR)$(LIBEXECDIR) -n ews_im $(MODULE)
	install -m 755 $(CTL) $(DESTDIR)$(sbindir)/ews-imctl
	sed 's|/usr/lib/apache2/modules/|$(LIBEXECDIR)/|' conf/ews_im.load > $(DESTDIR)$(APACHE_MODS)/ews_im.load
	chmod 644 $(DESTDIR)$(APACHE_MODS)/ews_im.load
	test -e $(DESTDIR)$(APACHE_MODS)/ews_im.conf || \
	  install -m 644 conf/ews_im.conf $(DESTDIR)$(APACHE_MODS)/ews_im.conf
ifneq ($(WSDL_FILES),)
	install -d $(DESTDIR)$(WSDL_DIR)
	install -m 644 $(addprefix conf/wsdl/,$(WSDL_FILES)) $(DESTDIR)$(WSDL_DIR)
endif
ifneq ($(MAN_PAGES),)
	install -d $(DESTDIR)$(mandir)/man8
	install -m 644 $(addprefix doc/,$(MAN_PAGES)) $(DESTDIR)$(mandir)/man8
endif

# ews_im.conf is the administrator's by now, and stays.
uninstall:
	rm -f $(DESTDIR)$(LIBEXECDIR)/mod_ews_im.so $(DESTDIR)$(sbindir)/ews-imctl $(DESTDIR)$(APACHE_MODS)/ews_im.load
	rm -rf $(DESTDIR)$(datadir)/mod_ews_im
	rm -f $(addprefix $(DESTDIR)$(mandir)/man8/,$(MAN_PAGES))

# The package is built from a copy, so that nothing here is cleaned or made anew; see debian/.
deb:
	@rm -rf build/deb && mkdir -p build/deb/source
	@tar -c --exclude=./build --exclude='./build-*' --exclude=./.git --exclude=./config.mk --exclude='./config.[ls]*' \
	  --exclude=./configure --exclude=./autom4te.cache . | tar -x -C build/deb/source
	@cd build/deb/source && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b
	@ls build/deb/*.deb

# What `make deps` fetched (build/npm) stays for the next build; distclean takes it too.
clean:
	@BUILD=$(BUILD) conf/lab/lab.sh remove
	@for entry in build/* build-*; do \
	  if test "$$entry" != build/npm; then rm -rf "$$entry"; fi; done

distclean: clean
	rm -rf build autom4te.cache config.mk config.log config.status configure configure~

help:
	@echo 'make                 build/mod_ews_im.so and build/ews-imctl'
	@echo 'make deps            install the Debian packages that are missing'
	@echo 'make check           build and run all tests; the last line tells how many passed and failed'
	@echo 'make check-SUITE     one suite: unit, layers, style, docs, build, ctl, schema, fuzz, httpd, clients, torture or sanitized'
	@echo 'make soak            100 graceful restarts under load in each MPM; tells requests, losses and memory'
	@echo 'make check-asan      unit tests and the module in Apache with the address, undefined and leak sanitizers;'
	@echo '                     check-tsan: with the thread sanitizer'
	@echo 'make deps check      both: all that a fresh clone needs'
	@echo 'make lab             a throw-away Apache on 127.0.0.1:8080 (LAB_PORT=N for another port)'
	@echo 'make lab-stop        end it'
	@echo 'make tests           build the tests without running them'
	@echo 'make benches         build the benchmarks without running them'
	@echo 'make bench           measure against the ceilings, some six minutes (BENCH_ONLY=P1,P2 chooses, BENCH_UPDATE=1 writes doc)'
	@echo 'make torture         kills, power cuts, full disks and the like for TORTURE_MINUTES=35 minutes, with a table of counts'
	@echo 'make fuzz            libFuzzer on each fuzz target (FUZZ_SECONDS=60 each)'
	@echo 'make install         into Apache'\''s module folder (DESTDIR=DIR); uninstall takes it out again'
	@echo 'make deb             build/deb/*.deb: Debian packages'
	@echo 'make clean           remove what was built; distclean: what configure and deps made as well'
	@echo 'SAN=address,undefined or SAN=thread with any of these builds in build-asan/ or build-tsan/ with sanitizers'
	@echo './configure --with-apxs=PATH --prefix=DIR CXX=... chooses what is not found by itself'
