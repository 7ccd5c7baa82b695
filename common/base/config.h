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
};

/* Defaults, then the file (absent: TRACKLIGHT_CONFIG, else none), then the environment, then the options in
 * argv[0..argc). An argument that is no known option is an error. On failure *problem (in the arena) is a
 * sentence that names file and line, variable or option. */
bool config_load(struct config *config, struct arena *arena, const char *file, int argc, char **argv,
                 struct sv *problem);

/* Sets name=value for every setting that has an environment variable and does not have its default, so that a
 * program started with this environment sees the same settings. */
bool config_export(const struct config *config);

/* The options with their help texts, as `--help` shows them. */
void config_print_options(FILE *out);

#endif
