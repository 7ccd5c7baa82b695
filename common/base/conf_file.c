#include "common/base/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static enum conf_line parse_section(struct sv line, struct sv *key, const char **reason)
{
    size_t end = sv_find(line, ']');
    struct sv behind = sv_trim(sv_from_offset(line, end + 1));
    *key = sv_trim(sv_from_offset(sv_first(line, end), 1));
    if (end < line.len && key->len && (!behind.len || behind.data[0] == '#'))
        return CONF_SECTION;
    *reason = "Expected '[name]'.";
    return CONF_BAD;
}

enum conf_line conf_parse_line(struct sv line, struct sv *key, struct sv *value, const char **reason)
{
    line = sv_trim(line);
    if (line.len == 0 || line.data[0] == '#')
        return CONF_NOTHING;
    *reason = NULL;
    size_t equals = sv_find(line, '=');
    if (sv_find(line, '\0') < line.len)
        *reason = "There is a NUL byte.";
    else if (line.data[0] == '[')
        return parse_section(line, key, reason);
    else if (equals == line.len)
        *reason = "Expected 'key = value'.";
    if (*reason)
        return CONF_BAD;
    *key = sv_trim(sv_first(line, equals));
    *value = sv_trim(sv_from_offset(line, equals + 1));
    return CONF_SETTING;
}

const char *conf_plain_value(struct sv *value)
{
    if (value->len > 0 && (value->data[0] == '"' || value->data[0] == '\'')) {
        struct sv inner = sv_from_offset(*value, 1);
        size_t end = sv_find(inner, value->data[0]);
        struct sv behind = sv_trim(sv_from_offset(inner, end + 1));
        if (end == inner.len)
            return "The quote is not closed.";
        if (behind.len > 0 && behind.data[0] != '#')
            return "There is text behind the closing quote.";
        *value = sv_first(inner, end);
        return NULL;
    }
    for (size_t i = 0; i < value->len; i++)
        if (value->data[i] == '#' && (i == 0 || value->data[i - 1] == ' ' || value->data[i - 1] == '\t')) {
            *value = sv_trim(sv_first(*value, i));
            break;
        }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts one word off the front of *rest. */
static const char *cut_word(struct sv *rest, struct sv *word)
{
    char quote = rest->data[0];
    if (quote == '"' || quote == '\'') {
        *word = sv_from_offset(*rest, 1);
        size_t end = sv_find(*word, quote);
        if (end == word->len)
            return "The quote is not closed.";
        *rest = sv_from_offset(*word, end + 1);
        *word = sv_first(*word, end);
        return rest->len && !is_blank(rest->data[0]) ? "There is text behind the closing quote." : NULL;
    }
    size_t end = 0;
    while (end < rest->len && !is_blank(rest->data[end])) {
        if (rest->data[end] == '"' || rest->data[end] == '\'')
            return "There is a quote within a word: quote the whole word.";
        end++;
    }
    *word = sv_first(*rest, end);
    *rest = sv_from_offset(*rest, end);
    return NULL;
}

const char *conf_words(struct arena *arena, struct sv value, struct sv **words, size_t *count)
{
    *words = ARENA_ARRAY(arena, struct sv, value.len / 2 + 1);
    *count = 0;
    for (struct sv rest = sv_trim(value); rest.len && rest.data[0] != '#'; rest = sv_trim(rest)) {
        struct sv word;
        const char *reason = cut_word(&rest, &word);
        if (reason)
            return reason;
        (*words)[(*count)++] = arena_copy(arena, word);
    }
    return NULL;
}

static bool fail_reading(struct arena *arena, const char *what, const char *path, int error,
                         struct sv *problem)
{
    char text[128];
    *problem =
        arena_printf(arena, "Cannot read the %s '%s': %s.", what, path, strerror_r(error, text, sizeof text));
    return false;
}

bool conf_read_file(struct arena *arena, const char *what, const char *path, size_t max, struct sv *content,
                    struct sv *problem)
{
    char *bytes = ARENA_ARRAY(arena, char, max + 1);
    size_t len = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail_reading(arena, what, path, errno, problem);
    while (len <= max) {
        ssize_t got = read(file, bytes + len, max + 1 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int error = errno;
            close(file);
            return fail_reading(arena, what, path, error, problem);
        }
        if (got == 0)
            break;
        len += (size_t)got;
    }
    close(file);
    if (len > max) {
        *problem = arena_printf(arena, "The %s '%s' is larger than %zu bytes.", what, path, max);
        return false;
    }
    *content = (struct sv){bytes, len};
    return true;
}
