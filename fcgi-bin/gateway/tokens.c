#include "fcgi-bin/gateway/tokens.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "fcgi-bin/gateway/locked.h"

#define ENTRIES_MAX 1024
#define EARLY_MS    60000 /* a token counts as expired so long before it is */

struct entry {
    struct entry *next;
    struct locked *key;
    struct locked *texts; /* access, secret and session, one behind the other; NULL while there is no token */
    size_t lengths[3];    /* of these; 0: absent */
    bool under_way;       /* somebody is getting it */
    int64_t expires_ms;
};

struct tokens {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct entry *first;
    size_t count;
};

struct tokens *tokens_new(void)
{
    struct tokens *tokens = calloc(1, sizeof(*tokens));
    pthread_condattr_t monotonic;
    if (!tokens)
        return NULL;
    pthread_mutex_init(&tokens->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tokens->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return tokens;
}

static void free_entry(struct entry *entry)
{
    locked_drop(entry->key);
    locked_drop(entry->texts);
    free(entry);
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    while (tokens->first) {
        struct entry *next = tokens->first->next;
        free_entry(tokens->first);
        tokens->first = next;
    }
    pthread_cond_destroy(&tokens->changed);
    pthread_mutex_destroy(&tokens->lock);
    free(tokens);
}

static struct entry **find(struct tokens *tokens, struct sv key)
{
    struct entry **link = &tokens->first;
    while (*link && !sv_equal(locked_sv((*link)->key), key))
        link = &(*link)->next;
    return link;
}

static void remove_at(struct tokens *tokens, struct entry **link)
{
    struct entry *entry = *link;
    *link = entry->next;
    free_entry(entry);
    tokens->count--;
}

static bool is_good(const struct entry *entry)
{
    return entry->texts && entry->expires_ms - EARLY_MS > clock_now_ms();
}

static void remove_expired(struct tokens *tokens)
{
    struct entry **link = &tokens->first;
    while (*link) {
        if (!(*link)->under_way && !is_good(*link))
            remove_at(tokens, link);
        else
            link = &(*link)->next;
    }
}

/* Announces that the caller gets this token. Nothing is announced if that would be too many, or there is no
 * memory: then several may get it at once, which does no harm. */
static void announce(struct tokens *tokens, struct sv key)
{
    remove_expired(tokens);
    struct entry *entry = tokens->count < ENTRIES_MAX ? calloc(1, sizeof(*entry)) : NULL;
    if (!entry)
        return;
    entry->key = locked_new(key);
    if (!entry->key) {
        free(entry);
        return;
    }
    entry->under_way = true;
    entry->next = tokens->first;
    tokens->first = entry;
    tokens->count++;
}

static size_t texts_length(const struct entry *entry)
{
    return entry->lengths[0] + entry->lengths[1] + entry->lengths[2];
}

static void copy_token(const struct entry *entry, char *bytes, struct gateway_token *token)
{
    struct sv *texts[3] = {&token->access, &token->secret, &token->session};
    if (bytes)
        memcpy(bytes, entry->texts->bytes, texts_length(entry));
    for (int i = 0; i < 3; i++) {
        *texts[i] = entry->lengths[i] ? (struct sv){bytes, entry->lengths[i]} : SV_ABSENT;
        bytes += entry->lengths[i];
    }
    token->expires_ms = entry->expires_ms;
}

bool tokens_begin(struct tokens *tokens, struct arena *arena, struct sv key, int64_t wait_ms,
                  struct gateway_token *token)
{
    struct timespec deadline;
    size_t room = 0;
    char *bytes = NULL;
    bool found = false;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += wait_ms / 1000 + 1;
    pthread_mutex_lock(&tokens->lock);
    for (;;) {
        struct entry *entry = *find(tokens, key);
        if (entry && is_good(entry) && texts_length(entry) <= room) {
            copy_token(entry, bytes, token);
            found = true;
            break;
        }
        if (entry && is_good(entry)) {
            /* The arena may have no room, and be left: not under the lock. */
            room = texts_length(entry);
            pthread_mutex_unlock(&tokens->lock);
            bytes = arena_alloc(arena, room);
            pthread_mutex_lock(&tokens->lock);
            continue;
        }
        bool waits = entry && entry->under_way &&
                     pthread_cond_timedwait(&tokens->changed, &tokens->lock, &deadline) == 0;
        if (waits)
            continue;
        /* Others may have changed the list while the wait timed out. */
        entry = *find(tokens, key);
        if (entry)
            entry->under_way = true;
        else
            announce(tokens, key);
        break;
    }
    pthread_mutex_unlock(&tokens->lock);
    return found;
}

static struct locked *join(const struct gateway_token *token)
{
    const struct sv texts[3] = {token->access, token->secret, token->session};
    struct locked *joined = locked_new_sized(token->access.len + token->secret.len + token->session.len);
    size_t at = 0;
    for (int i = 0; joined && i < 3; i++) {
        if (texts[i].len)
            memcpy(joined->bytes + at, texts[i].data, texts[i].len);
        at += texts[i].len;
    }
    return joined;
}

void tokens_end(struct tokens *tokens, struct sv key, const struct gateway_token *token)
{
    struct locked *texts = token ? join(token) : NULL;
    pthread_mutex_lock(&tokens->lock);
    struct entry **link = find(tokens, key);
    struct entry *entry = *link;
    if (entry && texts) {
        locked_drop(entry->texts);
        entry->texts = texts;
        entry->lengths[0] = token->access.len;
        entry->lengths[1] = token->secret.len;
        entry->lengths[2] = token->session.len;
        entry->expires_ms = token->expires_ms;
        entry->under_way = false;
        texts = NULL;
    } else if (entry) {
        remove_at(tokens, link);
    }
    pthread_cond_broadcast(&tokens->changed);
    pthread_mutex_unlock(&tokens->lock);
    locked_drop(texts);
}
