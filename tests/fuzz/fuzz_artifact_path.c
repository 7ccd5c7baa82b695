/* A path that passes the check leads downwards only, now and after any further decoding, and checking it
 * again changes nothing. What the reply says of it fits into a header. */

#include <stdint.h>
#include <stdlib.h>

#include "common/artifacts/media_type.h"
#include "common/artifacts/path.h"
#include "common/base/uri.h"
#include "common/base/utf8.h"

#define ROUNDS 12

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_form(struct sv path)
{
    struct sv rest = path;
    require(!sv_starts_with(path, SV("/")));
    require(!sv_equal_ignoring_case(sv_first(path, 5), SV("file:")));
    for (size_t i = 0; i < path.len; i++) {
        unsigned char byte = (unsigned char)path.data[i];
        require(byte >= 0x20 && byte != 0x7f && byte != '#' && byte != '\\');
    }
    while (rest.data)
        require(!sv_equal(sv_cut(&rest, '/'), SV("..")));
}

static void check_clean(struct sv clean)
{
    struct sv rest = clean;
    require(utf8_valid(clean));
    while (clean.len && rest.data) {
        struct sv segment = sv_cut(&rest, '/');
        require(segment.len > 0 && !sv_equal(segment, SV(".")) && !sv_equal(segment, SV("..")));
    }
}

static void check_header(struct sv value)
{
    for (size_t i = 0; i < value.len; i++)
        require(value.data[i] >= 0x20 && value.data[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(256UL * 1024 * 1024);
    struct error error = {0};
    struct sv text = {size ? (const char *)data : "", size}, clean, again;
    check_header(content_disposition(arena, text));
    check_header(sv_from(media_type_of(text)));
    if (artifact_path_check(arena, &error, text, &clean) == OK) {
        check_clean(clean);
        require(artifact_path_check(arena, &error, clean, &again) == OK && sv_equal(clean, again));
        struct sv form = clean;
        for (int round = 0; round < ROUNDS; round++) {
            check_form(form);
            form = uri_decode_leniently(arena, form);
        }
    } else {
        require(error.code == INVALID_PARAMETER_VALUE && sv_equal(error.message, SV("Invalid path")));
    }
    arena_free(arena);
    return 0;
}
