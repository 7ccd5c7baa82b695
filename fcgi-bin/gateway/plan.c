#include <stdlib.h>

#include "common/base/id.h"
#include "fcgi-bin/gateway/inference.h"

#define WEIGHT_MAX 1e9

/* A weight in whole hundredths. */
static double share_of(const struct gateway_route_model *model)
{
    double weight = model->weight < WEIGHT_MAX ? model->weight : WEIGHT_MAX;
    return (double)(int64_t)(weight * 100);
}

/* One of the primaries, as often as its share of the weights says; NULL if all weights are nothing. */
static const struct gateway_route_model *split(const struct gateway_route_model **primaries, size_t count)
{
    double total = 0, sum = 0;
    uint64_t random;
    for (size_t i = 0; i < count; i++)
        total += share_of(primaries[i]);
    if (!(total > 0))
        return NULL;
    random_bytes(&random, sizeof(random));
    double place = (double)(random >> 11) * 0x1p-53 * total;
    const struct gateway_route_model *chosen = NULL;
    for (size_t i = 0; i < count; i++) {
        double share = share_of(primaries[i]);
        if (share > 0 && (!chosen || place >= sum))
            chosen = primaries[i];
        sum += share;
    }
    return chosen;
}

struct ordered {
    const struct gateway_route_model *model;
    size_t place;
};

static int fallback_order(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;
    if (x->model->fallback_order != y->model->fallback_order)
        return x->model->fallback_order < y->model->fallback_order ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

enum status plan_attempts(struct inference *inference, const struct gateway_route_model ***models,
                          size_t *count)
{
    const struct gateway_routing *routing = inference->routing;
    struct arena *arena = inference->request->arena;
    const struct gateway_route_model **primaries =
        ARENA_ARRAY(arena, const struct gateway_route_model *, routing->count);
    struct ordered *fallbacks = ARENA_ARRAY(arena, struct ordered, routing->count);
    size_t primary_count = 0, fallback_count = 0;
    for (size_t i = 0; i < routing->count; i++) {
        if (routing->models[i].linkage == GATEWAY_PRIMARY)
            primaries[primary_count++] = &routing->models[i];
        else
            fallbacks[fallback_count++] = (struct ordered){&routing->models[i], i};
    }
    if (!primary_count)
        return fail_object(
            inference, RESOURCE_DOES_NOT_EXIST,
            arena_printf(arena, "Endpoint '%.*s' has no PRIMARY models configured", SV_ARG(routing->name)));
    const struct gateway_route_model *first =
        routing->splits_traffic ? split(primaries, primary_count) : primaries[0];
    if (!first)
        return fail_object(inference, WRONG_STATE,
                           arena_printf(arena,
                                        "Endpoint '%.*s' splits traffic, but no PRIMARY model has a weight "
                                        "of at least 0.01.",
                                        SV_ARG(routing->name)));
    *models = ARENA_ARRAY(arena, const struct gateway_route_model *, fallback_count + 1);
    (*models)[0] = first;
    *count = 1;
    if (!routing->has_fallback || !fallback_count)
        return OK;
    qsort(fallbacks, fallback_count, sizeof(*fallbacks), fallback_order);
    size_t most = routing->max_attempts > 0 && (uint64_t)routing->max_attempts < fallback_count
                      ? (size_t)routing->max_attempts
                      : fallback_count;
    for (size_t i = 0; i < most; i++)
        (*models)[(*count)++] = fallbacks[i].model;
    return OK;
}
