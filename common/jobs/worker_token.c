#include "common/jobs/worker_token.h"

#include <openssl/crypto.h>

#include "common/base/conf_file.h"
#include "common/base/digest.h"

#define FILE_MAX_BYTES 4096

static bool is_sound(struct sv token)
{
    bool sound = token.len >= JOB_TOKEN_MIN;
    for (size_t i = 0; sound && i < token.len; i++)
        sound = token.data[i] > ' ' && token.data[i] < 0x7f;
    return sound;
}

bool job_worker_token(const struct settings *settings, struct arena *arena, struct sv *token,
                      struct sv *problem)
{
    *token = settings->jobs_worker_token.len ? settings->jobs_worker_token : SV_ABSENT;
    if (!token->data && settings->jobs_worker_token_file.len) {
        struct sv content;
        if (!conf_read_file(arena, "file with the token of workers", settings->jobs_worker_token_file.data,
                            FILE_MAX_BYTES, &content, problem))
            return false;
        *token = sv_trim(sv_cut(&content, '\n'));
    }
    if (!token->data || is_sound(*token))
        return true;
    *problem =
        arena_printf(arena, "The token of workers must be at least %d characters of ASCII, without blanks.",
                     JOB_TOKEN_MIN);
    return false;
}

bool job_tokens_equal(struct sv a, struct sv b, struct arena *arena)
{
    if (!a.data || !b.data)
        return false;
    struct sv left = sha256_hex(arena, a), right = sha256_hex(arena, b);
    return CRYPTO_memcmp(left.data, right.data, left.len) == 0;
}
