#include "fcgi-bin/gateway/targets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/net/proxy.h"

#define KEPT_US      (5 * 1000000L)
#define ENTRIES      64
#define ORIGIN_BYTES 192
#define PINNED_BYTES 1024

struct entry {
    char origin[ORIGIN_BYTES];
    size_t origin_len; /* 0: free */
    char pinned[PINNED_BYTES];
    size_t pinned_len; /* 0: nothing is to be pinned */
    bool proxied;
    bool trusted;
    int64_t until_us;
};

struct targets {
    struct target_policy policy;
    pthread_mutex_t lock;
    struct entry entries[ENTRIES];
    size_t next; /* the entry to be given up */
};

struct targets *targets_new(const struct settings *settings, struct arena *arena, struct sv *problem)
{
    struct sv text = settings->gateway_allowed_networks;
    struct network *networks;
    size_t count;
    if (!networks_parse(arena, text.data ? text : SV(""), &networks, &count, problem)) {
        *problem = arena_printf(arena, "--gateway-allowed-networks: %.*s", SV_ARG(*problem));
        return NULL;
    }
    struct targets *targets = calloc(1, sizeof(*targets));
    if (!targets) {
        *problem = SV("There is no memory.");
        return NULL;
    }
    pthread_mutex_init(&targets->lock, NULL);
    targets->policy = (struct target_policy){
        .allowed = networks,
        .allowed_count = count,
        .allow_loopback = true,
    };
    return targets;
}

void targets_free(struct targets *targets)
{
    if (!targets)
        return;
    pthread_mutex_destroy(&targets->lock);
    free(targets);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
}

/* Scheme, host and port: what addresses depend on. Absent for a URL that is not of the plainest form: there
 * is nothing to be kept then, because libcurl might see another host in it than this. */
static struct sv origin_of(struct sv url)
{
    size_t begin = sv_starts_with(url, SV("https://")) ? 8 : sv_starts_with(url, SV("http://")) ? 7 : 0;
    size_t end = begin;
    while (begin && end < url.len && is_plain(url.data[end]))
        end++;
    bool plain = end > begin && (end == url.len || url.data[end] == '/' || url.data[end] == '?');
    return plain ? sv_first(url, end) : SV_ABSENT;
}

static struct entry *find(struct targets *targets, struct sv origin, bool trusted)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *entry = &targets->entries[i];
        if (entry->origin_len == origin.len && entry->trusted == trusted &&
            memcmp(entry->origin, origin.data, origin.len) == 0)
            return entry;
    }
    return NULL;
}

static bool look_up(struct targets *targets, struct arena *arena, struct sv origin, bool trusted,
                    struct checked_target *target)
{
    char pinned[PINNED_BYTES];
    size_t len = 0;
    pthread_mutex_lock(&targets->lock);
    struct entry *entry = origin.len ? find(targets, origin, trusted) : NULL;
    bool found = entry && entry->until_us > clock_monotonic_us();
    if (found) {
        target->proxied = entry->proxied;
        len = entry->pinned_len;
        memcpy(pinned, entry->pinned, len);
    }
    pthread_mutex_unlock(&targets->lock);
    if (found)
        target->pinned = len ? arena_copy(arena, (struct sv){pinned, len}) : SV_ABSENT;
    return found;
}

static void keep(struct targets *targets, struct sv origin, bool trusted, const struct checked_target *target)
{
    if (!origin.len || origin.len > ORIGIN_BYTES || target->pinned.len > PINNED_BYTES)
        return;
    pthread_mutex_lock(&targets->lock);
    struct entry *entry = find(targets, origin, trusted);
    if (!entry) {
        entry = &targets->entries[targets->next];
        targets->next = (targets->next + 1) % ENTRIES;
    }
    memcpy(entry->origin, origin.data, origin.len);
    entry->origin_len = origin.len;
    if (target->pinned.len)
        memcpy(entry->pinned, target->pinned.data, target->pinned.len);
    entry->pinned_len = target->pinned.len;
    entry->proxied = target->proxied;
    entry->trusted = trusted;
    entry->until_us = clock_monotonic_us() + KEPT_US;
    pthread_mutex_unlock(&targets->lock);
}

enum status targets_check(struct targets *targets, struct arena *arena, struct error *error, struct sv url,
                          bool trusted, struct checked_target *checked)
{
    struct sv origin = origin_of(url);
    if (look_up(targets, arena, origin, trusted, checked))
        return OK;
    struct target_policy policy = targets->policy;
    struct target target;
    policy.allow_private = trusted;
    /* First as if there were a proxy: that tells the host without asking the resolver. */
    policy.proxied = true;
    if (target_resolve(&policy, arena, error, url, &target) != OK)
        return FAILED;
    checked->proxied = proxy_is_used(target.is_https, target.host);
    policy.proxied = false;
    if (!checked->proxied && target_resolve(&policy, arena, error, url, &target) != OK)
        return FAILED;
    checked->pinned = target.pinned;
    keep(targets, origin, trusted, checked);
    return OK;
}
