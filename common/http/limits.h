#ifndef TRACKLIGHT_HTTP_LIMITS_H
#define TRACKLIGHT_HTTP_LIMITS_H

/* What one request may cost. */
#define HEADER_LIMIT_BYTES     (64 * 1024) /* all CGI variables together; 431 */
#define QUERY_LIMIT_BYTES      (32 * 1024) /* 414 */
#define PATH_LIMIT_BYTES       (8 * 1024)  /* 414 */
#define PATH_LIMIT_SEGMENTS    64
#define BODY_LIMIT_DEFAULT     (64L * 1024 * 1024) /* 413 */
#define UNREAD_BODY_LIMIT      (1024 * 1024)       /* of a refused request: taken in before the reply */
#define BODY_TIMEOUT_SECONDS   30                  /* between two reads of a body; 408 */
#define SEND_TIMEOUT_SECONDS   60                  /* between two writes of a reply */
#define SHUTDOWN_GRACE_SECONDS 30
#define LISTEN_BACKLOG         1024
#define REQUEST_MEMORY_LIMIT   (1024UL * 1024 * 1024) /* arena of one request */
#define REPLY_LIMIT_BYTES      (1024UL * 1024 * 1024) /* a buffered reply */
#define REPLY_DRAIN_BYTES      (256 * 1024) /* a streamed reply is sent in pieces of at least this */
#define ERROR_VALUE_LIMIT      1000         /* bytes of a client's value that a message repeats */

#endif
