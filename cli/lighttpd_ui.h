#ifndef TRACKLIGHT_CLI_LIGHTTPD_UI_H
#define TRACKLIGHT_CLI_LIGHTTPD_UI_H

#include "cli/lighttpd_conf.h"

/* The part of the configuration that serves a built MLflow web page, conf->ui_dir: its index.html at the
 * static prefix, and all of the folder below /static-files/. */
void lighttpd_ui_write(const struct lighttpd_conf *conf, struct buffer *out);

#endif
