#ifndef TRACKLIGHT_ARTIFACTS_LOCAL_INTERNAL_H
#define TRACKLIGHT_ARTIFACTS_LOCAL_INTERNAL_H

#include "common/artifacts/local.h"
#include "common/artifacts/repository.h"

/* What the files of the local kind share. Descriptors come back as -1 with errno on failure. */

/* openat(2) of a clean path below `directory` that follows no link and never leaves it; "" is the directory.
 * O_CREAT is not for paths of several segments. ELOOP, EXDEV, or ENOTDIR for a folder: a link is in the way.
 */
int open_beneath(struct arena *arena, int directory, struct sv path, int flags);

/* The same, segment by segment: for kernels without openat2. */
int open_beneath_by_steps(struct arena *arena, int directory, struct sv path, int flags);

/* Whether no segment is empty, "." or "..". What opens, makes or removes asks again, whatever callers
 * promise. */
bool local_leads_downwards(struct sv path);

struct local_repository {
    struct repository base;
    const struct repository_settings *settings;
    struct sv directory; /* absolute */
};

/* The root, and a folder below it, of which what is missing is made. */
int local_open_root(struct arena *arena, struct sv directory);
int local_make_folder(struct arena *arena, struct sv directory, struct sv path, bool sync);

/* Splits a clean path into its folder and its last segment. */
void local_split(struct sv path, struct sv *folder, struct sv *name);

/* Whether a segment is one that uploads keep for themselves. */
bool local_is_reserved(struct sv path);

/* Removes uploads that a process left behind when it died; at most once an hour for each folder. */
void local_sweep(int folder);

/* The error for an errno after reading, and after writing or removing. */
enum status local_read_failed(struct repository *repository, struct sv path, int problem);
enum status local_write_failed(struct repository *repository, struct sv path, int problem);

/* The parts of the kind: see struct repository_kind. */
enum status local_stat(struct repository *repository, struct sv path, struct artifact_info *info);
enum status local_open(struct repository *repository, struct sv path, struct artifact_range range,
                       struct artifact_info *info, struct artifact_source **source);
long local_read(struct artifact_source *source, char *bytes, size_t len);
struct sv local_file_name(struct artifact_source *source);
void local_close(struct artifact_source *source);
enum status local_create(struct repository *repository, struct sv path, int64_t size,
                         struct artifact_sink **sink);
enum status local_sink_write(struct artifact_sink *sink, const char *bytes, size_t len);
enum status local_finish(struct artifact_sink *sink);
void local_abandon(struct artifact_sink *sink);
enum status local_remove(struct repository *repository, struct sv path);

#endif
