# What is done with what was built. The lines that begin with "#:" are the text of `make help`.

ARGS ?=
REQ ?=
PROGRAM ?= tracking
FUZZ_SECONDS ?= 60
DESTDIR ?=
CLANG_FORMAT ?= $(shell scripts/find-clang-format)

JOBS := $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
SUBMAKE = $(MAKE) --no-print-directory $(JOBS)
SOURCES = $(shell git ls-files -co --exclude-standard '*.c' '*.h' 2>/dev/null || find common fcgi-bin cli tests bench -name '*.[ch]')

.PHONY: help deps run check check-all lint lint-source lint-tidy lint-cppcheck lint-compilers format fuzz bench \
	operations replay docs install uninstall deb clean

#: make                       builds everything into build/
#: make run [ARGS=...]        installs what is missing, builds, serves on http://127.0.0.1:5000; ARGS are options of
#:                            `tracklight server`, as in ARGS='--port 8080'
#: make check                 installs what is missing, builds, and runs the tests in their short form
#: make check-all             the same in their long form: whole suites under the sanitizers, longer fuzzing
#: make lint                  clang-tidy, cppcheck, formatting, layers, banned functions, builds with gcc and clang
#: make fuzz                  every fuzz target for FUZZ_SECONDS=60
#: make bench                 the benchmarks
#: make operations            the operations that each program answers
#: make replay REQ=file       answers one recorded HTTP request under the debugger (PROGRAM=tracking)
#: make format                formats the C sources with clang-format 14
#: make docs                  writes docs/settings.md from the table of settings
#: make deps                  installs what building and running need, and nothing else
#: make install uninstall     below DESTDIR= PREFIX=/usr/local
#: make deb                   Debian packages, in build/deb
#: make clean                 removes build/
#:
#: Variables: CC=clang  SAN=address|undefined|thread|address,undefined  BUILD=dir  CFLAGS=-O0  V=1
help:
	@sed -n 's/^#: \{0,1\}//p' make/tasks.mk

deps:
	@scripts/install-dependencies build run

run:
	@scripts/install-dependencies build run
	@$(SUBMAKE) all
	@exec $(BUILD)/bin/tracklight server $(ARGS)

check:
	@scripts/install-dependencies build run check
	@MAKE='$(MAKE)' CC='$(CC)' $(PYTHON) scripts/run-tests --build $(BUILD)

check-all:
	@scripts/install-dependencies build run check
	@MAKE='$(MAKE)' CC='$(CC)' $(PYTHON) scripts/run-tests --build $(BUILD) --long

# --- Lint ---

lint: lint-source lint-compilers lint-cppcheck lint-tidy

lint-source:
	@$(PYTHON) scripts/check-source

# Reads compile_flags.txt. What it says on standard error is only how much it left out.
lint-tidy: $(BUILD)/gen/otlp_trace.pb-c.h
	@echo "clang-tidy"
	@printf '%s\n' $(filter %.c,$(SOURCES)) | \
		xargs -P $$(nproc) -n 1 clang-tidy --quiet --warnings-as-errors='*' 2>/dev/null

lint-cppcheck:
	@echo "cppcheck"
	@cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr --library=posix,gnu \
		--enable=warning,performance,portability --suppressions-list=scripts/cppcheck-suppressions \
		-j $$(nproc) -I. -D_GNU_SOURCE $(filter %.c,$(SOURCES))

lint-compilers:
	@for compiler in gcc clang; do echo "$$compiler"; \
		$(MAKE) --no-print-directory BUILD=$(BUILD)/lint-$$compiler CC=$$compiler all units || exit 1; done

format:
	@test -n '$(CLANG_FORMAT)' || { echo "clang-format 14 is not here; other versions format differently." >&2; exit 1; }
	$(CLANG_FORMAT) -i $(filter-out %/config_table.h,$(SOURCES))

# --- Fuzzing, benchmarks, one recorded request ---

fuzz:
	@scripts/install-dependencies build check
	@MAKE='$(MAKE)' CC='$(CC)' $(PYTHON) scripts/run-tests --build $(BUILD) --only fuzz --fuzz-seconds $(FUZZ_SECONDS)

bench:
	@scripts/install-dependencies build run bench
	@$(SUBMAKE) all benches
	@test -x bench/run || { echo "There are no benchmarks yet." >&2; exit 1; }
	@bench/run --build $(BUILD) $(ARGS)

operations: $(FCGI_PROGRAMS)
	@for program in $^; do echo "# $${program##*/}"; $$program --operations || exit 1; done

replay: $(BUILD)/fcgi-bin/$(PROGRAM).fcgi
	@test -n '$(REQ)' || { echo "make replay REQ=file, where the file holds one HTTP/1.1 request" >&2; exit 2; }
	@if ! command -v gdb >/dev/null; then exec $< --replay '$(REQ)'; \
	elif [ -t 0 ]; then exec gdb -q --args $< --replay '$(REQ)'; \
	else exec gdb -q -batch -return-child-result -ex run -ex bt --args $< --replay '$(REQ)'; fi

docs:
	$(PYTHON) scripts/settings-doc

# --- Installing (FHS) ---

BINDIR = $(DESTDIR)$(PREFIX)/bin
LIBDIR = $(DESTDIR)$(PREFIX)/lib/tracklight
SHAREDIR = $(DESTDIR)$(PREFIX)/share/tracklight
DOCDIR = $(DESTDIR)$(PREFIX)/share/doc/tracklight
MANDIR = $(DESTDIR)$(PREFIX)/share/man
COMPLETIONDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
MANPAGES = $(wildcard docs/man/*.[1-8])
UNITS = $(wildcard deploy/systemd/*.service deploy/systemd/*.socket deploy/systemd/*.target)
DEPLOYED = $(filter-out $(UNITS),$(shell find deploy -type f 2>/dev/null))
# What is shipped names /usr/local.
install_shipped = sed 's,/usr/local/,$(PREFIX)/,g' $(1) > $(2).new && install -m 644 $(2).new $(2) && rm $(2).new

install: all
	install -d $(BINDIR) $(LIBDIR)/fcgi-bin $(SHAREDIR)/htdocs $(DOCDIR) $(COMPLETIONDIR) $(UNITDIR)
	install -m 755 $(COMMAND) $(BINDIR)
	install -m 755 $(FCGI_PROGRAMS) $(LIBDIR)/fcgi-bin
	scripts/build-pages copy $(BUILD)/htdocs/static-files/page/lib $(SHAREDIR)/htdocs
	install -m 644 README.md LICENSE $(wildcard docs/*.md) $(DOCDIR)
	for page in $(MANPAGES); do install -D -m 644 $$page $(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; done
	install -m 644 deploy/completion/tracklight.bash $(COMPLETIONDIR)/tracklight
	for unit in $(UNITS); do $(call install_shipped,$$unit,$(UNITDIR)/$${unit##*/}) || exit 1; done
	for file in $(DEPLOYED); do install -d $(SHAREDIR)/$${file%/*} && $(call install_shipped,$$file,$(SHAREDIR)/$$file) || exit 1; done
	for file in $(DEPLOYED); do test ! -x $$file || chmod 755 $(SHAREDIR)/$$file || exit 1; done

uninstall:
	rm -f $(BINDIR)/tracklight $(foreach page,$(MANPAGES),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(COMPLETIONDIR)/tracklight $(UNITS:deploy/systemd/%=$(UNITDIR)/%)
	rm -rf $(LIBDIR) $(SHAREDIR) $(DOCDIR)

# Debian's own tools, on a copy of what is under version control.
deb:
	@scripts/install-dependencies build deb
	@scripts/build-deb $(BUILD)/deb

clean:
	@if [ -e $(BUILD) ] && [ ! -e $(BUILD)/flags ]; then echo "$(BUILD) was not made by this makefile" >&2; exit 1; fi
	rm -rf $(BUILD)
