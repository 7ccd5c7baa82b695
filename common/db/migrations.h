#ifndef TRACKLIGHT_DB_MIGRATIONS_H
#define TRACKLIGHT_DB_MIGRATIONS_H

#include <stddef.h>
#include <stdint.h>

/* One file of sql/sqlite, embedded by sql/embed.sh. */
struct db_migration {
    int64_t version;  /* 1, 2, 3 … without gaps; the file's schema version once it is applied */
    const char *name; /* "0001-tracking" */
    const char *sql;
};

extern const struct db_migration db_migrations[];
extern const size_t db_migration_count;

#endif
