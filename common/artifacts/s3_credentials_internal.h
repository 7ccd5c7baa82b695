#ifndef TRACKLIGHT_ARTIFACTS_S3_CREDENTIALS_INTERNAL_H
#define TRACKLIGHT_ARTIFACTS_S3_CREDENTIALS_INTERNAL_H

#include "common/artifacts/s3_credentials.h"

/* A file's content; absent if it cannot be read. */
struct sv s3_file_content(struct arena *arena, struct sv path);

/* The content of a shared file: the one that the variable names, or ~/.aws/<name>. */
struct sv s3_profile_file(struct arena *arena, const char *variable, const char *name);
struct sv s3_profile_name(void);
struct sv s3_config_section(struct arena *arena);

/* Credentials from a service of the platform that the environment names, kept until shortly before they
 * expire. FAILED, without an error, if there are none. */
enum status s3_service_credentials(struct arena *arena, struct sv region,
                                   struct sigv4_credentials *credentials);

#endif
