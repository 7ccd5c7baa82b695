#include "common/store/login_failures.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/base/digest.h"

/* The first 64 bits of an IPv6 address, which one customer has whole; every other text as it is. */
static struct sv network_of(struct arena *arena, struct sv address)
{
    struct in6_addr bytes;
    char text[INET6_ADDRSTRLEN];
    if (address.len >= sizeof(text) || inet_pton(AF_INET6, arena_cstr(arena, address), &bytes) != 1 ||
        IN6_IS_ADDR_V4MAPPED(&bytes))
        return address;
    memset(bytes.s6_addr + 8, 0, 8);
    return arena_copy(arena, sv_from(inet_ntop(AF_INET6, &bytes, text, sizeof(text))));
}

static struct sv address_key(struct store_tx *tx, struct sv address)
{
    struct sv network = network_of(tx->arena, address);
    return sha256_hex(tx->arena, arena_printf(tx->arena, "address\n%.*s", SV_ARG(network)));
}

static struct sv user_key(struct store_tx *tx, struct sv username, struct sv address)
{
    struct sv network = network_of(tx->arena, address);
    return sha256_hex(tx->arena,
                      arena_printf(tx->arena, "user\n%.*s\n%.*s", SV_ARG(network), SV_ARG(username)));
}

/* The failures that count still, 0 if there are none. */
static enum status read_failures(struct store_tx *tx, struct sv key, int64_t *failures, int64_t *last_time)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT failures, last_time FROM login_failures WHERE key = ? AND last_time > ?",
                 db_text(key), db_int(tx->now_ms - LOGIN_FORGET_MS));
    if (!stmt)
        return FAILED;
    *failures = 0;
    *last_time = 0;
    if (db_step(stmt) == DB_ROW) {
        *failures = db_column_int(stmt, 0);
        *last_time = db_column_int(stmt, 1);
    }
    return db_done(stmt);
}

static enum status wait_for(struct store_tx *tx, struct sv key, int64_t free_failures, int64_t max_ms,
                            int64_t *wait_ms)
{
    int64_t failures, last_time, pause = 1000;
    if (read_failures(tx, key, &failures, &last_time) != OK)
        return FAILED;
    if (failures < free_failures)
        return OK;
    for (int64_t i = free_failures; i < failures && pause < max_ms; i++)
        pause *= 2;
    if (pause > max_ms)
        pause = max_ms;
    int64_t left = last_time + pause - tx->now_ms;
    /* A clock that was set back must not keep anybody waiting. */
    if (left > pause)
        left = pause;
    if (left > *wait_ms)
        *wait_ms = left;
    return OK;
}

enum status login_wait(struct store_tx *tx, struct sv username, struct sv address, int64_t *wait_ms)
{
    *wait_ms = 0;
    if (wait_for(tx, user_key(tx, username, address), LOGIN_FREE_FAILURES, LOGIN_WAIT_MAX_MS, wait_ms) != OK)
        return FAILED;
    return wait_for(tx, address_key(tx, address), LOGIN_ADDRESS_FREE_FAILURES, LOGIN_ADDRESS_WAIT_MAX_MS,
                    wait_ms);
}

static enum status add_failure(struct store_tx *tx, struct sv key)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO login_failures (key, failures, last_time) VALUES (?, 1, ?) "
                   "ON CONFLICT (key) DO UPDATE SET failures = min(failures + 1, 1000), "
                   "last_time = excluded.last_time",
                   db_text(key), db_int(tx->now_ms));
}

enum status login_failed(struct store_tx *tx, struct sv username, struct sv address)
{
    if (db_exec(tx->db, NULL, "DELETE FROM login_failures WHERE last_time <= ?",
                db_int(tx->now_ms - LOGIN_FORGET_MS)) != OK ||
        add_failure(tx, user_key(tx, username, address)) != OK)
        return FAILED;
    return add_failure(tx, address_key(tx, address));
}

enum status login_has_failures(struct store_tx *tx, struct sv username, struct sv address, bool *has)
{
    int64_t failures, last_time;
    if (read_failures(tx, user_key(tx, username, address), &failures, &last_time) != OK)
        return FAILED;
    *has = failures > 0;
    return OK;
}

enum status login_succeeded(struct store_tx *tx, struct sv username, struct sv address)
{
    return db_exec(tx->db, NULL, "DELETE FROM login_failures WHERE key = ?",
                   db_text(user_key(tx, username, address)));
}
