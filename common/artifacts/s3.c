#include <string.h>

#include "common/artifacts/media_type.h"
#include "common/artifacts/s3_internal.h"

#define BUCKET_MIN 3
#define BUCKET_MAX 255

static void s3_end(struct repository *repository)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    http_end(s3->client);
}

static const struct repository_kind s3_kind = {
    .list = s3_list,
    .stat = s3_stat,
    .open = s3_open,
    .read = s3_read,
    .file_name = s3_file_name,
    .close = s3_close,
    .create = s3_create,
    .write = s3_write,
    .finish = s3_finish,
    .abandon = s3_abandon,
    .remove = s3_remove,
    .multipart_create = s3_multipart_create,
    .multipart_complete = s3_multipart_complete,
    .multipart_abort = s3_multipart_abort,
    .end = s3_end,
};

/* --- Keys --- */

struct sv s3_key(struct s3_repository *s3, struct sv path)
{
    if (s3->prefix.len == 0 || path.len == 0)
        return path.len ? path : s3->prefix;
    return arena_printf(s3->common.arena, "%.*s/%.*s", SV_ARG(s3->prefix), SV_ARG(path));
}

struct sv s3_key_prefix(struct s3_repository *s3, struct sv path)
{
    struct sv key = s3_key(s3, path);
    return key.len ? arena_printf(s3->common.arena, "%.*s/", SV_ARG(key)) : key;
}

/* --- What a new object is --- */

static struct sv encoding_of(struct sv path)
{
    static const struct {
        struct sv ending, encoding;
    } encodings[] = {
        {SV(".gz"), SV("gzip")}, {SV(".tgz"), SV("gzip")}, {SV(".bz2"), SV("bzip2")},
        {SV(".xz"), SV("xz")},   {SV(".br"), SV("br")},    {SV(".Z"), SV("compress")},
    };
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        if (sv_ends_with(path, encodings[i].ending))
            return encodings[i].encoding;
    }
    return SV_ABSENT;
}

static bool has_header(const struct name_value *headers, size_t count, struct sv name)
{
    for (size_t i = 0; i < count; i++) {
        if (sv_equal_ignoring_case(headers[i].name, name))
            return true;
    }
    return false;
}

struct name_value *s3_object_headers(struct s3_repository *s3, struct sv path, size_t *count)
{
    const struct s3_settings *settings = &s3->settings;
    size_t n = settings->object_header_count;
    struct name_value *headers = ARENA_ARRAY(s3->common.arena, struct name_value, n + 2);
    if (n)
        memcpy(headers, settings->object_headers, n * sizeof(*headers));
    struct sv encoding = encoding_of(path);
    if (!has_header(settings->object_headers, settings->object_header_count, SV("Content-Type")))
        headers[n++] = (struct name_value){SV("Content-Type"), sv_from(media_type_of(path))};
    if (encoding.data &&
        !has_header(settings->object_headers, settings->object_header_count, SV("Content-Encoding")))
        headers[n++] = (struct name_value){SV("Content-Encoding"), encoding};
    *count = n;
    return headers;
}

/* --- Opening --- */

static bool is_bucket(struct sv name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_' || c == '.'))
            return false;
    }
    return name.len >= BUCKET_MIN && name.len <= BUCKET_MAX && name.data[0] != '.';
}

static bool take_apart(struct sv uri, struct sv *bucket, struct sv *prefix)
{
    if (!sv_equal_ignoring_case(sv_first(uri, 5), SV("s3://")))
        return false;
    struct sv rest = sv_from_offset(uri, 5);
    *bucket = sv_cut(&rest, '/');
    *prefix = rest.data ? rest : SV("");
    while (sv_starts_with(*prefix, SV("/")))
        *prefix = sv_from_offset(*prefix, 1);
    while (sv_ends_with(*prefix, SV("/")))
        *prefix = sv_first(*prefix, prefix->len - 1);
    for (size_t i = 0; i < prefix->len; i++) {
        unsigned char byte = (unsigned char)prefix->data[i];
        if (byte < 0x20 || byte == 0x7f || byte == '?' || byte == '#')
            return false;
    }
    return is_bucket(*bucket);
}

enum status repository_open_s3(const struct repository_settings *settings, struct arena *arena,
                               struct error *error, struct sv uri, struct repository **repository)
{
    struct s3_repository *s3 = ARENA_NEW(arena, struct s3_repository);
    s3->common = (struct repository){.kind = &s3_kind, .arena = arena, .error = error};
    s3->limits = settings;
    s3->uri = uri;
    if (!take_apart(uri, &s3->bucket, &s3->prefix))
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Not an S3 location: '%.*s'. It has to look like s3://bucket/prefix.", SV_ARG(uri));
    s3->client = http_client_of_thread(HTTP_FOR_CALLS);
    if (!s3->client)
        return error_internal(error, arena, "S3: no memory for an HTTP client");
    if (s3_settings_read(&s3->settings, arena, error) != OK)
        return FAILED;
    s3_locate(s3);
    *repository = &s3->common;
    return OK;
}
