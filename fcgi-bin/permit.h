#ifndef TRACKLIGHT_FCGI_PERMIT_H
#define TRACKLIGHT_FCGI_PERMIT_H

#include "common/http/request.h"

/* Whether who asks may do what the operation's row needs: the one place where that is enforced, on the input
 * that the handler will see. Administrators may do everything. */

#define PERMISSION_DENIED_TEXT "Permission denied"

/* The stage between input and transaction: refuses what is not allowed expressly. */
enum status permit(void *context, struct request *request, const void *in);

/* Answers 403, and puts the refusal down. FAILED. */
enum status permit_refuse(struct request *request, const char *why);

/* Whether every row says what it needs, and where its input names that. False with a sentence about the first
 * that does not. */
bool permit_check_rows(const struct program *program, struct arena *arena, struct sv *problem);

#endif
