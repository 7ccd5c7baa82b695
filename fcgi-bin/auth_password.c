#include "fcgi-bin/auth_password.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/security/hmac.h"
#include "common/security/password.h"
#include "common/store/login_failures.h"
#include "fcgi-bin/auth.h"

#define WORKING_MAX   2  /* verifications at a time; each has 32 MiB */
#define WAITING_MAX   24 /* threads that wait for one */
#define WAIT_SECONDS  10
#define FAILURES      8 /* of the last moments */
#define REMEMBERED    1024
#define WAYS          4 /* places that one digest may have */
#define DIGEST_BYTES  HMAC_BYTES
#define PROCESS_BYTES 32

struct remembered {
    unsigned char digest[DIGEST_BYTES];
    int64_t user_id; /* 0: the place is free */
    int64_t generation;
    int64_t until_us; /* of the monotonic clock */
};

/* Who is at work, and on what. */
struct place {
    bool taken;
    unsigned char digest[DIGEST_BYTES];
};

struct failure {
    unsigned char digest[DIGEST_BYTES];
    int64_t at_us;
};

enum turn {
    TURN_OF_MINE,    /* go to work */
    TURN_OF_ANOTHER, /* who has just found that the password is wrong */
    TURN_NEVER,      /* too many wait */
};

struct password_check {
    pthread_mutex_t lock;
    pthread_cond_t done;
    unsigned waiting;
    struct place places[WORKING_MAX];
    struct failure failures[FAILURES];
    unsigned next_failure;
    unsigned char key[PROCESS_BYTES];
    struct remembered remembered[REMEMBERED];
};

struct password_check *password_check_new(void)
{
    struct password_check *check = calloc(1, sizeof(struct password_check));
    pthread_condattr_t attributes;
    if (!check)
        abort();
    pthread_mutex_init(&check->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&check->done, &attributes);
    pthread_condattr_destroy(&attributes);
    random_bytes(check->key, sizeof(check->key));
    return check;
}

void password_check_free(struct password_check *check)
{
    if (!check)
        return;
    pthread_cond_destroy(&check->done);
    pthread_mutex_destroy(&check->lock);
    OPENSSL_cleanse(check, sizeof(*check));
    free(check);
}

/* --- Two at a time --- */

/* A request that is given up for lack of memory does not come to its end: the thread's next one makes up for
 * it. */
static _Thread_local struct place *held;

static bool is_same(const unsigned char *a, const unsigned char *b)
{
    return CRYPTO_memcmp(a, b, DIGEST_BYTES) == 0;
}

/* `wrong`: the password was none. */
static void end_work(struct password_check *check, bool wrong)
{
    pthread_mutex_lock(&check->lock);
    if (wrong) {
        struct failure *failure = &check->failures[check->next_failure++ % FAILURES];
        memcpy(failure->digest, held->digest, DIGEST_BYTES);
        failure->at_us = clock_monotonic_us();
    }
    *held = (struct place){.taken = false};
    held = NULL;
    pthread_cond_broadcast(&check->done);
    pthread_mutex_unlock(&check->lock);
}

static struct place *free_place(struct password_check *check)
{
    for (size_t i = 0; i < WORKING_MAX; i++) {
        if (!check->places[i].taken)
            return &check->places[i];
    }
    return NULL;
}

static bool is_at_work(const struct password_check *check, const unsigned char *digest)
{
    for (size_t i = 0; i < WORKING_MAX; i++) {
        if (check->places[i].taken && is_same(check->places[i].digest, digest))
            return true;
    }
    return false;
}

static bool has_failed_since(const struct password_check *check, const unsigned char *digest,
                             int64_t since_us)
{
    for (size_t i = 0; i < FAILURES; i++) {
        if (check->failures[i].at_us >= since_us && is_same(check->failures[i].digest, digest))
            return true;
    }
    return false;
}

/* The same password is verified once for all who come with it at a time. They do not count among those who
 * wait, so that a whole team of threads can begin with one password. */
static enum turn wait_for_turn(struct password_check *check, const unsigned char *digest)
{
    struct timespec until;
    int64_t since_us = clock_monotonic_us();
    bool counts = !is_at_work(check, digest), waits = true;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    if (counts && !free_place(check) && check->waiting >= WAITING_MAX)
        return TURN_NEVER;
    check->waiting += counts;
    while (waits && (!free_place(check) || is_at_work(check, digest)) &&
           !has_failed_since(check, digest, since_us))
        waits = pthread_cond_timedwait(&check->done, &check->lock, &until) == 0;
    check->waiting -= counts;
    if (has_failed_since(check, digest, since_us))
        return TURN_OF_ANOTHER;
    return waits ? TURN_OF_MINE : TURN_NEVER;
}

static enum turn begin_work(struct password_check *check, const unsigned char *digest)
{
    if (held)
        end_work(check, false);
    pthread_mutex_lock(&check->lock);
    enum turn turn = wait_for_turn(check, digest);
    if (turn == TURN_OF_MINE) {
        held = free_place(check);
        held->taken = true;
        memcpy(held->digest, digest, DIGEST_BYTES);
    }
    pthread_mutex_unlock(&check->lock);
    return turn;
}

static enum status too_busy(struct request *request)
{
    return fail(request, TEMPORARILY_UNAVAILABLE,
                "The server has too many passwords to check at the moment. Try again later.");
}

/* --- What was verified lately --- */

/* The length keeps name and password apart. */
static void digest_of(const struct password_check *check, struct arena *arena, struct sv username,
                      struct sv password, unsigned char digest[DIGEST_BYTES])
{
    struct sv key = {(const char *)check->key, sizeof(check->key)};
    hmac_sha256(key, arena_printf(arena, "%zu:%.*s", username.len, SV_ARG(username)), password, digest);
}

static struct remembered *places_of(struct password_check *check, const unsigned char *digest)
{
    size_t at = ((size_t)digest[0] << 8 | digest[1]) % (REMEMBERED / WAYS);
    return &check->remembered[at * WAYS];
}

static bool recall(struct password_check *check, const unsigned char *digest, struct remembered *found)
{
    struct remembered *places = places_of(check, digest);
    int64_t now = clock_monotonic_us();
    bool is_there = false;
    pthread_mutex_lock(&check->lock);
    for (size_t i = 0; i < WAYS && !is_there; i++) {
        is_there = places[i].user_id && places[i].until_us > now && is_same(places[i].digest, digest);
        if (is_there) {
            places[i].until_us = now + PASSWORD_REMEMBERED_MS * 1000L;
            *found = places[i];
        }
    }
    pthread_mutex_unlock(&check->lock);
    return is_there;
}

static void remember(struct password_check *check, const unsigned char *digest, const struct user *user)
{
    struct remembered *places = places_of(check, digest);
    pthread_mutex_lock(&check->lock);
    struct remembered *oldest = places;
    for (size_t i = 0; i < WAYS; i++) {
        if (is_same(places[i].digest, digest)) {
            oldest = &places[i];
            break;
        }
        if (places[i].until_us < oldest->until_us)
            oldest = &places[i];
    }
    memcpy(oldest->digest, digest, DIGEST_BYTES);
    oldest->user_id = user->id;
    oldest->generation = user->generation;
    oldest->until_us = clock_monotonic_us() + PASSWORD_REMEMBERED_MS * 1000L;
    pthread_mutex_unlock(&check->lock);
}

/* --- One attempt --- */

struct attempt {
    struct sv username;
    struct sv password;
    unsigned char digest[DIGEST_BYTES];
    bool known; /* was verified lately, and is so still */
    bool found; /* there is such a user */
    bool has_failures;
    int64_t wait_ms;
    struct user user;
};

static enum status look_in(struct store_tx *tx, struct request *request, struct attempt *attempt)
{
    struct remembered remembered;
    struct password_check *check = request_auth(request)->passwords;
    if (recall(check, attempt->digest, &remembered)) {
        if (user_find_id(tx, remembered.user_id, &attempt->user, &attempt->found) != OK)
            return FAILED;
        attempt->known = attempt->found && attempt->user.generation == remembered.generation;
        if (attempt->known)
            return OK;
    }
    if (login_wait(tx, attempt->username, request->remote_addr, &attempt->wait_ms) != OK ||
        login_has_failures(tx, attempt->username, request->remote_addr, &attempt->has_failures) != OK)
        return FAILED;
    return user_find(tx, attempt->username, &attempt->user, &attempt->found);
}

static enum status look(struct request *request, struct attempt *attempt)
{
    if (request_begin_users(request, ACCESS_READ) != OK ||
        look_in(request_tx(request), request, attempt) != OK)
        return FAILED;
    return request_commit(request);
}

static enum status refuse_haste(struct request *request, const struct attempt *attempt)
{
    long long seconds = (attempt->wait_ms + 999) / 1000;
    auth_audit_refusal(request, attempt->username, "too many failed logins");
    reply_header(request, "retry-after", arena_printf(request->arena, "%lld", seconds));
    return fail(request, REQUEST_LIMIT_EXCEEDED, "Too many failed logins. Try again in %lld s.", seconds);
}

/* Whether the password is right; the time that it takes does not tell whether there is such a user. */
static bool verify(const struct attempt *attempt)
{
    if (attempt->found && attempt->user.password_hash.data)
        return password_verify(attempt->user.password_hash, attempt->password);
    password_verify_nothing(attempt->password);
    return false;
}

static enum status note(struct request *request, const struct attempt *attempt, bool failed)
{
    if (request_begin_users(request, ACCESS_WRITE) != OK)
        return FAILED;
    struct store_tx *tx = request_tx(request);
    if ((failed ? login_failed(tx, attempt->username, request->remote_addr)
                : login_succeeded(tx, attempt->username, request->remote_addr)) != OK)
        return FAILED;
    return request_commit(request);
}

/* With a place among those who may work. */
static enum status work(struct request *request, struct attempt *attempt, bool *right)
{
    /* Others may have failed, or verified the same, while this one waited. */
    if (look(request, attempt) != OK)
        return FAILED;
    *right = attempt->known || (attempt->wait_ms == 0 && verify(attempt));
    if (*right && !attempt->known)
        remember(request_auth(request)->passwords, attempt->digest, &attempt->user);
    return OK;
}

static enum status refuse(struct request *request, const struct attempt *attempt)
{
    if (attempt->wait_ms > 0)
        return refuse_haste(request, attempt);
    auth_audit_refusal(request, attempt->username, "wrong user or password");
    return auth_refuse_unknown(request);
}

static enum status verify_in_turn(struct request *request, struct attempt *attempt)
{
    struct password_check *check = request_auth(request)->passwords;
    bool right = false;
    switch (begin_work(check, attempt->digest)) {
    case TURN_OF_ANOTHER:
        return refuse(request, attempt);
    case TURN_NEVER:
        return too_busy(request);
    case TURN_OF_MINE:
        break;
    }
    enum status status = work(request, attempt, &right);
    end_work(check, status == OK && !right);
    if (status != OK)
        return FAILED;
    if (!right && attempt->wait_ms == 0 && note(request, attempt, true) != OK)
        return FAILED;
    if (!right)
        return refuse(request, attempt);
    return attempt->has_failures ? note(request, attempt, false) : OK;
}

enum status auth_check_password(struct request *request, struct sv username, struct sv password,
                                struct user *user)
{
    struct attempt attempt = {.username = username, .password = password};
    digest_of(request_auth(request)->passwords, request->arena, username, password, attempt.digest);
    if (look(request, &attempt) != OK)
        return FAILED;
    if (!attempt.known) {
        if (attempt.wait_ms > 0)
            return refuse_haste(request, &attempt);
        if (verify_in_turn(request, &attempt) != OK)
            return FAILED;
    }
    *user = attempt.user;
    return OK;
}

bool auth_recall_password(struct request *request, struct sv username, struct sv password, int64_t *user_id,
                          int64_t *generation)
{
    struct remembered remembered;
    unsigned char digest[DIGEST_BYTES];
    struct password_check *check = request_auth(request)->passwords;
    digest_of(check, request->arena, username, password, digest);
    if (!recall(check, digest, &remembered))
        return false;
    *user_id = remembered.user_id;
    *generation = remembered.generation;
    return true;
}

enum status auth_hash_password(struct request *request, struct sv password, struct sv *hash)
{
    struct password_check *check = request_auth(request)->passwords;
    unsigned char nobodys[DIGEST_BYTES];
    random_bytes(nobodys, sizeof(nobodys));
    if (begin_work(check, nobodys) != TURN_OF_MINE)
        return too_busy(request);
    *hash = password_hash(request->arena, password);
    end_work(check, false);
    return hash->data ? OK : too_busy(request);
}
