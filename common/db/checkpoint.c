#include "common/db/internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* A thread that moves the write-ahead log into the database file, so that no writer has to. A passive
 * checkpoint disturbs nobody, but under constant writing it never reaches the end of the log, which then
 * grows. From RESTART_PAGES on, writers are therefore held back for a moment, so that the log starts over. */

enum {
    PASSIVE_PAGES = 1000, /* pages of log between two passive checkpoints */
    RESTART_PAGES = 2500,
    LARGE_PAGES = 4096, /* 16 MiB of 4 KiB pages */
    HUGE_PAGES = 16384,
};

enum { THREAD_STACK_BYTES = 256 * 1024, PAUSE_TIMEOUT_US = 1000000, FAILURES_COUNTED = 6 };

/* How long writers wait for readers that still need the log: a readers' snapshot of this length does not make
 * the log grow. */
static int64_t patience_us(int pages)
{
    return pages < LARGE_PAGES ? 40000 : pages < HUGE_PAGES ? 100000 : 500000;
}

static int checkpoint(struct db_conn *conn, int mode, int64_t patience, int *pages)
{
    int copied;
    *pages = 0;
    conn->deadline_us = clock_monotonic_us() + patience;
    int rc = sqlite3_wal_checkpoint_v2(conn->handle, NULL, mode, pages, &copied);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        log_error("the checkpoint of %s failed: %s", conn->db->path, sqlite3_errmsg(conn->handle));
    return rc;
}

/* When a restart may be tried. A reader that does not move must not hold writers back all the time, so each
 * failure in a row doubles the pause. */
struct restarts {
    int64_t next_us;
    unsigned failures;
};

static void restart(struct db_conn *conn, int pages, struct restarts *restarts)
{
    struct db *db = conn->db;
    int64_t patience = patience_us(pages);
    if (!writer_pause(db, clock_monotonic_us() + PAUSE_TIMEOUT_US))
        return;
    int rc = checkpoint(conn, SQLITE_CHECKPOINT_RESTART, patience, &pages);
    writer_resume(db);
    if (rc == SQLITE_OK) {
        *restarts = (struct restarts){.failures = 0};
        return;
    }
    restarts->next_us = clock_monotonic_us() + (patience / 2 << restarts->failures);
    if (restarts->failures < FAILURES_COUNTED)
        restarts->failures++;
}

static void *run(void *context)
{
    struct db *db = context;
    struct checkpointer *checkpointer = &db->checkpointer;
    struct db_conn conn = {.db = NULL};
    struct restarts restarts = {.failures = 0};

    pthread_mutex_lock(&checkpointer->mutex);
    for (;;) {
        while (!checkpointer->stop && checkpointer->wal_pages < checkpointer->wake_at)
            pthread_cond_wait(&checkpointer->changed, &checkpointer->mutex);
        if (checkpointer->stop)
            break;
        checkpointer->wake_at = checkpointer->wal_pages + PASSIVE_PAGES;
        pthread_mutex_unlock(&checkpointer->mutex);

        if (!conn.handle && db_conn_open(&conn, db, DB_ROLE_TOOL) != SQLITE_OK)
            db_conn_close(&conn);
        int pages = 0;
        if (conn.handle && checkpoint(&conn, SQLITE_CHECKPOINT_PASSIVE, 0, &pages) == SQLITE_OK &&
            pages >= RESTART_PAGES && clock_monotonic_us() >= restarts.next_us)
            restart(&conn, pages, &restarts);

        pthread_mutex_lock(&checkpointer->mutex);
    }
    pthread_mutex_unlock(&checkpointer->mutex);
    db_conn_close(&conn);
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread(struct db *db)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = pthread_create(&db->checkpointer.thread, &attributes, run, db);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return problem;
}

enum status checkpointer_start(struct db *db, struct arena *arena, struct error *error)
{
    struct checkpointer *checkpointer = &db->checkpointer;
    pthread_mutex_init(&checkpointer->mutex, NULL);
    pthread_cond_init(&checkpointer->changed, NULL);
    checkpointer->wake_at = PASSIVE_PAGES;
    int problem = start_thread(db);
    checkpointer->running = problem == 0;
    if (problem)
        return error_internal(error, arena, "no thread for checkpoints: %s", strerror(problem));
    return OK;
}

void checkpointer_stop(struct db *db)
{
    struct checkpointer *checkpointer = &db->checkpointer;
    if (!checkpointer->running)
        return;
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->stop = true;
    pthread_cond_signal(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->mutex);
    pthread_join(checkpointer->thread, NULL);
    pthread_cond_destroy(&checkpointer->changed);
    pthread_mutex_destroy(&checkpointer->mutex);
    checkpointer->running = false;
}

void checkpointer_notify(struct db *db, int wal_pages)
{
    struct checkpointer *checkpointer = &db->checkpointer;
    pthread_mutex_lock(&checkpointer->mutex);
    if (wal_pages < checkpointer->wal_pages) /* the log has started over */
        checkpointer->wake_at = PASSIVE_PAGES;
    checkpointer->wal_pages = wal_pages;
    if (wal_pages >= checkpointer->wake_at)
        pthread_cond_signal(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->mutex);
}
