#ifndef TRACKLIGHT_NET_AWS_CREDENTIALS_INTERNAL_H
#define TRACKLIGHT_NET_AWS_CREDENTIALS_INTERNAL_H

#include "common/net/aws_credentials.h"

/* A file's content; absent if it cannot be read. */
struct sv aws_file_content(struct arena *arena, struct sv path);

/* The content of a shared file: the one that the variable names, or ~/.aws/<name>. */
struct sv aws_profile_file(struct arena *arena, const char *variable, const char *name);
struct sv aws_profile_name(void);
struct sv aws_config_section(struct arena *arena);

/* Credentials from a service of the platform that the environment names, kept until shortly before they
 * expire. FAILED, without an error, if there are none. */
enum status aws_service_credentials(struct arena *arena, struct sv region,
                                    struct sigv4_credentials *credentials);

#endif
