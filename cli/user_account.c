#include <openssl/crypto.h>
#include <stdio.h>

#include "cli/password_input.h"
#include "cli/user.h"
#include "common/security/password.h"
#include "common/store/users.h"

/* Reads a password and hashes it. */
static int take_password(struct user_call *call, const char *name, struct sv *hash)
{
    struct sv password = SV_ABSENT, problem = SV_ABSENT;
    if (!password_input(name, call->arena, &password, &problem))
        return command_error("%.*s.", SV_ARG(problem));
    enum status checked = password_check(call->arena, &call->error, sv_from(name), password);
    if (checked == OK)
        *hash = password_hash(call->arena, password);
    OPENSSL_cleanse((char *)password.data, password.len);
    if (checked != OK)
        return user_failed(call);
    return hash->data ? EXIT_OK : command_error("there is no memory to hash the password.");
}

int user_add(struct user_call *call)
{
    struct sv hash = SV_ABSENT;
    int64_t id;
    if (!user_operands(call, 1, 1, "the NAME of the user"))
        return EXIT_USAGE;
    struct sv name = sv_from(call->operands[0]);
    if (username_check(call->arena, &call->error, name) != OK)
        return user_failed(call);
    int status = call->no_password ? EXIT_OK : take_password(call, name.data, &hash);
    struct store_tx *tx = status == EXIT_OK ? user_begin(call, DB_WRITE) : NULL;
    if (!tx || user_end(call, tx, user_create(tx, name, hash, call->admin, &id)) != OK)
        return EXIT_FAILED;
    user_audit(call, "createUser", name);
    printf("%s %.*s is made.\n", call->admin ? "The administrator" : "The user", SV_ARG(name));
    return EXIT_OK;
}

int user_passwd(struct user_call *call)
{
    struct sv hash = SV_ABSENT;
    struct user user;
    if (!user_operands(call, 1, 1, "the NAME of the user"))
        return EXIT_USAGE;
    struct sv name = sv_from(call->operands[0]);
    struct store_tx *tx = user_begin(call, DB_READ);
    if (!tx || user_end(call, tx, user_load(tx, name, &user)) != OK ||
        take_password(call, name.data, &hash) != EXIT_OK)
        return EXIT_FAILED;
    tx = user_begin(call, DB_WRITE);
    if (!tx || user_end(call, tx, user_set_password(tx, name, hash)) != OK)
        return EXIT_FAILED;
    user_audit(call, "updateUserPassword", name);
    printf("The password of %.*s is changed.\n", SV_ARG(name));
    return EXIT_OK;
}

int user_list(struct user_call *call)
{
    const struct user *users = NULL;
    size_t count = 0;
    if (!user_operands(call, 0, 0, "no arguments"))
        return EXIT_USAGE;
    struct store_tx *tx = user_begin(call, DB_READ);
    if (!tx || user_end(call, tx, users_list(tx, &users, &count)) != OK)
        return EXIT_FAILED;
    for (size_t i = 0; i < count; i++)
        printf("%lld\t%.*s\t%s\t%s\t%.*s\n", (long long)users[i].id, SV_ARG(users[i].username),
               users[i].is_admin ? "admin" : "user", users[i].password_hash.data ? "password" : "no password",
               SV_ARG(user_time(call->arena, users[i].creation_time)));
    if (count == 0)
        notice("There are no users. Make an administrator: tracklight user add --admin NAME");
    return EXIT_OK;
}

int user_remove(struct user_call *call)
{
    if (!user_operands(call, 1, 1, "the NAME of the user"))
        return EXIT_USAGE;
    struct sv name = sv_from(call->operands[0]);
    struct store_tx *tx = user_begin(call, DB_WRITE);
    if (!tx || user_end(call, tx, user_delete(tx, name)) != OK)
        return EXIT_FAILED;
    user_audit(call, "deleteUser", name);
    printf("The user %.*s is deleted.\n", SV_ARG(name));
    return EXIT_OK;
}
