#include "common/trace/otlp.h"

/* Which message a length-delimited field holds. Only messages in which others lie matter. */
enum message {
    LEAF, /* bytes, a text, or a field that we do not know */
    EXPORT,
    RESOURCE_SPANS,
    RESOURCE,
    SCOPE_SPANS,
    SPAN,
    EVENT,
    STATUS,
    KEY_VALUE,
    ANY_VALUE,
    ARRAY_VALUE,
    KEY_VALUE_LIST,
};

static enum message message_of(enum message parent, uint32_t field)
{
    switch (parent) {
    case EXPORT:
        return field == 1 ? RESOURCE_SPANS : LEAF;
    case RESOURCE_SPANS:
        return field == 1 ? RESOURCE : field == 2 ? SCOPE_SPANS : LEAF;
    case RESOURCE:
        return field == 1 ? KEY_VALUE : LEAF;
    case SCOPE_SPANS:
        return field == 2 ? SPAN : LEAF;
    case SPAN:
        return field == 9 ? KEY_VALUE : field == 11 ? EVENT : field == 15 ? STATUS : LEAF;
    case EVENT:
        return field == 3 ? KEY_VALUE : LEAF;
    case KEY_VALUE:
        return field == 2 ? ANY_VALUE : LEAF;
    case ANY_VALUE:
        return field == 5 ? ARRAY_VALUE : field == 6 ? KEY_VALUE_LIST : LEAF;
    case ARRAY_VALUE:
        return field == 1 ? ANY_VALUE : LEAF;
    case KEY_VALUE_LIST:
        return field == 1 ? KEY_VALUE : LEAF;
    case STATUS:
    case LEAF:
        break;
    }
    return LEAF;
}

/* Whether a message may hold one such field only. The format lets a second one be merged into the first,
 * which no sender does, and merging thousands would take the square of their number. */
static bool is_single(enum message message)
{
    return message == RESOURCE || message == STATUS || message == ARRAY_VALUE || message == KEY_VALUE_LIST;
}

/* A value inside a value is at most three messages deeper: list, key and value, value. */
enum { MAX_MESSAGES = 6 + 3 * OTLP_MAX_DEPTH };

struct open_message {
    const unsigned char *end;
    enum message message;
    bool has_single;
};

struct scan {
    const unsigned char *at;
    size_t depth;  /* messages that are open */
    size_t values; /* of these: values */
    size_t fields, spans;
    struct open_message open[MAX_MESSAGES];
};

static bool read_varint(struct scan *scan, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (scan->at == end)
            return false;
        unsigned char byte = *scan->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool skip(struct scan *scan, const unsigned char *end, uint64_t len)
{
    if (len > (uint64_t)(end - scan->at))
        return false;
    scan->at += len;
    return true;
}

static enum otlp_outcome open_message(struct scan *scan, enum message message, const unsigned char *end,
                                      const char **problem)
{
    if (message == ANY_VALUE && ++scan->values > OTLP_MAX_DEPTH) {
        *problem = "values are nested too deeply";
        return OTLP_TOO_BIG;
    }
    if (message == SPAN && ++scan->spans > OTLP_MAX_SPANS) {
        *problem = "there are too many spans";
        return OTLP_TOO_BIG;
    }
    if (scan->depth == MAX_MESSAGES)
        return OTLP_BAD;
    scan->open[scan->depth++] = (struct open_message){.end = end, .message = message};
    return OTLP_OK;
}

static enum otlp_outcome scan_field(struct scan *scan, const char **problem)
{
    struct open_message *parent = &scan->open[scan->depth - 1];
    const unsigned char *end = parent->end;
    uint64_t tag, len;
    if (++scan->fields > OTLP_MAX_FIELDS) {
        *problem = "there are too many values";
        return OTLP_TOO_BIG;
    }
    if (!read_varint(scan, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return OTLP_BAD;
    switch (tag & 7) {
    case 0:
        return read_varint(scan, end, &len) ? OTLP_OK : OTLP_BAD;
    case 1:
        return skip(scan, end, 8) ? OTLP_OK : OTLP_BAD;
    case 5:
        return skip(scan, end, 4) ? OTLP_OK : OTLP_BAD;
    case 2:
        break;
    default:
        return OTLP_BAD;
    }
    if (!read_varint(scan, end, &len) || len > (uint64_t)(end - scan->at))
        return OTLP_BAD;
    enum message message = message_of(parent->message, (uint32_t)(tag >> 3));
    if (message == LEAF)
        return skip(scan, end, len) ? OTLP_OK : OTLP_BAD;
    if (is_single(message) || parent->message == KEY_VALUE) {
        if (parent->has_single)
            return OTLP_BAD;
        parent->has_single = true;
    }
    return open_message(scan, message, scan->at + len, problem);
}

enum otlp_outcome otlp_scan(struct sv message, const char **problem)
{
    *problem = NULL;
    if (message.len > OTLP_MAX_BYTES) {
        *problem = "it is too long";
        return OTLP_TOO_BIG;
    }
    if (!message.len)
        return OTLP_OK;
    struct scan scan = {.at = (const unsigned char *)message.data};
    enum otlp_outcome outcome = open_message(&scan, EXPORT, scan.at + message.len, problem);
    while (outcome == OTLP_OK && scan.depth) {
        if (scan.at < scan.open[scan.depth - 1].end) {
            outcome = scan_field(&scan, problem);
            continue;
        }
        scan.depth--;
        if (scan.open[scan.depth].message == ANY_VALUE)
            scan.values--;
    }
    return outcome;
}
