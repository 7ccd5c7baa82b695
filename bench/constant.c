#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* The yardstick: a libfcgi program that reads the body and answers a constant, as many threads as asked for
 * (argument 1, default 64), on the listening socket that is descriptor 0. */

static void *answer(void *context)
{
    (void)context;
    FCGX_Request request;
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        char body[4096];
        while (FCGX_GetStr(body, sizeof(body), request.in) > 0)
            continue;
        static const char reply[] =
            "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        FCGX_PutStr(reply, sizeof(reply) - 1, request.out);
        FCGX_Finish_r(&request);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? strtol(argv[1], NULL, 10) : 64;
    if (FCGX_Init() != 0 || threads < 1 || threads > 1024)
        return 1;
    for (long i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, answer, NULL) == 0)
            pthread_detach(thread);
    }
    answer(NULL);
    return 0;
}
