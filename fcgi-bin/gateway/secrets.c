#include "fcgi-bin/gateway/secrets.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

#define BUCKETS  256
#define ID_BYTES 64

struct entry {
    struct entry *next; /* of its bucket */
    struct entry *newer, *older;
    char id[ID_BYTES];
    size_t id_len;
    int64_t until_us;
    struct locked *plain;
};

struct secrets {
    struct envelope *envelope;
    int64_t ttl_us;
    int64_t max_count;
    pthread_mutex_t lock;
    int64_t changes; /* that the entries are from */
    int64_t count;
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest; /* by their last use */
};

struct secrets *secrets_new(struct envelope *envelope, int64_t ttl_s, int64_t max_count)
{
    struct secrets *secrets = calloc(1, sizeof(*secrets));
    if (!secrets)
        return NULL;
    secrets->envelope = envelope;
    secrets->ttl_us = ttl_s * 1000000;
    secrets->max_count = max_count;
    secrets->changes = -1;
    pthread_mutex_init(&secrets->lock, NULL);
    return secrets;
}

/* FNV-1a; ids are made by us, at random. */
static struct entry **bucket_of(struct secrets *secrets, struct sv id)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.data[i]) * 16777619U;
    return &secrets->buckets[hash % BUCKETS];
}

static struct sv id_of(const struct entry *entry)
{
    return (struct sv){entry->id, entry->id_len};
}

static void unlink_use(struct secrets *secrets, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &secrets->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &secrets->oldest) = entry->newer;
}

static void link_newest(struct secrets *secrets, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = secrets->newest;
    *(entry->older ? &entry->older->newer : &secrets->oldest) = entry;
    secrets->newest = entry;
}

static void remove_entry(struct secrets *secrets, struct entry *entry)
{
    struct entry **link = bucket_of(secrets, id_of(entry));
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    unlink_use(secrets, entry);
    locked_drop(entry->plain);
    free(entry);
    secrets->count--;
}

static void remove_all(struct secrets *secrets)
{
    for (struct entry *entry = secrets->oldest, *newer; entry; entry = newer) {
        newer = entry->newer;
        remove_entry(secrets, entry);
    }
}

void secrets_free(struct secrets *secrets)
{
    if (!secrets)
        return;
    remove_all(secrets);
    pthread_mutex_destroy(&secrets->lock);
    free(secrets);
}

static struct entry *find(struct secrets *secrets, struct sv id)
{
    struct entry *entry = *bucket_of(secrets, id);
    while (entry && !sv_equal(id_of(entry), id))
        entry = entry->next;
    return entry;
}

/* What is kept of the secret, held for the caller; NULL if nothing is. Also gives up what no longer holds. */
static struct locked *look_up(struct secrets *secrets, struct sv id, int64_t changes)
{
    struct locked *plain = NULL;
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&secrets->lock);
    if (changes > secrets->changes) {
        remove_all(secrets);
        secrets->changes = changes;
    }
    struct entry *entry = changes == secrets->changes ? find(secrets, id) : NULL;
    if (entry && entry->until_us <= now) {
        remove_entry(secrets, entry);
        entry = NULL;
    }
    if (entry) {
        unlink_use(secrets, entry);
        link_newest(secrets, entry);
        plain = locked_hold(entry->plain);
    }
    pthread_mutex_unlock(&secrets->lock);
    return plain;
}

static void keep(struct secrets *secrets, struct sv id, int64_t changes, struct locked *plain)
{
    struct entry *entry = id.len <= ID_BYTES ? calloc(1, sizeof(*entry)) : NULL;
    if (!entry)
        return;
    memcpy(entry->id, id.data, id.len);
    entry->id_len = id.len;
    entry->until_us = clock_monotonic_us() + secrets->ttl_us;
    pthread_mutex_lock(&secrets->lock);
    if (changes == secrets->changes && !find(secrets, id)) {
        if (secrets->count >= secrets->max_count)
            remove_entry(secrets, secrets->oldest);
        struct entry **bucket = bucket_of(secrets, id);
        entry->plain = locked_hold(plain);
        entry->next = *bucket;
        *bucket = entry;
        link_newest(secrets, entry);
        secrets->count++;
        entry = NULL;
    }
    pthread_mutex_unlock(&secrets->lock);
    free(entry);
}

enum status secrets_open(struct secrets *secrets, struct arena *arena, struct error *error, int64_t changes,
                         const struct gateway_route_model *model, struct locked **plain)
{
    *plain = look_up(secrets, model->secret_id, changes);
    if (*plain)
        return OK;
    struct envelope_sealed sealed = {model->encrypted_value, model->wrapped_dek, model->kek_version};
    struct sv text;
    if (envelope_open(secrets->envelope, arena, error, &sealed, model->secret_id, model->secret_name,
                      &text) != OK)
        return FAILED;
    *plain = locked_new(text);
    OPENSSL_cleanse((char *)text.data, text.len);
    if (!*plain)
        return error_set(error, arena, TEMPORARILY_UNAVAILABLE,
                         "The server has no memory for the secret. Try again later.");
    keep(secrets, model->secret_id, changes, *plain);
    return OK;
}
