#ifndef TRACKLIGHT_CLI_LIGHTTPD_CONF_H
#define TRACKLIGHT_CLI_LIGHTTPD_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/routes.h"
#include "common/base/buffer.h"

/* The configuration that lighttpd runs with inside the run directory, its working directory:
 *   NAME.sock   where the program NAME listens
 *   htdocs      the document root, laid out below the static prefix
 *   upload/     request bodies that have to be kept on disk
 *   log         the log file, if there is one (a symbolic link) */
struct lighttpd_conf {
    const char *const *programs; /* "tracking", …: names without .fcgi; 0 gets what no rule names */
    size_t program_count;
    const struct route_rule *rules;
    size_t rule_count;
    struct sv static_prefix; /* letters, digits and /._~- only */
    const char
        *sendfile_program; /* whose X-Sendfile headers are heard, for files below sendfile_root; NULL: none */
    struct sv sendfile_root; /* absolute; without characters that mean something in a quoted string */
    bool has_htdocs;
    struct sv ui_dir; /* absent: none. A built MLflow web page, served instead of htdocs; as sendfile_root */
    bool has_log;
    bool stamped;            /* the pages carry the security headers, as the programs' replies do */
    struct sv frame_options; /* X-Frame-Options of the pages: letters only; "": none */
    unsigned max_descriptors;
    unsigned max_connections;
};

void lighttpd_conf_write(const struct lighttpd_conf *conf, struct buffer *out);

#endif
