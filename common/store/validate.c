#include "common/store/validate.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/store/limits.h"
#include "common/store/runs.h"
#include "common/store/text.h"

static struct sv item_path(struct store_tx *tx, struct item item, const char *field)
{
    if (!item.list)
        return sv_from(field);
    return arena_printf(tx->arena, "%s[%zu].%s", item.list, item.index, field);
}

static bool name_byte_allowed(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           strchr("/_.- :", byte) != NULL;
}

static bool name_characters_allowed(struct sv name)
{
    size_t offset = 0;
    while (offset < name.len) {
        unsigned char byte = (unsigned char)name.data[offset];
        if (byte < 0x80) {
            if (byte == 0 || !name_byte_allowed(byte))
                return false;
            offset++;
        } else if (!utf8_is_word(utf8_next(name, &offset))) {
            return false;
        }
    }
    return true;
}

/* What POSIX path normalisation makes of a name (as Python's posixpath.normpath). */
static struct sv normal_path(struct arena *arena, struct sv name)
{
    size_t slashes = 0;
    while (slashes < name.len && name.data[slashes] == '/')
        slashes++;
    if (slashes > 2)
        slashes = 1;

    char *out = arena_alloc(arena, name.len + 2);
    size_t len = 0, depth = 0; /* depth: components that ".." can take back */
    memset(out, '/', slashes);
    len = slashes;
    struct sv rest = name;
    while (rest.data) {
        struct sv part = sv_cut(&rest, '/');
        if (part.len == 0 || sv_equal(part, SV(".")))
            continue;
        if (sv_equal(part, SV(".."))) {
            if (depth > 0) {
                while (len > slashes && out[len - 1] != '/')
                    len--;
                if (len > slashes)
                    len--;
                depth--;
                continue;
            }
            if (slashes)
                continue;
        } else {
            depth++;
        }
        if (len > slashes)
            out[len++] = '/';
        memcpy(out + len, part.data, part.len);
        len += part.len;
    }
    return len ? (struct sv){out, len} : SV(".");
}

enum status validate_name(struct store_tx *tx, struct sv name, struct item item, const char *field)
{
    if (!name_characters_allowed(name)) {
        struct sv path = item_path(tx, item, field), quoted = text_json(tx->arena, name);
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid value %.*s for parameter '%.*s' supplied: Names may only contain "
                          "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and "
                          "slashes (/).",
                          SV_ARG(quoted), SV_ARG(path));
    }
    bool may_change = name.len == 0 || name.data[0] == '.' || sv_find(name, '/') < name.len;
    if (!may_change)
        return OK;
    struct sv normal = normal_path(tx->arena, name);
    if (sv_equal(normal, name) && !sv_equal(normal, SV(".")) && !sv_starts_with(normal, SV("..")) &&
        !sv_starts_with(normal, SV("/")))
        return OK;
    struct sv path = item_path(tx, item, field), quoted = text_json(tx->arena, name);
    normal = search_repr(tx->arena, normal);
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Invalid value %.*s for parameter '%.*s' supplied: Names may be treated as files in "
                      "certain cases, and must not resolve to other names when treated as such. This name "
                      "would resolve to %.*s",
                      SV_ARG(quoted), SV_ARG(path), SV_ARG(normal));
}

enum status validate_length(struct store_tx *tx, struct sv text, size_t limit, struct item item,
                            const char *what)
{
    if (text.len <= limit || utf8_length(text) <= limit)
        return OK;
    struct sv path = item_path(tx, item, what);
    return store_fail(tx, INVALID_PARAMETER_VALUE, "'%.*s' exceeds the maximum length of %zu characters",
                      SV_ARG(path), limit);
}

enum status validate_or_cut(struct store_tx *tx, struct sv *text, size_t limit, struct item item,
                            const char *what)
{
    if (!tx->store->settings.truncate_long_values)
        return validate_length(tx, *text, limit, item, what);
    if (text->len > limit)
        *text = utf8_first(*text, limit);
    return OK;
}

enum status validate_run_id(struct store_tx *tx, struct sv run_id)
{
    bool good = run_id.len > 0 && utf8_length(run_id) <= 256;
    size_t offset = 0;
    while (good && offset < run_id.len) {
        bool first = offset == 0;
        uint32_t c = utf8_next(run_id, &offset);
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        good = alphanumeric || (!first && (c == '-' || utf8_is_word(c)));
    }
    if (good)
        return OK;
    struct sv quoted = text_json(tx->arena, run_id);
    return store_fail(tx, INVALID_PARAMETER_VALUE, "Invalid value %.*s for parameter 'run_id' supplied.",
                      SV_ARG(quoted));
}

enum status validate_metric(struct store_tx *tx, const struct metric *metric, struct item item)
{
    if (validate_name(tx, metric->key, item, "name") != OK)
        return FAILED;
    if (metric->timestamp < 0) {
        struct sv path = item_path(tx, item, "timestamp"), value = text_double(tx->arena, metric->value);
        struct sv key = search_clip(metric->key);
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid value %lld for parameter '%.*s' supplied: metric '%.*s' (value=%.*s). "
                          "Timestamp must be a nonnegative long (64-bit integer) ",
                          (long long)metric->timestamp, SV_ARG(path), SV_ARG(key), SV_ARG(value));
    }
    return validate_length(tx, metric->key, KEY_MAX, NO_ITEM, "Metric name");
}

enum status validate_param(struct store_tx *tx, struct key_value *param, struct item item)
{
    if (!param->value.data)
        param->value = SV("");
    if (validate_name(tx, param->key, item, "key") != OK ||
        validate_length(tx, param->key, KEY_MAX, NO_ITEM, "Param key") != OK)
        return FAILED;
    return validate_or_cut(tx, &param->value, PARAM_VALUE_MAX, NO_ITEM, "Param value");
}

enum status validate_run_tag(struct store_tx *tx, struct key_value *tag, struct item item)
{
    if (!tag->value.data)
        tag->value = SV("");
    if (validate_name(tx, tag->key, item, "key") != OK ||
        validate_length(tx, tag->key, KEY_MAX, item, "key") != OK)
        return FAILED;
    return validate_or_cut(tx, &tag->value, RUN_TAG_VALUE_MAX, item, "value");
}

enum status validate_experiment_tag(struct store_tx *tx, struct key_value *tag, struct item item)
{
    if (!tag->value.data)
        tag->value = SV("");
    if (validate_name(tx, tag->key, item, "key") != OK ||
        validate_length(tx, tag->key, KEY_MAX, item, "key") != OK)
        return FAILED;
    return validate_length(tx, tag->value, EXPERIMENT_TAG_VALUE_MAX, item, "value");
}
