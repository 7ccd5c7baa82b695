#include <stdlib.h>
#include <string.h>

#include "common/artifacts/s3_internal.h"
#include "common/base/number.h"
#include "common/base/uri.h"
#include "common/net/aws_xml.h"

#define LIST_MAX 1000000

/* --- One page --- */

/* As application/x-www-form-urlencoded, in which S3 encodes keys that XML cannot hold. */
static struct sv decode(struct arena *arena, struct sv text, bool is_encoded)
{
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; is_encoded && i < text.len; i++) {
        if (copy[i] == '+')
            copy[i] = ' ';
    }
    struct sv view = {copy, text.len};
    return is_encoded ? uri_decode_leniently(arena, view) : view;
}

static enum status tell_keys(struct arena *arena, const struct buffer *elements, bool is_encoded,
                             s3_key_found *found, void *context)
{
    struct sv rest = buffer_sv(elements), key = SV_ABSENT;
    int64_t size = 0;
    struct aws_xml_element element;
    enum status status = OK;
    while (status == OK && aws_xml_next(&rest, &element)) {
        if (element.depth == 3 &&
            (sv_equal(element.name, SV("Key")) || sv_equal(element.name, SV("Prefix")))) {
            key = element.text;
        } else if (element.depth == 3 && sv_equal(element.name, SV("Size"))) {
            if (!parse_int64(sv_trim(element.text), 0, INT64_MAX, &size))
                size = 0;
        } else if (element.depth == 2) {
            bool is_folder = sv_equal(element.name, SV("CommonPrefixes"));
            if (key.len && (is_folder || sv_equal(element.name, SV("Contents"))))
                status = found(context, decode(arena, key, is_encoded), size, is_folder);
            key = SV_ABSENT;
            size = 0;
        }
    }
    return status;
}

enum status s3_list_page(struct s3_repository *s3, struct s3_page *page, struct s3_answer *answer,
                         s3_key_found *found, void *context)
{
    struct arena *arena = s3->common.arena;
    struct name_value query[6] = {
        {SV("list-type"), SV("2")},
        {SV("encoding-type"), SV("url")},
        {SV("prefix"), page->prefix},
    };
    size_t count = 3;
    if (page->by_folder)
        query[count++] = (struct name_value){SV("delimiter"), SV("/")};
    if (page->most)
        query[count++] =
            (struct name_value){SV("max-keys"), arena_printf(arena, "%lld", (long long)page->most)};
    if (page->token.data)
        query[count++] = (struct name_value){SV("continuation-token"), page->token};
    struct s3_call call = {
        .method = SV("GET"),
        .key = SV(""),
        .query = query,
        .query_count = count,
        .reply_ceiling = S3_PAGE_MAX_BYTES,
    };
    if (s3_send(s3, &call, answer) != OK)
        return FAILED;
    struct buffer *elements = http_scratch(s3->client, HTTP_SCRATCH_TEXT, 2 * S3_PAGE_MAX_BYTES);
    if (!aws_xml_parse(answer->body, elements) || !aws_xml_find(elements, 1, SV("ListBucketResult")).data)
        return error_internal(s3->common.error, arena, "S3: a listing of %.*s that is none", SV_ARG(s3->uri));
    struct sv token = SV_ABSENT;
    if (sv_equal(sv_trim(aws_xml_find(elements, 2, SV("IsTruncated"))), SV("true")))
        token = arena_copy(arena, aws_xml_find(elements, 2, SV("NextContinuationToken")));
    if (token.data && page->token.data && sv_equal(token, page->token))
        return error_internal(s3->common.error, arena, "S3: listing %.*s goes in circles", SV_ARG(s3->uri));
    bool is_encoded = sv_equal(sv_trim(aws_xml_find(elements, 2, SV("EncodingType"))), SV("url"));
    page->token = token.len ? token : SV_ABSENT;
    return tell_keys(arena, elements, is_encoded, found, context);
}

/* --- A directory --- */

struct listing {
    struct s3_repository *s3;
    size_t prefix_length;
    struct artifact_entry *entries;
    size_t count, capacity;
};

static enum status add_entry(void *context, struct sv key, int64_t size, bool is_folder)
{
    struct listing *listing = context;
    struct arena *arena = listing->s3->common.arena;
    struct sv name = sv_from_offset(key, listing->prefix_length);
    if (is_folder && sv_ends_with(name, SV("/")))
        name = sv_first(name, name.len - 1);
    /* An empty name is the marker of the directory itself; the others no client could ask for. */
    if (name.len == 0 || sv_equal(name, SV(".")) || sv_equal(name, SV("..")))
        return OK;
    if (listing->count == LIST_MAX)
        return error_set(listing->s3->common.error, arena, INVALID_PARAMETER_VALUE,
                         "The folder holds more than %d entries, which is more than can be listed.",
                         LIST_MAX);
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
        struct artifact_entry *entries = ARENA_ARRAY(arena, struct artifact_entry, capacity);
        if (listing->count)
            memcpy(entries, listing->entries, listing->count * sizeof(*entries));
        listing->entries = entries;
        listing->capacity = capacity;
    }
    listing->entries[listing->count++] =
        (struct artifact_entry){.name = name, .is_dir = is_folder, .size = is_folder ? 0 : size};
    return OK;
}

static int compare_entries(const void *left, const void *right)
{
    const struct artifact_entry *a = left, *b = right;
    int order = sv_compare(a->name, b->name);
    return order ? order : a->is_dir - b->is_dir;
}

enum status s3_list(struct repository *repository, struct sv path, struct artifact_entry **entries,
                    size_t *count)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    struct s3_page page = {.prefix = s3_key_prefix(s3, path), .by_folder = true};
    struct listing listing = {.s3 = s3, .prefix_length = page.prefix.len};
    struct s3_answer answer;
    *entries = NULL;
    *count = 0;
    do {
        if (s3_list_page(s3, &page, &answer, add_entry, &listing) != OK)
            return s3_failed(
                s3, &answer,
                arena_printf(repository->arena, "Failed to list artifacts in %.*s", SV_ARG(s3->uri)),
                SV_ABSENT);
    } while (page.token.data);
    if (listing.count)
        qsort(listing.entries, listing.count, sizeof(*listing.entries), compare_entries);
    *entries = listing.entries;
    *count = listing.count;
    return OK;
}

/* --- What is missing --- */

static enum status note_key(void *context, struct sv key, int64_t size, bool is_folder)
{
    (void)key, (void)size, (void)is_folder;
    *(bool *)context = true;
    return OK;
}

enum status s3_missing(struct s3_repository *s3, struct sv path)
{
    struct s3_page page = {.prefix = s3_key_prefix(s3, path), .most = 1};
    struct s3_answer answer;
    bool is_directory = path.len == 0;
    if (!is_directory && s3_list_page(s3, &page, &answer, note_key, &is_directory) != OK)
        error_clear(s3->common.error);
    if (is_directory)
        return error_set(s3->common.error, s3->common.arena, INVALID_PARAMETER_VALUE,
                         "Artifact path refers to a directory, not a file: '%.*s'", SV_ARG(path));
    return error_set(s3->common.error, s3->common.arena, RESOURCE_DOES_NOT_EXIST, "No such artifact: '%.*s'",
                     SV_ARG(path));
}
