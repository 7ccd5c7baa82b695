#include <pthread.h>

#include "common/net/http_client.h"

static pthread_key_t thread_key;
static _Thread_local struct http_client *thread_clients[HTTP_USES];

static void free_thread_clients(void *clients)
{
    struct http_client **of_thread = clients;
    for (int use = 0; use < HTTP_USES; use++) {
        http_client_free(of_thread[use]);
        of_thread[use] = NULL;
    }
}

static void make_thread_key(void)
{
    pthread_key_create(&thread_key, free_thread_clients);
}

struct http_client *http_client_of_thread(enum http_use use)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_thread_key);
    if (!thread_clients[use]) {
        thread_clients[use] = http_client_new();
        pthread_setspecific(thread_key, thread_clients);
    }
    return thread_clients[use];
}
