#ifndef TRACKLIGHT_BASE_CONFIG_H
#define TRACKLIGHT_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* All settings, in one typed table (config_table.h): option > environment > file > default. */
struct settings {
#define SETTING_STRING(name, ...) struct sv name;
#define SETTING_INT(name, ...)    int64_t name;
#define SETTING_BOOL(name, ...)   bool name;
#include "common/base/config_table.h"
};

enum setting_type { SETTING_TYPE_STRING, SETTING_TYPE_INT, SETTING_TYPE_BOOL };
enum setting_source { SETTING_DEFAULT, SETTING_FILE, SETTING_ENVIRONMENT, SETTING_OPTION };

struct setting {
    const char *name; /* the key in tracklight.conf */
    enum setting_type type;
    const char *default_text; /* NULL: no value */
    int64_t min, max;         /* of numbers */
    const char *environment;  /* NULL: none */
    const char *option;       /* "--port"; NULL: none. A bool also has its --no- form */
    char short_option;        /* 'p' or 0 */
    const char *value_name;   /* in the help: "PORT" */
    const char *help;
};

/* The table, SETTING_COUNT rows, in the order of the struct. */
extern const struct setting setting_table[];
extern const size_t setting_count;

struct config {
    struct settings settings;
    enum setting_source *sources; /* by index of setting_table */
    struct arena *arena;          /* owns every text */
    struct sv file;               /* the file that was read; absent: none */
};

/* Defaults, then the file (absent: TRACKLIGHT_CONFIG, else none), then the environment, then the options in
 * argv[0..argc). An argument that is no known option is an error, and so is a file that cannot be read. An
 * empty value counts as none given. On failure *problem (in the arena) is a sentence that names file and
 * line, variable or option. The arena wants room for 1 MiB. Words such as log levels come out in the spelling
 * of the help. */
bool config_load(struct config *config, struct arena *arena, const char *file, int argc, char **argv,
                 struct sv *problem);

/* Sets name=value for every setting that was given as an option and has an environment variable, and
 * TRACKLIGHT_CONFIG to the absolute path of the file, so that a program started with this environment sees
 * the same settings, and follows the file when it rereads them. Not thread-safe. False if there is no memory
 * or the file is gone. */
bool config_export(const struct config *config);

/* The options with their help texts, defaults and environment variables, as `--help` shows them. */
void config_print_options(FILE *out);

#endif
