#ifndef TRACKLIGHT_CLI_UI_DIRECTORY_H
#define TRACKLIGHT_CLI_UI_DIRECTORY_H

#include "common/base/config.h"

/* The folder of a built MLflow web page that is served instead of our own page (setting ui_dir). */

/* Whether the setting is good: *path is the folder, absolute and without symbolic links; absent if the
 * setting is not there. False with a sentence about what is wrong. */
bool ui_directory_find(const struct settings *settings, struct arena *arena, struct sv *path,
                       struct sv *problem);

/* Whether the path means nothing but itself in lighttpd's configuration. */
bool is_plain_path(struct sv path);

#endif
