#include "common/net/curl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "common/base/log.h"

#define CURL_FILE "libcurl.so.4"

struct curl_library curl;

static bool loaded;

/* A pointer to a function, out of dlsym's pointer to an object (POSIX says that they are alike). */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    if (!symbol) {
        log_error("%s lacks %s: a newer libcurl is needed", CURL_FILE, name);
        return false;
    }
    memcpy(function, &symbol, sizeof(symbol));
    return true;
}

static void load(void)
{
    void *library = dlopen(CURL_FILE, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        log_error("libcurl cannot be loaded: %s", dlerror());
        return;
    }
#define CURL_FIND(name)                            \
    if (!find(library, "curl_" #name, &curl.name)) \
        return;
    CURL_FUNCTIONS(CURL_FIND)
#undef CURL_FIND
    loaded = curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!loaded)
        log_error("libcurl does not start");
}

bool curl_library_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded;
}
