#include "cli/crypto_command.h"
#include "common/store/gateway_secrets.h"

enum row_state { UNDER_OLD, UNDER_NEW, UNDER_NEITHER };

/* What an earlier run of the same rotation has done is left alone. Its later version tells, for both
 * passphrases may be the same text. */
static enum row_state state_of(const struct rotation *rotation, const struct gateway_secret_key *key)
{
    bool later = key->kek_version > rotation->version;
    if (later && envelope_fits(rotation->to, key->wrapped_dek, key->kek_version))
        return UNDER_NEW;
    if (envelope_fits(rotation->from, key->wrapped_dek, key->kek_version))
        return UNDER_OLD;
    return envelope_fits(rotation->to, key->wrapped_dek, key->kek_version) ? UNDER_NEW : UNDER_NEITHER;
}

static enum status refuse(struct store_tx *tx, const struct gateway_secret_key *key)
{
    return store_fail(
        tx, INVALID_PARAMETER_VALUE,
        "KEK rotation failed at secret %.*s: MLFLOW_CRYPTO_KEK_PASSPHRASE is not the passphrase that it is "
        "encrypted under. No changes were made.",
        SV_ARG(key->secret_id));
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

enum status rotation_plan(struct store_tx *tx, struct rotation *rotation)
{
    struct gateway_secret_keys keys;
    int64_t newest = rotation->version, done = 0;
    if (gateway_secret_list_keys(tx, &keys) != OK)
        return FAILED;
    rotation->to_rotate = rotation->rotated = 0;
    for (size_t i = 0; i < keys.count; i++) {
        const struct gateway_secret_key *key = &keys.items[i];
        switch (state_of(rotation, key)) {
        case UNDER_NEW:
            rotation->rotated++;
            done = greater(done, key->kek_version);
            break;
        case UNDER_OLD:
            rotation->to_rotate++;
            newest = greater(newest, key->kek_version);
            break;
        default:
            return refuse(tx, key);
        }
    }
    /* What is left of an earlier run goes where the others went. */
    rotation->target = done ? done : newest + 1;
    if (rotation->target > ENVELOPE_VERSION_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "There is no KEK version after %lld.",
                          (long long)(rotation->target - 1));
    if (rotation->to_rotate)
        envelope_prepare(rotation->to, rotation->target);
    return OK;
}

static enum status rotate(struct store_tx *tx, const struct rotation *rotation,
                          const struct gateway_secret_key *key)
{
    struct sv wrapped;
    if (!envelope_rewrap(rotation->from, key->wrapped_dek, key->kek_version, rotation->to, rotation->target,
                         tx->arena, &wrapped))
        return refuse(tx, key);
    return gateway_secret_rewrap(tx, key->id, wrapped, rotation->target);
}

enum status rotation_run(struct store_tx *tx, struct rotation *rotation)
{
    struct gateway_secret_keys keys;
    if (gateway_secret_list_keys(tx, &keys) != OK)
        return FAILED;
    rotation->to_rotate = rotation->rotated = 0;
    for (size_t i = 0; i < keys.count; i++) {
        if (state_of(rotation, &keys.items[i]) == UNDER_NEW)
            continue;
        if (rotate(tx, rotation, &keys.items[i]) != OK)
            return FAILED;
        rotation->rotated++;
    }
    return OK;
}
