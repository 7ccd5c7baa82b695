#ifndef TRACKLIGHT_ARTIFACTS_LOCAL_H
#define TRACKLIGHT_ARTIFACTS_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"

/* Artifacts in a folder of this machine. Nothing below the root follows a symbolic link, whoever made it:
 * paths are resolved by openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, or segment by segment where
 * the kernel does not have it. */

struct local_root {
    struct sv directory; /* absolute; may itself be reached through links, and need not exist */
    struct sv prefix;    /* a clean path below it that every path is taken from; "" for none */
};

struct local_file {
    struct sv name; /* without its folder */
    bool is_dir;
    int64_t size; /* bytes; 0 for a folder */
};

/* Names that begin so are uploads under way; they are never listed. */
#define LOCAL_TEMPORARY_PREFIX ".artifact.uploading."

/* Most entries of one folder. */
#define LOCAL_LIST_MAX 1000000

/* The files and folders of a folder, in byte order of their names; links and special files are left out.
 * `path` is clean (artifact_path_check). A folder that does not exist, or is a file, has none. */
enum status local_list(struct arena *arena, struct error *error, const struct local_root *root,
                       struct sv path, struct local_file **files, size_t *count);

/* Writes a small file: whole or not at all, durable when OK. Folders are made as needed, the root too. */
enum status local_write(struct arena *arena, struct error *error, const struct local_root *root,
                        struct sv path, struct sv bytes);

#endif
