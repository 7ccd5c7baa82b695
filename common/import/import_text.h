#ifndef TRACKLIGHT_IMPORT_IMPORT_TEXT_H
#define TRACKLIGHT_IMPORT_IMPORT_TEXT_H

#include <stdbool.h>

#include "common/db/db.h"
#include "common/db/foreign.h"

/* What the old schema says in the same way everywhere. */

/* "" for NULL. */
static inline struct sv import_text(struct foreign_rows *rows, const char *column)
{
    struct sv text = foreign_text(rows, column);
    return text.data ? text : SV("");
}

static inline bool import_is_deleted(struct foreign_rows *rows)
{
    return sv_equal(foreign_text(rows, "lifecycle_stage"), SV("deleted"));
}

static inline struct db_value import_int_or_null(struct foreign_rows *rows, const char *column)
{
    return foreign_is_null(rows, column) ? db_null() : db_int(foreign_int(rows, column, 0));
}

#endif
