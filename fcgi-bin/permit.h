#ifndef TRACKLIGHT_FCGI_PERMIT_H
#define TRACKLIGHT_FCGI_PERMIT_H

#include "common/http/request.h"

/* Whether who asks may do what the operation's row needs. */

#define PERMISSION_DENIED_TEXT "Permission denied"

/* The stage between input and transaction: refuses what is not allowed expressly. */
enum status permit(void *context, struct request *request, const void *in);

/* Answers 403, and puts the refusal down. FAILED. */
enum status permit_refuse(struct request *request, const char *why);

#endif
