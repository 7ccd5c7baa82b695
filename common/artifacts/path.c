#include "common/artifacts/path.h"

#include <string.h>

#include "common/base/uri.h"
#include "common/base/utf8.h"

#define DECODE_ROUNDS_MAX 10

static bool is_drive_path(struct sv path)
{
    if (path.len < 3 || path.data[1] != ':' || path.data[2] != '/')
        return false;
    char letter = path.data[0];
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

/* Without the segments in front that mean nothing. */
static struct sv without_dots(struct sv path)
{
    while (sv_starts_with(path, SV("./")) || sv_starts_with(path, SV("/")))
        path = sv_from_offset(path, 1);
    return path;
}

static bool is_safe(struct sv path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char byte = (unsigned char)path.data[i];
        if (byte < 0x20 || byte == 0x7f || byte == '#' || byte == '\\')
            return false;
    }
    if (sv_starts_with(path, SV("/")))
        return false;
    struct sv start = without_dots(path);
    if (is_drive_path(start) || sv_equal_ignoring_case(sv_first(start, 5), SV("file:")))
        return false;
    struct sv rest = path;
    while (rest.data) {
        if (sv_equal(sv_cut(&rest, '/'), SV("..")))
            return false;
    }
    return true;
}

static bool is_safe_when_decoded(struct arena *arena, struct sv path)
{
    for (int round = 0; round < DECODE_ROUNDS_MAX; round++) {
        if (!is_safe(path))
            return false;
        struct sv decoded = uri_decode_leniently(arena, path);
        if (sv_equal(decoded, path))
            return true;
        path = decoded;
    }
    return false;
}

bool artifact_name_is_safe(struct arena *arena, struct sv name)
{
    return utf8_valid(name) && is_safe_when_decoded(arena, name);
}

enum status artifact_path_check(struct arena *arena, struct error *error, struct sv path, struct sv *clean)
{
    if (!utf8_valid(path) || !is_safe_when_decoded(arena, path))
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Invalid path");
    char *out = arena_alloc(arena, path.len + 1);
    size_t len = 0;
    struct sv rest = path;
    while (rest.data) {
        struct sv segment = sv_cut(&rest, '/');
        if (segment.len == 0 || sv_equal(segment, SV(".")))
            continue;
        if (len)
            out[len++] = '/';
        memcpy(out + len, segment.data, segment.len);
        len += segment.len;
    }
    *clean = (struct sv){out, len};
    /* Without its dots it may begin with what was hidden behind them. */
    if (!is_safe_when_decoded(arena, *clean))
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Invalid path");
    return OK;
}

enum status artifact_file_path_check(struct arena *arena, struct error *error, struct sv path,
                                     struct sv *clean)
{
    if (artifact_path_check(arena, error, path, clean) != OK)
        return FAILED;
    return sv_trim(*clean).len ? OK : error_set(error, arena, INVALID_PARAMETER_VALUE, "Invalid path");
}

struct sv artifact_path_join(struct arena *arena, struct sv folder, struct sv path)
{
    if (folder.len == 0 || path.len == 0)
        return folder.len ? folder : path;
    return arena_printf(arena, "%.*s/%.*s", SV_ARG(folder), SV_ARG(path));
}
