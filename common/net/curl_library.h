#ifndef TRACKLIGHT_NET_CURL_LIBRARY_H
#define TRACKLIGHT_NET_CURL_LIBRARY_H

#include <curl/curl.h>
#include <stdbool.h>

/* libcurl, loaded when the first call to another server is made: with the thirty libraries that it needs it
 * would take more memory in every process than Tracklight itself, and most processes never call anybody. */

#define CURL_FUNCTIONS(X)  \
    X(global_init)         \
    X(getdate)             \
    X(free)                \
    X(slist_append)        \
    X(slist_free_all)      \
    X(easy_init)           \
    X(easy_reset)          \
    X(easy_setopt)         \
    X(easy_getinfo)        \
    X(easy_pause)          \
    X(easy_strerror)       \
    X(easy_cleanup)        \
    X(multi_init)          \
    X(multi_setopt)        \
    X(multi_add_handle)    \
    X(multi_perform)       \
    X(multi_poll)          \
    X(multi_info_read)     \
    X(multi_remove_handle) \
    X(multi_strerror)      \
    X(multi_cleanup)       \
    X(url)                 \
    X(url_set)             \
    X(url_get)             \
    X(url_cleanup)

/* curl.easy_init is curl_easy_init, and so on. */
struct curl_library {
#define CURL_MEMBER(name) __typeof__(&curl_##name) name;
    CURL_FUNCTIONS(CURL_MEMBER)
#undef CURL_MEMBER
};

/* Filled by curl_library_load; not to be called before. */
extern struct curl_library curl;

/* Loads and initialises libcurl, once for all threads. False, with a line in the log, if it is not there or
 * too old. */
bool curl_library_load(void);

#endif
