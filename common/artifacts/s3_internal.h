#ifndef TRACKLIGHT_ARTIFACTS_S3_INTERNAL_H
#define TRACKLIGHT_ARTIFACTS_S3_INTERNAL_H

#include "common/artifacts/repository.h"
#include "common/artifacts/s3_settings.h"
#include "common/base/buffer.h"
#include "common/net/http_client.h"
#include "common/net/name_value.h"

#define S3_PAGE_MAX_BYTES  (16L * 1024 * 1024) /* one page of a listing */
#define S3_REPLY_MAX_BYTES (1024 * 1024)       /* any other answer that is not an object */

struct s3_repository {
    struct repository common;
    const struct repository_settings *limits;
    struct s3_settings settings;
    struct sv uri;
    struct sv bucket;
    struct sv prefix;    /* of every key, without slashes at its ends; "" for none */
    struct sv origin;    /* https://host:port */
    struct sv host;      /* for the Host header */
    struct sv base_path; /* percent-encoded, before the key: "", "/bucket", "/endpoint-path/bucket" */
    struct http_client *client;
    bool is_https;
    bool region_corrected;
};

/* Sets origin, host and base_path by the settings. */
void s3_locate(struct s3_repository *s3);

/* One call of the S3 API on a key; the key "" is the bucket itself. */
struct s3_call {
    struct sv method;
    struct sv key;
    const struct name_value *query;
    size_t query_count;
    const struct name_value *headers;
    size_t header_count;
    struct sv body;       /* absent: none */
    bool many_bytes;      /* the body is an object's: over TLS it is not hashed */
    bool is_slow;         /* answered only after much work */
    bool errors_in_ok;    /* an answer 200 may hold an error (CompleteMultipartUpload) */
    size_t reply_ceiling; /* 0: S3_REPLY_MAX_BYTES */
};

/* What came of a call. */
struct s3_answer {
    enum http_outcome outcome;
    struct http_reply reply;
    struct sv body;      /* in the client's scratch: valid until the next call */
    const char *problem; /* why there is no answer; the client's */
    char code[64];       /* S3's error code; "" for success and where it sent none */
    unsigned attempts;   /* how often it was sent */
};

/* Sends a call, again after failures that pass (connection errors, 429, 5xx, SlowDown …), with growing
 * pauses. OK for a 2xx; FAILED without setting an error otherwise. */
enum status s3_send(struct s3_repository *s3, const struct s3_call *call, struct s3_answer *answer);

/* The same for an answer that is then read with http_read on `client`: returns with its head. After a
 * failure nothing is left open. */
enum status s3_begin(struct s3_repository *s3, struct http_client *client, const struct s3_call *call,
                     struct s3_answer *answer);

/* Sets the error that a failed call means. `doing` begins the client's message ("Failed to list artifacts in
 * s3://bucket"), `path` is the artifact concerned. Returns FAILED. */
enum status s3_failed(struct s3_repository *s3, const struct s3_answer *answer, struct sv doing,
                      struct sv path);

/* Whether sending again may help. */
bool s3_is_passing(const struct s3_answer *answer);
/* Waits after failure number `attempt` (from 1), longer if the answer asked for it. */
void s3_pause(const struct http_client *client, unsigned attempt);

bool s3_answered(const struct s3_answer *answer, const char *code);

/* The key of a path, and the same as the beginning of all keys below it ("" or with a slash at its end). */
struct sv s3_key(struct s3_repository *s3, struct sv path);
struct sv s3_key_prefix(struct s3_repository *s3, struct sv path);

/* A URL for somebody else to call, signed if there are credentials. */
struct sv s3_presign(struct s3_repository *s3, struct sv method, struct sv key,
                     const struct name_value *query, size_t query_count, int64_t expires_s);

/* One page of a listing (ListObjectsV2). */
struct s3_page {
    struct sv prefix;
    bool by_folder;  /* with the delimiter "/" */
    int64_t most;    /* 0: as many as the server likes, 1000 at most */
    struct sv token; /* of the page before; absent for the first. Then of the next; absent after the last */
};
typedef enum status s3_key_found(void *context, struct sv key, int64_t size, bool is_folder);

/* Calls `found` for each key, decoded and valid during that call; stops when it fails. */
enum status s3_list_page(struct s3_repository *s3, struct s3_page *page, struct s3_answer *answer,
                         s3_key_found *found, void *context);

/* RESOURCE_DOES_NOT_EXIST, or INVALID_PARAMETER_VALUE if there are keys below the path. */
enum status s3_missing(struct s3_repository *s3, struct sv path);

enum status s3_list(struct repository *repository, struct sv path, struct artifact_entry **entries,
                    size_t *count);
enum status s3_stat(struct repository *repository, struct sv path, struct artifact_info *info);
enum status s3_open(struct repository *repository, struct sv path, struct artifact_range range,
                    struct artifact_info *info, struct artifact_source **source);
long s3_read(struct artifact_source *source, char *bytes, size_t len);
struct sv s3_file_name(struct artifact_source *source);
void s3_close(struct artifact_source *source);
enum status s3_create(struct repository *repository, struct sv path, int64_t size,
                      struct artifact_sink **sink);
enum status s3_write(struct artifact_sink *sink, const char *bytes, size_t len);
enum status s3_finish(struct artifact_sink *sink);
void s3_abandon(struct artifact_sink *sink);
enum status s3_remove(struct repository *repository, struct sv path);
enum status s3_multipart_create(struct repository *repository, struct sv path, int64_t parts,
                                struct sv *upload_id, struct artifact_part_url **urls);
enum status s3_multipart_complete(struct repository *repository, struct sv path, struct sv upload_id,
                                  const struct artifact_part *parts, size_t count);
enum status s3_multipart_abort(struct repository *repository, struct sv path, struct sv upload_id);

/* The steps of a multipart upload, for sinks and for clients. */
enum status s3_upload_create(struct s3_repository *s3, struct sv path, struct s3_answer *answer,
                             struct sv *upload_id);
enum status s3_upload_complete(struct s3_repository *s3, struct sv key, struct sv upload_id,
                               const struct artifact_part *parts, size_t count, struct s3_answer *answer);
enum status s3_upload_abort(struct s3_repository *s3, struct sv key, struct sv upload_id,
                            struct s3_answer *answer);

/* The headers of a new object: media type and encoding by its name, then the extra arguments. */
struct name_value *s3_object_headers(struct s3_repository *s3, struct sv path, size_t *count);

#endif
