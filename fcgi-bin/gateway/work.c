#include "fcgi-bin/gateway/work.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/json_read.h"

#define SCRATCH_LIMIT (64UL * 1024 * 1024) /* one event, taken apart */

static pthread_key_t thread_key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void free_work(void *context)
{
    struct work *work = context;
    work_end(work);
    sse_free(&work->sse);
    event_stream_free(&work->event_stream);
    arena_free(work->scratch);
    free(work);
}

static void make_key(void)
{
    pthread_key_create(&thread_key, free_work);
}

struct work *work_begin(void)
{
    pthread_once(&key_once, make_key);
    struct work *work = pthread_getspecific(thread_key);
    if (!work) {
        work = calloc(1, sizeof(*work));
        if (!work)
            return NULL;
        sse_init(&work->sse);
        event_stream_init(&work->event_stream);
        if (pthread_setspecific(thread_key, work) != 0) {
            free_work(work);
            return NULL;
        }
    }
    work_end(work);
    return work;
}

/* What json-c frees, it does not wipe. */
static void wipe_texts(struct json_object *value)
{
    if (json_object_is_type(value, json_type_string)) {
        struct sv text = json_string_view(value);
        OPENSSL_cleanse((char *)text.data, text.len);
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            (void)name;
            wipe_texts(member);
        }
    }
}

static void drop(struct json_object **value)
{
    json_object_put(*value);
    *value = NULL;
}

void work_end_attempt(struct work *work)
{
    provider_end(&work->call);
    wipe_texts(work->secret);
    drop(&work->secret);
    drop(&work->config);
    drop(&work->reply);
    if (work->tokens)
        tokens_end(work->tokens, (struct sv){work->token_key, work->token_key_len}, NULL);
    work->tokens = NULL;
    work->call = (struct provider_call){.arena = NULL};
}

void work_end(struct work *work)
{
    work_end_attempt(work);
    drop(&work->payload);
    route_drop(work->route);
    work->route = NULL;
}

bool work_read_secret(struct work *work, struct arena *arena, struct sv plain)
{
    struct sv problem;
    return json_parse(arena, plain, &work->secret, &problem) == JSON_OK &&
           json_object_is_type(work->secret, json_type_object);
}

void work_ready_for_stream(struct work *work)
{
    if (!work->scratch)
        work->scratch = arena_new(SCRATCH_LIMIT);
    sse_free(&work->sse);
    sse_init(&work->sse);
    event_stream_free(&work->event_stream);
    event_stream_init(&work->event_stream);
    arena_reset(work->scratch);
}
