#ifndef TRACKLIGHT_STORE_GATEWAY_SECRETS_H
#define TRACKLIGHT_STORE_GATEWAY_SECRETS_H

#include "common/store/gateway.h"
#include "common/store/permissions.h"

/* Secrets of the gateway. Their values come and go encrypted (common/security/envelope.h). */

/* A value as it is stored, and what of it is shown. */
struct gateway_secret_value {
    struct sv encrypted_value;
    struct sv wrapped_dek;
    int64_t kek_version;
    struct sv masked_values; /* JSON: an object of strings */
};

struct gateway_secret {
    struct sv secret_id;
    struct sv name;
    struct sv masked_values; /* JSON */
    struct sv provider;      /* absent: not given */
    struct sv auth_config;   /* JSON; absent: none */
    struct gateway_audit audit;
};

struct gateway_secret_list {
    const struct gateway_secret *items;
    size_t count;
};

struct gateway_secret_new {
    struct sv secret_id; /* gateway_new_id(arena, 's'): the value was encrypted with it */
    struct sv name;
    struct gateway_secret_value value;
    struct sv provider;    /* or absent */
    struct sv auth_config; /* or absent */
    struct sv created_by;  /* or absent */
};

/* Lengths and characters of a name: to be checked before the value is encrypted. */
enum status gateway_secret_check_name(struct arena *arena, struct error *error, struct sv name);

/* RESOURCE_ALREADY_EXISTS if there is one of this name. */
enum status gateway_secret_create(struct store_tx *tx, const struct gateway_secret_new *secret);

/* RESOURCE_DOES_NOT_EXIST if there is none; so do the next two. */
enum status gateway_secret_load(struct store_tx *tx, struct sv secret_id, struct gateway_secret *secret);

/* A NULL value and an absent auth_config stay. last_updated_by becomes `updated_by`, be it absent. */
enum status gateway_secret_update(struct store_tx *tx, struct sv secret_id,
                                  const struct gateway_secret_value *value, struct sv auth_config,
                                  struct sv updated_by);

/* Model definitions that used it stay, without a secret. */
enum status gateway_secret_delete(struct store_tx *tx, struct sv secret_id);

/* Oldest first; of one provider, or of all if it is absent; of them those that may be shown (NULL: all). */
enum status gateway_secret_list(struct store_tx *tx, struct sv provider,
                                const struct permission_filter *readable, struct gateway_secret_list *list);

/* --- Rotation of the passphrase --- */

struct gateway_secret_key {
    int64_t id;
    struct sv secret_id;
    struct sv wrapped_dek;
    int64_t kek_version;
};

struct gateway_secret_keys {
    const struct gateway_secret_key *items;
    size_t count;
};

enum status gateway_secret_list_keys(struct store_tx *tx, struct gateway_secret_keys *keys);
enum status gateway_secret_rewrap(struct store_tx *tx, int64_t id, struct sv wrapped_dek,
                                  int64_t kek_version);

#endif
