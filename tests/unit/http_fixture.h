#ifndef TRACKLIGHT_TESTS_HTTP_FIXTURE_H
#define TRACKLIGHT_TESTS_HTTP_FIXTURE_H

#include "common/http/server.h"

/* A small program whose handlers misbehave in the ways that the request loop must survive:
 *
 *   POST /api/2.0/echo        {"text": R}; answers {"text": …}; a WRITE
 *   GET  /api/2.0/fail        ?code= fails with that error code
 *   GET  /api/2.0/fail-detail the same, told as {"detail": …}
 *   GET  /api/2.0/eat-memory  allocates until the arena's ceiling
 *   GET  /api/2.0/stream      ?pages= drains that many pages
 *   GET  /api/2.0/silent      returns OK without a reply
 *   GET  /health              text/html OK, never_artifacts_only
 */
extern const struct program fixture_program;

/* What the transaction hooks saw, as text: b(egin), c(ommit), r(ollback). */
extern char fixture_transactions[64];

/* Whether commits fail, and how many succeed before that. */
extern bool fixture_commit_fails;
extern unsigned fixture_good_commits;

/* A server over that program, with the default security rules unless changed. */
struct server *fixture_server(const char *static_prefix, bool artifacts_only);

#endif
