#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/artifacts/s3_internal.h"
#include "common/base/id.h"
#include "common/base/utf8.h"
#include "common/net/aws_xml.h"

#define BATCH_MAX 1000 /* keys of one DeleteObjects */

struct batch {
    struct s3_repository *s3;
    struct sv keys[BATCH_MAX];
    size_t count;
    bool one_by_one; /* the store has no DeleteObjects */
};

static struct sv doing(struct s3_repository *s3)
{
    return arena_printf(s3->common.arena, "Failed to delete artifacts in %.*s", SV_ARG(s3->uri));
}

static enum status remove_key(struct s3_repository *s3, struct sv key)
{
    struct s3_call call = {.method = SV("DELETE"), .key = key};
    struct s3_answer answer;
    if (s3_send(s3, &call, &answer) != OK && !s3_answered(&answer, "NoSuchKey") &&
        !(answer.outcome == HTTP_OK && answer.reply.status == 404 && !answer.code[0]))
        return s3_failed(s3, &answer, doing(s3), SV_ABSENT);
    return OK;
}

/* XML 1.0 cannot hold most control characters, not even escaped. */
static bool fits_xml(struct sv key)
{
    for (size_t i = 0; i < key.len; i++) {
        if ((unsigned char)key.data[i] < 0x20)
            return false;
    }
    return utf8_valid(key);
}

static void append_escaped(struct buffer *out, struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '&':
            BUFFER_LITERAL(out, "&amp;");
            break;
        case '<':
            BUFFER_LITERAL(out, "&lt;");
            break;
        case '>':
            BUFFER_LITERAL(out, "&gt;");
            break;
        default:
            buffer_append_byte(out, text.data[i]);
        }
    }
}

/* S3 insists on a checksum of this request. */
static struct name_value checksum(struct arena *arena, struct sv body)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(body.data, body.len, hash, &length, EVP_md5(), NULL))
        return (struct name_value){SV("Content-MD5"),
                                   base64_encode(arena, (struct sv){(const char *)hash, length})};
    EVP_Digest(body.data, body.len, hash, &length, EVP_sha256(), NULL);
    return (struct name_value){SV("x-amz-checksum-sha256"),
                               base64_encode(arena, (struct sv){(const char *)hash, length})};
}

/* The first key that could not be deleted decides. */
static enum status check_answer(struct s3_repository *s3, struct s3_answer *answer)
{
    struct buffer *elements = http_scratch(s3->client, HTTP_SCRATCH_TEXT, 2L * S3_REPLY_MAX_BYTES);
    if (!aws_xml_parse(answer->body, elements) || !aws_xml_find(elements, 1, SV("DeleteResult")).data)
        return error_internal(s3->common.error, s3->common.arena, "S3: no sensible answer to DeleteObjects");
    struct sv rest = buffer_sv(elements);
    struct aws_xml_element element;
    while (aws_xml_next(&rest, &element)) {
        if (element.depth != 3 || !sv_equal(element.name, SV("Code")) ||
            sv_equal(element.text, SV("NoSuchKey")))
            continue;
        snprintf(answer->code, sizeof(answer->code), "%.*s", SV_ARG(element.text));
        return s3_failed(s3, answer, doing(s3), SV_ABSENT);
    }
    return OK;
}

static struct sv deletion(struct arena *arena, const struct batch *batch)
{
    size_t size = 256;
    for (size_t i = 0; i < batch->count; i++)
        size += 64 + 5 * batch->keys[i].len;
    struct buffer out = {.data = arena_alloc(arena, size), .capacity = size, .ceiling = size};
    BUFFER_LITERAL(&out, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for (size_t i = 0; i < batch->count; i++) {
        BUFFER_LITERAL(&out, "<Object><Key>");
        append_escaped(&out, batch->keys[i]);
        BUFFER_LITERAL(&out, "</Key></Object>");
    }
    BUFFER_LITERAL(&out, "</Delete>");
    return buffer_sv(&out);
}

static enum status remove_each(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (remove_key(batch->s3, batch->keys[i]) != OK)
            return FAILED;
    }
    batch->count = 0;
    return OK;
}

static enum status remove_batch(struct batch *batch)
{
    struct s3_repository *s3 = batch->s3;
    if (batch->count <= 1 || batch->one_by_one)
        return remove_each(batch);
    const struct name_value query[] = {{SV("delete"), SV("")}};
    struct sv body = deletion(s3->common.arena, batch);
    const struct name_value headers[] = {checksum(s3->common.arena, body),
                                         {SV("Content-Type"), SV("application/xml")}};
    struct s3_call call = {
        .method = SV("POST"),
        .key = SV(""),
        .query = query,
        .query_count = 1,
        .headers = headers,
        .header_count = 2,
        .body = body,
        .is_slow = true,
    };
    struct s3_answer answer;
    if (s3_send(s3, &call, &answer) == OK) {
        batch->count = 0;
        return check_answer(s3, &answer);
    }
    batch->one_by_one =
        answer.outcome == HTTP_OK &&
        (answer.reply.status == 501 || answer.reply.status == 405 || s3_answered(&answer, "NotImplemented"));
    if (batch->one_by_one)
        return remove_each(batch);
    return s3_failed(s3, &answer, doing(s3), SV_ABSENT);
}

static enum status note_key(void *context, struct sv key, int64_t size, bool is_folder)
{
    struct batch *batch = context;
    (void)size, (void)is_folder;
    if (batch->count < BATCH_MAX)
        batch->keys[batch->count++] = key;
    return OK;
}

/* What XML cannot name is deleted by itself first. */
static enum status remove_odd_keys(struct batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (fits_xml(batch->keys[i]))
            batch->keys[kept++] = batch->keys[i];
        else if (remove_key(batch->s3, batch->keys[i]) != OK)
            return FAILED;
    }
    batch->count = kept;
    return OK;
}

enum status s3_remove(struct repository *repository, struct sv path)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    struct arena *arena = repository->arena;
    if (path.len == 0)
        return error_set(repository->error, arena, INVALID_PARAMETER_VALUE, "Invalid path");
    struct batch *batch = ARENA_NEW(arena, struct batch);
    batch->s3 = s3;
    struct s3_page page = {.prefix = s3_key_prefix(s3, path), .most = BATCH_MAX};
    if (remove_key(s3, s3_key(s3, path)) != OK)
        return FAILED;
    do {
        struct arena_mark mark = arena_mark(arena);
        struct s3_answer answer;
        if (s3_list_page(s3, &page, &answer, note_key, batch) != OK)
            return s3_failed(s3, &answer, doing(s3), SV_ABSENT);
        if (remove_odd_keys(batch) != OK || remove_batch(batch) != OK)
            return FAILED;
        if (!page.token.data)
            break;
        char token[4096];
        if (page.token.len > sizeof(token))
            return error_internal(repository->error, arena, "S3: a continuation token that is too long");
        memcpy(token, page.token.data, page.token.len);
        struct sv kept = {token, page.token.len};
        arena_rewind(arena, mark);
        page.token = arena_copy(arena, kept);
    } while (true);
    return OK;
}
