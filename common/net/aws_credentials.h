#ifndef TRACKLIGHT_NET_AWS_CREDENTIALS_H
#define TRACKLIGHT_NET_AWS_CREDENTIALS_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/net/sigv4.h"

/* Where the AWS SDKs look for credentials, in their order: AWS_ACCESS_KEY_ID and its fellows; a web identity
 * token (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN); the profile AWS_PROFILE of the shared credentials and
 * config files; a container's service (AWS_CONTAINER_CREDENTIALS_*); EC2's instance metadata (IMDSv2).
 * Profiles that ask for a role, SSO or a program are not supported; the error says so.
 *
 * Asking a service blocks, for 20 seconds at most; what it gave is kept, for all threads, until shortly
 * before it expires, and what could not be had is not asked for again for 15 seconds. Uses the thread's
 * HTTP_FOR_CALLS client, which must have no exchange open. */
enum status aws_credentials_find(struct arena *arena, struct error *error, struct sv region,
                                 struct sigv4_credentials *credentials);

/* A key of the current profile in AWS_CONFIG_FILE (default ~/.aws/config); absent if there is none. */
struct sv aws_config_value(struct arena *arena, struct sv key);

/* Keys of one section of AWS's shared credentials and config files; absent if not there. `text` is the
 * file's content, `section` the name between the brackets. */
struct sv aws_profile_value(struct sv text, struct sv section, struct sv key);

/* Forgets what services gave, so that the next call asks again. */
void aws_credentials_forget(void);

#endif
