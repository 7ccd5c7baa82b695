/* Decoding undoes encoding, and what is decoded is UTF-8 without NUL. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/http/url.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_decoded(struct sv text)
{
    require(utf8_valid(text));
    require(sv_find(text, '\0') == text.len);
}

static void check_encode(struct arena *arena, struct sv text)
{
    struct sv encoded = url_encode(arena, text);
    for (size_t i = 0; i < encoded.len; i++)
        require(
            encoded.data[i] &&
            strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%", encoded.data[i]));
    bool legal = utf8_valid(text) && sv_find(text, '\0') == text.len;
    for (int plus_is_blank = 0; plus_is_blank < 2; plus_is_blank++) {
        struct sv decoded;
        require(url_decode(arena, encoded, plus_is_blank, &decoded) == legal);
        require(!legal || sv_equal(decoded, text));
    }
}

static void check_query(struct arena *arena, struct sv text)
{
    struct query_pair *pairs;
    size_t count;
    if (!query_parse(arena, text, &pairs, &count))
        return;
    require(count <= QUERY_MAX_PAIRS);
    for (size_t i = 0; i < count; i++) {
        check_decoded(pairs[i].name);
        check_decoded(pairs[i].value);
        require(pairs[i].value.data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(64UL * 1024 * 1024);
    struct sv text = {size ? (const char *)data : "", size};
    struct sv decoded;
    for (int plus_is_blank = 0; plus_is_blank < 2; plus_is_blank++)
        if (url_decode(arena, text, plus_is_blank, &decoded))
            check_decoded(decoded);
    check_encode(arena, text);
    check_query(arena, text);
    arena_free(arena);
    return 0;
}
