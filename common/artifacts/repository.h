#ifndef TRACKLIGHT_ARTIFACTS_REPOSITORY_H
#define TRACKLIGHT_ARTIFACTS_REPOSITORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"

/* A place that holds artifacts: a folder of this machine, or a prefix of an S3 bucket. All paths are clean
 * (artifact_path_check); "" is the root. Errors are MLflow's: RESOURCE_DOES_NOT_EXIST "No such artifact:
 * '<path>'", INVALID_PARAMETER_VALUE for a path that is a directory, PERMISSION_DENIED, UNAUTHENTICATED,
 * INSUFFICIENT_STORAGE, TEMPORARILY_UNAVAILABLE. A repository and its streams belong to one thread and one
 * request: they live in its arena, and what they hold besides memory (descriptors, connections) is released
 * by the _close, _finish and _abandon calls. */
struct repository;

struct artifact_entry {
    struct sv name; /* of the entry alone */
    bool is_dir;
    int64_t size; /* bytes; 0 for a directory */
};

struct artifact_info {
    int64_t size;       /* bytes of the whole artifact */
    int64_t modified_s; /* seconds since 1970 UTC */
    struct sv etag;     /* without quotes: changes whenever the content does */
};

/* Bytes [from, to] of an artifact; the whole is from 0, to -1. */
struct artifact_range {
    int64_t from;
    int64_t to;
};

struct artifact_source; /* an artifact being read */
struct artifact_sink;   /* an artifact being written */

struct artifact_part {
    int64_t number;
    struct sv etag;
    struct sv url;
};

struct artifact_part_url {
    struct sv url;
    int64_t number;
};

struct repository_kind {
    /* Direct children, in byte order of their names. A directory that does not exist, or is a file, has none.
     */
    enum status (*list)(struct repository *repository, struct sv path, struct artifact_entry **entries,
                        size_t *count);

    /* What an artifact is, without its content. */
    enum status (*stat)(struct repository *repository, struct sv path, struct artifact_info *info);

    /* `info` is filled before a byte is read. A range beyond the end is the caller's business: check info of
     * stat first. */
    enum status (*open)(struct repository *repository, struct sv path, struct artifact_range range,
                        struct artifact_info *info, struct artifact_source **source);
    /* Up to `len` bytes; 0 at the end, -1 on failure (the repository's error is set). */
    long (*read)(struct artifact_source *source, char *bytes, size_t len);
    /* The file's name for X-Sendfile, absolute; absent where there is none. */
    struct sv (*file_name)(struct artifact_source *source);
    void (*close)(struct artifact_source *source);

    /* A new artifact, invisible until finish, which replaces what was there at once. `size` is -1 if not
     * known. Whatever happens before finish, abandon leaves nothing behind. Exactly one of the two ends the
     * sink. */
    enum status (*create)(struct repository *repository, struct sv path, int64_t size,
                          struct artifact_sink **sink);
    enum status (*write)(struct artifact_sink *sink, const char *bytes, size_t len);
    enum status (*finish)(struct artifact_sink *sink);
    void (*abandon)(struct artifact_sink *sink);

    /* A file, or a directory with all below it; nothing there is no error. */
    enum status (*remove)(struct repository *repository, struct sv path);

    /* Multipart uploads by the client itself; NULL where the place has none. */
    enum status (*multipart_create)(struct repository *repository, struct sv path, int64_t parts,
                                    struct sv *upload_id, struct artifact_part_url **urls);
    enum status (*multipart_complete)(struct repository *repository, struct sv path, struct sv upload_id,
                                      const struct artifact_part *parts, size_t count);
    enum status (*multipart_abort)(struct repository *repository, struct sv path, struct sv upload_id);

    /* Gives back what the repository itself holds. */
    void (*end)(struct repository *repository);
};

/* The common head of each kind's own struct. */
struct repository {
    const struct repository_kind *kind;
    struct arena *arena;
    struct error *error;
};

/* Settings of repositories, from the settings table and the AWS_* and MLFLOW_S3_* environment, read once at
 * start. */
struct repository_settings {
    bool sync;                /* fsync before an upload counts as finished */
    int64_t size_limit;       /* bytes of one artifact; 0: none. Beyond it: PAYLOAD_TOO_LARGE */
    int64_t free_space_limit; /* bytes that stay free; less: INSUFFICIENT_STORAGE */
};

/* Opens the repository of a root URI (file:, a plain path, s3://bucket/prefix). Other schemes:
 * INVALID_PARAMETER_VALUE naming the known ones. Opening is cheap: nothing is asked of the network. */
enum status repository_open(const struct repository_settings *settings, struct arena *arena,
                            struct error *error, struct sv uri, struct repository **repository);

/* repository_open for the local kind and the S3 kind. */
enum status repository_open_local(const struct repository_settings *settings, struct arena *arena,
                                  struct error *error, struct sv directory, struct repository **repository);
enum status repository_open_s3(const struct repository_settings *settings, struct arena *arena,
                               struct error *error, struct sv uri, struct repository **repository);

#endif
