#include "common/search/identifier.h"

#include <string.h>

#include "common/search/quote.h"

static bool is_quoted(struct sv text)
{
    if (text.len < 2)
        return false;
    char first = text.data[0];
    return (first == '\'' || first == '"' || first == '`') && text.data[text.len - 1] == first;
}

static struct sv unquote(struct sv text)
{
    return is_quoted(text) ? (struct sv){text.data + 1, text.len - 2} : text;
}

/* The part before the first dot, absent if there is none; *key is the rest. */
static struct sv split(struct sv text, struct sv *key)
{
    size_t dot = sv_find(text, '.');
    if (dot == text.len) {
        *key = text;
        return SV_ABSENT;
    }
    *key = sv_from_offset(text, dot + 1);
    return sv_first(text, dot);
}

bool search_identifier_is_well_formed(struct sv text)
{
    struct sv key;
    split(text, &key);
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] < '0' || key.data[i] > '9')
            return true;
    return false;
}

static const struct search_entity *find_entity(const struct search_language *language, struct sv prefix)
{
    for (const struct search_entity *entity = language->entities; entity->label; entity++)
        for (const char *const *spelling = entity->prefixes; *spelling; spelling++)
            if (sv_equal(prefix, sv_from(*spelling)))
                return entity;
    return NULL;
}

/* "'a', 'b'" of the keys that may stand here. */
static struct sv list_keys(struct arena *arena, const struct search_entity *entity, enum search_usage usage)
{
    struct sv list = SV("");
    for (const struct search_key *key = entity->keys; key->name; key++)
        if (key->usage & usage)
            list = arena_printf(arena, "%.*s%s'%s'", SV_ARG(list), list.len ? ", " : "", key->name);
    return list;
}

static enum status resolve_order_key(struct arena *arena, struct error *error,
                                     const struct search_language *language, struct sv text,
                                     struct search_identifier *identifier)
{
    struct sv key = unquote(text);
    *identifier = (struct search_identifier){.entity = language->unprefixed, .key = key};
    for (const struct search_key *row = language->order_keys; row->name; row++)
        if (sv_equal(key, sv_from(row->name))) {
            identifier->fixed = row;
            return OK;
        }
    return SEARCH_FAIL(arena, error, "Invalid order by key '%.*s' specified. Valid keys are '{%s}'",
                       SV_ARG(search_clip(key)), language->order_keys_shown);
}

enum status search_identifier_resolve(struct arena *arena, struct error *error,
                                      const struct search_language *language, struct sv text,
                                      enum search_usage usage, struct search_identifier *identifier)
{
    if (usage == SEARCH_ORDER && language->order_keys)
        return resolve_order_key(arena, error, language, text, identifier);
    struct sv key;
    struct sv prefix = split(text, &key);
    const struct search_entity *entity = language->unprefixed;
    if (prefix.data) {
        prefix = unquote(prefix);
        entity = find_entity(language, prefix);
        if (!entity && language->expected_entities)
            return SEARCH_FAIL(arena, error, "Invalid entity type: '%.*s'. Expected one of %s.",
                               SV_ARG(search_clip(prefix)), language->expected_entities);
        if (!entity)
            return SEARCH_FAIL(arena, error, "Invalid entity type '%.*s'. %s", SV_ARG(search_clip(prefix)),
                               language->invalid_entity);
    }
    if (usage == SEARCH_ORDER && !entity->order)
        return SEARCH_FAIL(arena, error, "%s%s%s", language->refused_order, entity->label,
                           language->refused_order_end);
    key = unquote(key);
    if (entity->open && sv_starts_with(key, sv_from(entity->open_beginning))) {
        key = unquote(sv_from_offset(key, strlen(entity->open_beginning)));
        entity = entity->open;
    }
    if (!key.len && entity->empty_key)
        return SEARCH_FAIL(arena, error, "%s", entity->empty_key);
    *identifier = (struct search_identifier){.entity = entity, .key = key};
    if (!entity->keys)
        return OK;
    for (const struct search_key *row = entity->keys; row->name; row++)
        if ((row->usage & usage) && sv_equal(key, sv_from(row->name))) {
            identifier->fixed = row;
            return OK;
        }
    if (entity->key_hint)
        return SEARCH_FAIL(arena, error, "Invalid %s attribute '%.*s'. %s", entity->label,
                           SV_ARG(search_clip(key)), entity->key_hint);
    return SEARCH_FAIL(arena, error, "Invalid %s key '%.*s' specified. Valid keys are '{%.*s}'",
                       entity->label, SV_ARG(search_clip(key)), SV_ARG(list_keys(arena, entity, usage)));
}
