#ifndef TRACKLIGHT_BASE_SV_H
#define TRACKLIGHT_BASE_SV_H

#include <stdbool.h>
#include <stddef.h>

/* A string view: bytes that somebody else owns, not NUL-terminated, NULs allowed inside.
 * data == NULL means "absent", which is not the same as the empty string. */
struct sv {
    const char *data;
    size_t len;
};

/* A view of a string literal, and the pieces that printf's "%.*s" wants (at most INT_MAX bytes). */
#define SV(literal)  ((struct sv){"" literal "", sizeof(literal) - 1})
#define SV_ABSENT    ((struct sv){NULL, 0})
#define SV_ARG(view) sv_printf_length(view), ((view).data ? (view).data : "")

int sv_printf_length(struct sv view);

/* A view of a NUL-terminated string; absent for NULL. */
struct sv sv_from(const char *string);

/* Byte-wise comparison. Absent equals only absent in sv_equal; sv_compare orders absent as empty. */
bool sv_equal(struct sv a, struct sv b);
bool sv_equal_ignoring_case(struct sv a, struct sv b); /* ASCII letters only */
int sv_compare(struct sv a, struct sv b);

bool sv_starts_with(struct sv view, struct sv prefix);
bool sv_ends_with(struct sv view, struct sv suffix);

/* Offset of the first such byte, or view.len. */
size_t sv_find(struct sv view, char byte);

/* Without leading and trailing ASCII blanks (space, \t, \n, \v, \f, \r). */
struct sv sv_trim(struct sv view);

/* Cuts everything up to the first separator off *rest and returns it; the separator is dropped. *rest becomes
 * absent once the last piece is taken, so `while (rest.data) piece = sv_cut(&rest, ',')` visits every piece.
 */
struct sv sv_cut(struct sv *rest, char separator);

/* The part from offset `from` on, and the part before offset `to`; offsets beyond the end are clamped. */
struct sv sv_from_offset(struct sv view, size_t from);
struct sv sv_first(struct sv view, size_t to);

#endif
