#ifndef TRACKLIGHT_ARTIFACTS_S3_SETTINGS_H
#define TRACKLIGHT_ARTIFACTS_S3_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/net/name_value.h"
#include "common/net/sigv4.h"

/* How S3 is reached: the environment variables that MLflow and the AWS SDKs read, and AWS's shared files. */

enum s3_addressing { S3_ADDRESSING_AUTO, S3_ADDRESSING_PATH, S3_ADDRESSING_VIRTUAL };

struct s3_settings {
    struct sv endpoint; /* without a slash at its end; absent: AWS's own, by region */
    struct sv region;
    enum s3_addressing addressing;
    bool is_anonymous; /* nothing is signed */
    struct sigv4_credentials credentials;
    struct sv bucket_owner;                  /* absent: any */
    struct sv ca_file;                       /* absent: the system's */
    bool trust_anybody;                      /* MLFLOW_S3_IGNORE_TLS */
    const struct name_value *object_headers; /* of new objects */
    size_t object_header_count;
    int64_t connect_ms;
    int64_t idle_ms;
    int64_t slow_ms; /* for calls that are answered after much work */
    unsigned attempts;
};

/* Reads them anew; files and, where credentials come from a service, a request of the network are part of
 * that (what a service gave is kept until shortly before it expires). A setting that makes no sense, or no
 * credentials at all: an internal error whose detail names it. */
enum status s3_settings_read(struct s3_settings *settings, struct arena *arena, struct error *error);

/* The headers that boto3's ExtraArgs, as a JSON object, mean. False with a sentence in *problem. */
bool s3_extra_headers(struct arena *arena, struct sv json, struct name_value **headers, size_t *count,
                      struct sv *problem);

#endif
