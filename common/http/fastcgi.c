#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/server_internal.h"

#define THREAD_STACK_BYTES (512 * 1024)

/* Records that are written past libfcgi: at least so long that the extra write pays, at most a multiple of 8
 * below 64 KiB. */
#define RECORD_MIN_BYTES ((size_t)16 * 1024)
#define RECORD_BYTES     ((size_t)65528)
#define RECORD_VERSION   1
#define RECORD_STDOUT    6

/* A thread's connection, for those who must wake it. */
struct worker {
    FCGX_Request fcgi;
    int64_t received; /* bytes of the request's body that were read */
    bool waiting;     /* on a kept connection, for its next request; under pool.lock */
};

struct pool {
    struct server *server;
    int listen_socket;
    int stop_event; /* readable once SIGTERM came */
    atomic_bool stopping;
    pthread_mutex_t
        accept_lock; /* one thread at a time waits for a connection: the others need not wake for it */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    /* Each thread that ends waits for the one before, and the process for the last: what threads free at
     * their end must not meet the end of the process. */
    pthread_t ended_last;
    bool any_ended;
    struct worker **workers;
    unsigned count; /* running threads */
    unsigned idle;  /* of them, waiting for a connection or about to */
    unsigned limit;
};

static struct sv fastcgi_variable(struct request *request, const char *name)
{
    struct worker *worker = request->connection;
    return sv_from(FCGX_GetParam(name, worker->fcgi.envp));
}

static size_t fastcgi_head_bytes(struct request *request)
{
    struct worker *worker = request->connection;
    size_t bytes = 0;
    for (char **entry = worker->fcgi.envp; *entry; entry++)
        bytes += strlen(*entry);
    return bytes;
}

static char *const *fastcgi_variables(struct request *request)
{
    struct worker *worker = request->connection;
    return worker->fcgi.envp;
}

static bool fastcgi_gone(struct request *request)
{
    struct worker *worker = request->connection;
    struct pollfd connection = {.fd = worker->fcgi.ipcFd, .events = POLLRDHUP};
    return poll(&connection, 1, 0) > 0 && connection.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static long fastcgi_read(struct request *request, char *bytes, size_t len)
{
    struct worker *worker = request->connection;
    int got = FCGX_GetStr(bytes, len > 1024 * 1024 ? 1024 * 1024 : (int)len, worker->fcgi.in);
    if (got > 0) {
        worker->received += got;
        return got;
    }
    int error = FCGX_GetError(worker->fcgi.in);
    if (error == EAGAIN || error == EWOULDBLOCK)
        return -2;
    return error ? -1 : 0;
}

/* All of it, or -1. */
static int send_all(int fd, struct iovec *parts, int count)
{
    while (count) {
        ssize_t sent = writev(fd, parts, count);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        size_t left = (size_t)sent;
        while (count && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count) {
            parts->iov_base = (char *)parts->iov_base + left;
            parts->iov_len -= left;
        }
    }
    return 0;
}

/* FCGI_STDOUT records (FastCGI spec 1.0 section 3.3) as large as they may be: libfcgi cuts at 8 KiB. */
static int write_records(struct worker *worker, const char *bytes, size_t len)
{
    char padding[8] = {0};
    if (FCGX_FFlush(worker->fcgi.out) != 0)
        return -1;
    while (len) {
        size_t piece = len < RECORD_BYTES ? len : RECORD_BYTES, pad = (8 - piece % 8) % 8;
        unsigned id = (unsigned)worker->fcgi.requestId;
        unsigned char head[8] = {RECORD_VERSION,
                                 RECORD_STDOUT,
                                 (unsigned char)(id >> 8),
                                 (unsigned char)id,
                                 (unsigned char)(piece >> 8),
                                 (unsigned char)piece,
                                 (unsigned char)pad,
                                 0};
        struct iovec parts[3] = {{head, sizeof(head)}, {(char *)bytes, piece}, {padding, pad}};
        if (send_all(worker->fcgi.ipcFd, parts, 3) != 0) {
            /* Half a record may be out: nothing that libfcgi adds would be understood. */
            shutdown(worker->fcgi.ipcFd, SHUT_RDWR);
            worker->fcgi.keepConnection = 0;
            return -1;
        }
        bytes += piece;
        len -= piece;
    }
    return 0;
}

static int fastcgi_write(struct request *request, const char *bytes, size_t len)
{
    struct worker *worker = request->connection;
    if (len >= RECORD_MIN_BYTES)
        return write_records(worker, bytes, len);
    while (len) {
        int piece = len > 1024 * 1024 ? 1024 * 1024 : (int)len;
        if (FCGX_PutStr(bytes, piece, worker->fcgi.out) != piece)
            return -1;
        bytes += piece;
        len -= (size_t)piece;
    }
    return 0;
}

static int fastcgi_flush(struct request *request)
{
    struct worker *worker = request->connection;
    return FCGX_FFlush(worker->fcgi.out);
}

static void fastcgi_abort(struct request *request)
{
    struct worker *worker = request->connection;
    if (worker->fcgi.ipcFd >= 0)
        shutdown(worker->fcgi.ipcFd, SHUT_RDWR);
    worker->fcgi.keepConnection = 0;
}

static const struct transport fastcgi_transport = {
    .variable = fastcgi_variable,
    .variables = fastcgi_variables,
    .gone = fastcgi_gone,
    .head_bytes = fastcgi_head_bytes,
    .read = fastcgi_read,
    .write = fastcgi_write,
    .flush = fastcgi_flush,
    .abort = fastcgi_abort,
};

/* A peer that stalls must not hold a thread for ever. libfcgi's reads and writes then fail with EAGAIN. */
static void prepare_connection(int fd)
{
    struct timeval receive = {.tv_sec = BODY_TIMEOUT_SECONDS};
    struct timeval send = {.tv_sec = SEND_TIMEOUT_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof(receive));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof(send));
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* no-op on a unix socket */
}

/* FastCGI spec 1.0 section 3.2: only these addresses may connect. */
static bool peer_allowed(int fd)
{
    const char *list = getenv("FCGI_WEB_SERVER_ADDRS");
    if (!list || !*list)
        return true;
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_storage room;
    } address;
    memset(&address, 0, sizeof(address));
    socklen_t len = sizeof(address);
    if (getpeername(fd, &address.any, &len) != 0)
        return false;
    if (address.any.sa_family != AF_INET)
        return address.any.sa_family == AF_UNIX;
    uint32_t ip = ntohl(address.ip4.sin_addr.s_addr);
    struct sv rest = sv_from(list);
    while (rest.data) {
        struct sv item = sv_trim(sv_cut(&rest, ','));
        char text[INET_ADDRSTRLEN];
        struct in_addr parsed;
        if (item.len >= sizeof(text))
            continue;
        memcpy(text, item.data, item.len);
        text[item.len] = '\0';
        if (inet_pton(AF_INET, text, &parsed) == 1 && ntohl(parsed.s_addr) == ip)
            return true;
    }
    return false;
}

/* The next connection, or -1 when the program is to stop. */
static int accept_connection(struct pool *pool)
{
    struct pollfd events[2] = {{.fd = pool->listen_socket, .events = POLLIN},
                               {.fd = pool->stop_event, .events = POLLIN}};
    int fd = -1;
    pthread_mutex_lock(&pool->accept_lock);
    while (fd < 0 && !atomic_load(&pool->stopping)) {
        if (poll(events, 2, -1) < 0 || !events[0].revents)
            continue;
        fd = accept4(pool->listen_socket, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            log_error("cannot accept a connection: out of descriptors or memory");
            struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
            nanosleep(&pause, NULL);
        }
        if (fd >= 0 && !peer_allowed(fd)) {
            close(fd);
            fd = -1;
        }
    }
    pthread_mutex_unlock(&pool->accept_lock);
    return fd;
}

static bool start_worker(struct pool *pool);

static void set_idle(struct pool *pool, bool idle)
{
    pthread_mutex_lock(&pool->lock);
    pool->idle += idle ? 1 : -1U;
    if (!idle && pool->idle == 0 && pool->count < pool->limit && !atomic_load(&pool->stopping))
        (void)start_worker(pool);
    pthread_mutex_unlock(&pool->lock);
}

static void set_waiting(struct pool *pool, struct worker *worker, bool waiting)
{
    pthread_mutex_lock(&pool->lock);
    worker->waiting = waiting;
    if (waiting && atomic_load(&pool->stopping) && worker->fcgi.ipcFd >= 0)
        shutdown(worker->fcgi.ipcFd, SHUT_RD);
    pthread_mutex_unlock(&pool->lock);
}

/* Whether records of the body are still to come: libfcgi would take them for the next request. */
static bool left_body(const struct worker *worker, const struct request *request)
{
    if (request->content_length >= 0)
        return worker->received < request->content_length;
    bool may_have_one = request->method != METHOD_GET && request->method != METHOD_HEAD;
    return may_have_one && !FCGX_HasSeenEOF(worker->fcgi.in);
}

/* Serves what comes over one connection: one request, or several where the web server keeps it
 * (FCGI_KEEP_CONN). */
static void serve_connection(struct pool *pool, struct worker *worker, struct request *request, int fd)
{
    prepare_connection(fd);
    worker->fcgi.ipcFd = fd;
    worker->fcgi.keepConnection = 1; /* or FCGX_Accept_r would close the descriptor that it was just given */
    for (;;) {
        set_waiting(pool, worker, true);
        int accepted = FCGX_Accept_r(&worker->fcgi);
        set_waiting(pool, worker, false);
        if (accepted != 0)
            return; /* libfcgi has closed the connection */
        worker->received = 0;
        serve(request);
        if (atomic_load(&pool->stopping) || left_body(worker, request))
            worker->fcgi.keepConnection = 0;
        FCGX_Finish_r(&worker->fcgi);
        if (worker->fcgi.ipcFd < 0)
            return;
    }
}

/* Without a listening socket of its own, libfcgi returns to us instead of accepting by itself. */
static void prepare_worker(struct worker *worker)
{
    FCGX_InitRequest(&worker->fcgi, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    worker->fcgi.ipcFd = -1;
}

void fastcgi_serve_socket(struct server *server, int fd)
{
    struct pool pool = {.server = server, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct worker worker = {0};
    struct request *request = request_new(server, &fastcgi_transport, &worker);
    if (request && FCGX_Init() == 0) {
        prepare_worker(&worker);
        serve_connection(&pool, &worker, request, fd);
    }
    request_free(request);
}

static void *worker_main(void *context)
{
    struct pool *pool = context;
    struct worker *worker = calloc(1, sizeof(struct worker));
    struct request *request = worker ? request_new(pool->server, &fastcgi_transport, worker) : NULL;
    if (request) {
        prepare_worker(worker);
        pthread_mutex_lock(&pool->lock);
        for (unsigned i = 0; i < pool->limit; i++) {
            if (!pool->workers[i]) {
                pool->workers[i] = worker;
                break;
            }
        }
        pthread_mutex_unlock(&pool->lock);
        for (;;) {
            int fd = accept_connection(pool);
            if (fd < 0)
                break;
            set_idle(pool, false);
            serve_connection(pool, worker, request, fd);
            set_idle(pool, true);
        }
    }
    pthread_mutex_lock(&pool->lock);
    for (unsigned i = 0; i < pool->limit; i++)
        if (worker && pool->workers[i] == worker)
            pool->workers[i] = NULL;
    pool->count--;
    pool->idle--;
    bool is_first = !pool->any_ended;
    pthread_t before = pool->ended_last;
    pool->any_ended = true;
    pool->ended_last = pthread_self();
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    request_free(request);
    free(worker);
    if (!is_first)
        pthread_join(before, NULL);
    return NULL;
}

/* Under pool.lock. */
static bool start_worker(struct pool *pool)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    pthread_t thread;
    bool started = pthread_create(&thread, &attributes, worker_main, pool) == 0;
    pthread_attr_destroy(&attributes);
    if (started) {
        pool->count++;
        pool->idle++;
    } else {
        log_warning("cannot start another thread; %u are running", pool->count);
    }
    return started;
}

static atomic_bool ending;

bool server_is_ending(void)
{
    return atomic_load(&ending);
}

static void stop_accepting(struct pool *pool)
{
    atomic_store(&ending, true);
    atomic_store(&pool->stopping, true);
    if (eventfd_write(pool->stop_event, 1) != 0)
        log_error("cannot wake the threads that wait for connections");
    pthread_mutex_lock(&pool->lock);
    for (unsigned i = 0; i < pool->limit; i++) {
        struct worker *worker = pool->workers[i];
        if (worker && worker->waiting && worker->fcgi.ipcFd >= 0)
            shutdown(worker->fcgi.ipcFd, SHUT_RD);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Whether all threads ended in time. */
static bool wait_for_workers(struct pool *pool)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += SHUTDOWN_GRACE_SECONDS;
    int waited = 0;
    pthread_mutex_lock(&pool->lock);
    while (pool->count && waited == 0)
        waited = pthread_cond_timedwait(&pool->ended, &pool->lock, &deadline);
    bool all = pool->count == 0;
    pthread_mutex_unlock(&pool->lock);
    return all;
}

static void handle_signals(struct pool *pool, const sigset_t *signals)
{
    for (;;) {
        int number = sigwaitinfo(signals, NULL);
        if (number == SIGHUP)
            server_reload(pool->server);
        else if (number > 0)
            return;
    }
}

int fastcgi_run(struct server *server, int listen_socket)
{
    /* Threads inherit the mask: signals reach this thread alone, and only where it waits for them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    struct pool pool = {
        .server = server,
        .listen_socket = listen_socket,
        .stop_event = eventfd(0, EFD_CLOEXEC),
        .limit = server->options.settings.threads ? server->options.settings.threads : 1,
        .accept_lock = PTHREAD_MUTEX_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .ended = PTHREAD_COND_INITIALIZER,
    };
    pool.workers = calloc(pool.limit, sizeof(struct worker *));
    /* Several processes may wait on this socket: whoever comes late must not block in accept. */
    int flags = fcntl(listen_socket, F_GETFL);
    if (flags >= 0)
        fcntl(listen_socket, F_SETFL, flags | O_NONBLOCK);
    if (!pool.workers || pool.stop_event < 0 || FCGX_Init() != 0) {
        log_error("cannot start: out of memory or descriptors");
        free(pool.workers);
        return 1;
    }
    pthread_mutex_lock(&pool.lock);
    bool started = start_worker(&pool);
    pthread_mutex_unlock(&pool.lock);
    if (started)
        handle_signals(&pool, &signals);
    stop_accepting(&pool);
    if (!wait_for_workers(&pool)) {
        log_error("requests were still running after %d s and are broken off", SHUTDOWN_GRACE_SECONDS);
        _exit(1);
    }
    if (pool.any_ended)
        pthread_join(pool.ended_last, NULL);
    close(pool.stop_event);
    free(pool.workers);
    return started ? 0 : 1;
}
