#include "cli/job_output.h"

#include <string.h>

#include "common/base/arena_text.h"
#include "common/base/utf8.h"
#include "common/json/json_check.h"
#include "common/store/job_log.h"

#define PROGRESS_LINE_MAX (JOB_DETAILS_MAX + 8 * 1024)
#define LEFT_OUT_MAX      64 /* bytes of the line that says so */
_Static_assert(JOB_LOG_WINDOW + LEFT_OUT_MAX <= JOB_LOG_APPEND_MAX, "the log is told in one piece");
#define REPLACEMENT "\xef\xbf\xbd"

void job_output_init(struct job_output *output, size_t result_limit)
{
    *output = (struct job_output){.progress = -1, .limit = result_limit};
    size_t line_limit = result_limit > PROGRESS_LINE_MAX ? result_limit : PROGRESS_LINE_MAX;
    buffer_init(&output->log, JOB_LOG_WINDOW);
    buffer_init(&output->message, JOB_MESSAGE_MAX);
    buffer_init(&output->details, JOB_DETAILS_MAX);
    buffer_init(&output->line, line_limit);
    buffer_init(&output->text, result_limit);
    buffer_init(&output->last, line_limit);
}

void job_output_free(struct job_output *output)
{
    buffer_free(&output->log);
    buffer_free(&output->message);
    buffer_free(&output->details);
    buffer_free(&output->line);
    buffer_free(&output->text);
    buffer_free(&output->last);
}

static void set(struct buffer *buffer, struct sv text)
{
    buffer_clear(buffer, buffer->capacity);
    buffer_append_sv(buffer, text);
}

/* --- The log --- */

static void add_to_log(struct job_output *output, struct sv bytes)
{
    struct buffer *log = &output->log;
    if (bytes.len > JOB_LOG_WINDOW / 2) {
        output->left_out += (int64_t)(bytes.len - JOB_LOG_WINDOW / 2);
        bytes = sv_from_offset(bytes, bytes.len - JOB_LOG_WINDOW / 2);
    }
    if (log->len + bytes.len > JOB_LOG_WINDOW) {
        size_t kept = JOB_LOG_WINDOW / 2 < log->len ? JOB_LOG_WINDOW / 2 : log->len;
        output->left_out += (int64_t)(log->len - kept);
        memmove(log->data, log->data + log->len - kept, kept);
        log->len = kept;
    }
    buffer_append_sv(log, bytes);
}

struct sv job_output_log(const struct job_output *output, struct arena *arena)
{
    struct sv log = buffer_sv(&output->log);
    if (log.len == 0)
        return SV_ABSENT;
    if (output->left_out == 0)
        return arena_copy(arena, log);
    struct arena_text text;
    arena_text_init(&text, arena);
    arena_text_add(&text, arena_printf(arena, "\n[%lld bytes are left out]\n", (long long)output->left_out));
    arena_text_add(&text, log);
    return arena_text_sv(&text);
}

void job_output_log_told(struct job_output *output)
{
    output->left_out = 0;
    buffer_clear(&output->log, 4096);
}

/* --- Lines of standard output --- */

static bool is_json(struct sv text, struct arena *scratch)
{
    struct json_check check = {0};
    struct arena_mark mark = arena_mark(scratch);
    bool valid = json_check(scratch, text, &check) == JSON_OK;
    arena_rewind(scratch, mark);
    return valid;
}

static struct sv string_member(struct json_object *object, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string)
               ? json_string_view(value)
               : SV_ABSENT;
}

/* An object with a number "progress", and at most "message", a text, and "details", an object, beside it. */
static bool is_progress(struct json_object *object)
{
    struct json_object *value;
    int known = 1;
    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, "progress", &value) ||
        !(json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int)))
        return false;
    if (json_object_object_get_ex(object, "message", &value))
        known += json_object_is_type(value, json_type_string);
    if (json_object_object_get_ex(object, "details", &value))
        known += json_object_is_type(value, json_type_object);
    return json_object_object_length(object) == known;
}

/* Cut where a code point ends. */
static struct sv cut(struct sv text, size_t max)
{
    size_t len = text.len < max ? text.len : max;
    while (len < text.len && len > 0 && ((unsigned char)text.data[len] & 0xC0) == 0x80)
        len--;
    return sv_first(text, len);
}

static void note_progress(struct job_output *output, struct json_object *object, struct arena *scratch)
{
    struct json_object *value;
    struct sv message = string_member(object, "message");
    json_object_object_get_ex(object, "progress", &value);
    double progress = json_object_get_double(value);
    output->progress = progress >= 0 && progress <= 1 ? progress : progress > 1 ? 1 : 0;
    if (message.data)
        set(&output->message, cut(job_text(scratch, message), JOB_MESSAGE_MAX));
    if (json_object_object_get_ex(object, "details", &value)) {
        struct sv details = sv_from(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
        if (details.len <= JOB_DETAILS_MAX)
            set(&output->details, details);
    }
    output->has_news = true;
}

static bool take_progress(struct job_output *output, struct sv line, struct arena *scratch)
{
    static const char key[] = "\"progress\"";
    struct json_object *object = NULL;
    struct sv problem;
    if (line.len > PROGRESS_LINE_MAX || line.data[0] != '{' ||
        !memmem(line.data, line.len, key, sizeof(key) - 1))
        return false;
    struct arena_mark mark = arena_mark(scratch);
    bool taken = json_parse(scratch, line, &object, &problem) == JSON_OK && is_progress(object);
    if (taken)
        note_progress(output, object, scratch);
    json_object_put(object);
    arena_rewind(scratch, mark);
    return taken;
}

static void end_line(struct job_output *output, struct arena *scratch)
{
    struct sv line = sv_trim(buffer_sv(&output->line));
    if (output->line_too_long || (line.len > 0 && !take_progress(output, line, scratch))) {
        bool too_long = output->line_too_long || line.len > output->limit;
        buffer_append_sv(&output->text, buffer_sv(&output->line));
        buffer_append_byte(&output->text, '\n');
        output->text.failed |= too_long;
        struct buffer last = output->last;
        output->last = output->line;
        output->line = last;
        output->last_too_long = too_long;
    }
    output->line_too_long = false;
    buffer_clear(&output->line, 4096);
}

static void add_to_lines(struct job_output *output, struct sv bytes, struct arena *scratch)
{
    while (bytes.len > 0) {
        size_t end = sv_find(bytes, '\n');
        if (!output->line_too_long)
            buffer_append_sv(&output->line, sv_first(bytes, end));
        if (output->line.failed)
            output->line_too_long = true;
        if (end == bytes.len)
            return;
        end_line(output, scratch);
        bytes = sv_from_offset(bytes, end + 1);
    }
}

static void add_to_error(struct job_output *output, struct sv bytes)
{
    size_t room = sizeof(output->error);
    if (bytes.len > room)
        bytes = sv_from_offset(bytes, bytes.len - room);
    if (output->error_len + bytes.len > room) {
        size_t kept = room - bytes.len < JOB_ERROR_BYTES ? room - bytes.len : JOB_ERROR_BYTES;
        kept = kept < output->error_len ? kept : output->error_len;
        memmove(output->error, output->error + output->error_len - kept, kept);
        output->error_len = kept;
    }
    memcpy(output->error + output->error_len, bytes.data, bytes.len);
    output->error_len += bytes.len;
}

void job_output_add(struct job_output *output, enum job_stream stream, struct sv bytes, struct arena *scratch)
{
    add_to_log(output, bytes);
    if (stream == JOB_STDOUT)
        add_to_lines(output, bytes, scratch);
    else
        add_to_error(output, bytes);
}

/* --- At the end --- */

struct sv job_output_result(struct job_output *output, struct arena *arena)
{
    if (output->line.len > 0 || output->line_too_long)
        end_line(output, arena);
    struct sv text = sv_trim(buffer_sv(&output->text)), last = sv_trim(buffer_sv(&output->last));
    if (!output->text.failed && is_json(text, arena))
        return arena_copy(arena, text);
    if (output->last_too_long)
        return SV_ABSENT;
    return is_json(last, arena) ? arena_copy(arena, last) : SV("null");
}

struct sv job_text(struct arena *arena, struct sv text)
{
    struct arena_text out;
    if (utf8_valid(text) && !memchr(text.data ? text.data : "", '\0', text.len))
        return arena_copy(arena, text);
    arena_text_init(&out, arena);
    for (size_t at = 0; at < text.len;) {
        size_t len = 1;
        while (len < 4 && at + len < text.len && !utf8_valid((struct sv){text.data + at, len}))
            len++;
        struct sv piece = {text.data + at, len};
        if (!utf8_valid(piece) || text.data[at] == '\0') {
            arena_text_add(&out, SV(REPLACEMENT));
            at++;
        } else {
            arena_text_add(&out, piece);
            at += len;
        }
    }
    return arena_text_sv(&out);
}

struct sv job_output_error(const struct job_output *output, struct arena *arena)
{
    size_t from = output->error_len > JOB_ERROR_BYTES ? output->error_len - JOB_ERROR_BYTES : 0;
    /* Not from within a code point. */
    while (from > 0 && from < output->error_len && ((unsigned char)output->error[from] & 0xC0) == 0x80)
        from++;
    return sv_trim(job_text(arena, (struct sv){output->error + from, output->error_len - from}));
}
