# What is done with the programs: run, check, install, lint, fuzz, bench.

.PHONY: help
help:
	@sed -n 's/^#: //p' make/tasks.mk

.PHONY: clean
clean:
	rm -rf $(BUILD)
