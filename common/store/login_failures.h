#ifndef TRACKLIGHT_STORE_LOGIN_FAILURES_H
#define TRACKLIGHT_STORE_LOGIN_FAILURES_H

#include "common/store/store.h"

/* Who guesses passwords is slowed down: after LOGIN_FREE_FAILURES for one user from one address, and after
 * LOGIN_ADDRESS_FREE_FAILURES for whatever users from one address, each failure doubles the time to wait, up
 * to a bound, so that nobody is locked out for ever. An hour without failures forgets them. An address of
 * IPv6 is its network of 64 bits. */

#define LOGIN_FREE_FAILURES         5
#define LOGIN_WAIT_MAX_MS           (60 * 1000L)
#define LOGIN_ADDRESS_FREE_FAILURES 50
#define LOGIN_ADDRESS_WAIT_MAX_MS   (30 * 1000L)
#define LOGIN_FORGET_MS             (60 * 60 * 1000L)

/* How long the next attempt has to wait; 0: not at all. */
enum status login_wait(struct store_tx *tx, struct sv username, struct sv address, int64_t *wait_ms);

enum status login_failed(struct store_tx *tx, struct sv username, struct sv address);

/* Whether there is something to forget after a success; then login_succeeded forgets the user's failures from
 * there. */
enum status login_has_failures(struct store_tx *tx, struct sv username, struct sv address, bool *has);
enum status login_succeeded(struct store_tx *tx, struct sv username, struct sv address);

#endif
