#ifndef TRACKLIGHT_CLI_CRYPTO_COMMAND_H
#define TRACKLIGHT_CLI_CRYPTO_COMMAND_H

#include "common/security/envelope.h"
#include "common/store/store.h"

/* Another passphrase for the gateway's secrets: their data keys are wrapped anew, the values stay as they
 * are.
 */

struct rotation {
    struct envelope *from, *to;
    int64_t version;  /* as configured: that of `from` */
    int64_t target;   /* the new one; 0 as long as rotation_plan has not been called */
    size_t to_rotate; /* secrets under the old passphrase */
    size_t rotated;   /* under the new one already */
};

/* Looks at every secret, and derives what keys will be needed. INVALID_PARAMETER_VALUE, naming a secret, if
 * neither passphrase fits it. */
enum status rotation_plan(struct store_tx *tx, struct rotation *rotation);

/* Rotates what rotation_plan counted, and what was added since; all or, on failure, nothing once the
 * transaction is rolled back. */
enum status rotation_run(struct store_tx *tx, struct rotation *rotation);

#endif
