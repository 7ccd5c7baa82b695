#ifndef TRACKLIGHT_JSON_JSON_WRITE_H
#define TRACKLIGHT_JSON_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/sv.h"

/* Writes JSON straight into a buffer; commas and colons are its business. Misuse (a value without a key in an
 * object, nesting over JSON_WRITE_MAX_DEPTH) is a programming error and aborts. */
#define JSON_WRITE_MAX_DEPTH 128

struct json_writer {
    struct buffer *out;
    bool utf8; /* texts go out as UTF-8: only what JSON forbids in strings is escaped */
    unsigned depth;
    bool has_items[JSON_WRITE_MAX_DEPTH];
    bool is_object[JSON_WRITE_MAX_DEPTH];
    bool after_key;
};

void json_writer_init(struct json_writer *writer, struct buffer *out);
void json_writer_init_utf8(struct json_writer *writer, struct buffer *out);

void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);

void json_key(struct json_writer *writer, const char *key);
void json_key_sv(struct json_writer *writer, struct sv key);

/* Text must be UTF-8 (other bytes are taken as Latin-1); it is escaped to pure ASCII (\uXXXX), as MLflow
 * does, unless the writer was made with json_writer_init_utf8. Absent writes "". */
void json_put_string(struct json_writer *writer, struct sv text);
void json_put_int(struct json_writer *writer, int64_t value);
void json_put_bool(struct json_writer *writer, bool value);
void json_put_null(struct json_writer *writer);
/* Python's repr of the number; NaN is the string "NaN", infinities the strings "Infinity" and "-Infinity". */
void json_put_double(struct json_writer *writer, double value);
/* Text that is JSON already. */
void json_put_raw(struct json_writer *writer, struct sv json);

/* Key and value in one. The _if_set form writes nothing for an absent text. */
void json_put_string_field(struct json_writer *writer, const char *key, struct sv text);
void json_put_string_field_if_set(struct json_writer *writer, const char *key, struct sv text);
void json_put_int_field(struct json_writer *writer, const char *key, int64_t value);
void json_put_bool_field(struct json_writer *writer, const char *key, bool value);
void json_put_double_field(struct json_writer *writer, const char *key, double value);

#endif
