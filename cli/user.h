#ifndef TRACKLIGHT_CLI_USER_H
#define TRACKLIGHT_CLI_USER_H

#include "cli/command.h"
#include "common/base/config.h"
#include "common/store/auth_settings.h"

/* `tracklight user`: users, their tokens and permissions, in the database itself. */

#define USER_USAGE       "user add|passwd|list|remove|token|grant [OPTIONS]"
#define USER_MAX_OPERAND 5

struct user_call {
    struct arena *arena;
    struct error error;
    struct config config;
    struct store store;
    const char *operands[USER_MAX_OPERAND];
    int operand_count;
    bool admin, no_admin, no_password; /* --admin, --no-admin, --no-password */
    bool list;                         /* --list */
    const char *label, *scope, *programs, *days, *revoke;
};

/* Each returns an exit status. */
int user_add(struct user_call *call);
int user_passwd(struct user_call *call);
int user_list(struct user_call *call);
int user_remove(struct user_call *call);
int user_token(struct user_call *call);
int user_grant(struct user_call *call);

/* Prints the error of a call to the store; returns EXIT_FAILED. */
int user_failed(const struct user_call *call);

/* A transaction of the users' database; NULL on failure, which is printed. */
struct store_tx *user_begin(struct user_call *call, enum db_access access);

/* Commits if `status` is OK, else undoes. OK if all is done; what failed is printed. */
enum status user_end(struct user_call *call, struct store_tx *tx, enum status status);

/* A line in the server's log file, if there is one: what the system's user did to whom. */
void user_audit(const struct user_call *call, const char *action, struct sv target);

/* Whether the number of operands is right; else the usage is shown. */
bool user_operands(const struct user_call *call, int least, int most, const char *names);

struct sv user_time(struct arena *arena, int64_t time_ms); /* local time; "-" for 0 */

#endif
