#ifndef TRACKLIGHT_BASE_NUMBER_H
#define TRACKLIGHT_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sv.h"

/* Decimal digits with an optional sign, nothing else (no blanks, no underscores), within [min, max]. */
bool parse_int64(struct sv text, int64_t min, int64_t max, int64_t *value);

/* A JSON-like decimal number, or inf/infinity/nan in any case with an optional sign; "5." and ".5" count, hex
 * and blanks do not. Overflow gives an infinity. */
bool parse_double(struct sv text, double *value);

/* What a hexadecimal digit of either case stands for, or -1. */
int hex_value(char digit);

/* The shortest decimal that reads back as the same double, in Python's repr form ("1.0", "1e+16", "1e-05").
 * The value must be finite. Returns the length. */
#define DOUBLE_TEXT_MAX 32
size_t format_double(double value, char text[DOUBLE_TEXT_MAX]);

#endif
