#include "fcgi-bin/gateway/routes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS    256
#define ROUTES_MAX 1024

struct entry {
    struct entry *next;
    struct route *route;
};

struct routes {
    pthread_mutex_t lock;
    int64_t changes;
    size_t count;
    struct entry *buckets[BUCKETS];
};

struct routes *routes_new(void)
{
    struct routes *routes = calloc(1, sizeof(*routes));
    if (!routes)
        return NULL;
    routes->changes = -1;
    pthread_mutex_init(&routes->lock, NULL);
    return routes;
}

void route_drop(struct route *route)
{
    if (route && atomic_fetch_sub(&route->holders, 1) == 1)
        free(route);
}

static void remove_all(struct routes *routes)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (routes->buckets[i]) {
            struct entry *entry = routes->buckets[i];
            routes->buckets[i] = entry->next;
            route_drop(entry->route);
            free(entry);
        }
    }
    routes->count = 0;
}

void routes_free(struct routes *routes)
{
    if (!routes)
        return;
    remove_all(routes);
    pthread_mutex_destroy(&routes->lock);
    free(routes);
}

static struct entry **bucket_of(struct routes *routes, struct sv name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619U;
    return &routes->buckets[hash % BUCKETS];
}

static struct entry *look_up(struct routes *routes, struct sv name)
{
    struct entry *entry = *bucket_of(routes, name);
    while (entry && !sv_equal(entry->route->routing.name, name))
        entry = entry->next;
    return entry;
}

/* The texts of a model, in turn. */
#define MODEL_TEXTS 8
static struct sv *model_text(struct gateway_route_model *model, int index)
{
    struct sv *texts[MODEL_TEXTS] = {&model->definition_id,   &model->provider,   &model->model_name,
                                     &model->auth_config,     &model->secret_id,  &model->secret_name,
                                     &model->encrypted_value, &model->wrapped_dek};
    return texts[index];
}

static char *move_text(char *at, struct sv *text)
{
    if (!text->data)
        return at;
    if (text->len)
        memcpy(at, text->data, text->len);
    text->data = at;
    return at + text->len;
}

static struct route *copy_routing(const struct gateway_routing *routing, int64_t changes)
{
    size_t len =
        routing->count * sizeof(struct gateway_route_model) + routing->endpoint_id.len + routing->name.len;
    for (size_t i = 0; i < routing->count; i++) {
        struct gateway_route_model model = routing->models[i];
        for (int j = 0; j < MODEL_TEXTS; j++)
            len += model_text(&model, j)->len;
    }
    struct route *route = malloc(sizeof(*route) + len);
    if (!route)
        return NULL;
    atomic_init(&route->holders, 1);
    route->changes = changes;
    route->routing = *routing;
    struct gateway_route_model *models = (void *)route->texts;
    char *at = route->texts + routing->count * sizeof(*models);
    for (size_t i = 0; i < routing->count; i++) {
        models[i] = routing->models[i];
        for (int j = 0; j < MODEL_TEXTS; j++)
            at = move_text(at, model_text(&models[i], j));
    }
    route->routing.models = models;
    at = move_text(at, &route->routing.endpoint_id);
    move_text(at, &route->routing.name);
    return route;
}

/* What is kept, held for the caller; NULL if nothing is. Also gives up what no longer holds. */
static struct route *known(struct routes *routes, struct sv name, int64_t changes)
{
    struct route *route = NULL;
    pthread_mutex_lock(&routes->lock);
    if (changes > routes->changes) {
        remove_all(routes);
        routes->changes = changes;
    }
    struct entry *entry = changes == routes->changes ? look_up(routes, name) : NULL;
    if (entry) {
        route = entry->route;
        atomic_fetch_add(&route->holders, 1);
    }
    pthread_mutex_unlock(&routes->lock);
    return route;
}

static void keep(struct routes *routes, struct route *route)
{
    struct entry *entry = malloc(sizeof(*entry));
    if (!entry)
        return;
    pthread_mutex_lock(&routes->lock);
    if (route->changes == routes->changes && !look_up(routes, route->routing.name)) {
        if (routes->count >= ROUTES_MAX)
            remove_all(routes);
        struct entry **bucket = bucket_of(routes, route->routing.name);
        atomic_fetch_add(&route->holders, 1);
        *entry = (struct entry){*bucket, route};
        *bucket = entry;
        routes->count++;
        entry = NULL;
    }
    pthread_mutex_unlock(&routes->lock);
    free(entry);
}

enum status routes_find(struct routes *routes, struct store_tx *tx, struct sv name, struct route **route)
{
    struct gateway_routing routing;
    int64_t changes;
    if (gateway_changes(tx, &changes) != OK)
        return FAILED;
    *route = known(routes, name, changes);
    if (*route)
        return OK;
    if (gateway_route_load(tx, name, &routing) != OK)
        return FAILED;
    *route = copy_routing(&routing, changes);
    if (!*route)
        return store_fail(tx, TEMPORARILY_UNAVAILABLE,
                          "The server has no memory for the endpoint. Try again later.");
    keep(routes, *route);
    return OK;
}
