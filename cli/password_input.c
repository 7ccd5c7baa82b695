#include "cli/password_input.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define VARIABLE  "TRACKLIGHT_PASSWORD"
#define MAX_BYTES 4096

/* Up to the end of the line, byte by byte: what stands behind it is another reader's. */
static bool read_line(struct arena *arena, struct sv *line)
{
    char *bytes = arena_alloc(arena, MAX_BYTES);
    size_t len = 0;
    while (len < MAX_BYTES) {
        ssize_t got = read(STDIN_FILENO, bytes + len, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (got == 0 && len == 0))
            return false;
        if (got == 0 || bytes[len] == '\n')
            break;
        len++;
    }
    if (len > 0 && bytes[len - 1] == '\r')
        len--;
    *line = (struct sv){bytes, len};
    return len < MAX_BYTES;
}

static bool ask(const char *prompt, const char *username, struct arena *arena, struct sv *password)
{
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s for %s: ", prompt, username);
    fflush(stderr);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0)
        return false;
    bool read = read_line(arena, password);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return read;
}

bool password_input(const char *username, struct arena *arena, struct sv *password, struct sv *problem)
{
    struct sv again;
    char *variable = getenv(VARIABLE);
    if (variable) {
        *password = arena_copy(arena, sv_from(variable));
        OPENSSL_cleanse(variable, strlen(variable));
        return true;
    }
    *problem = SV("no password was given");
    if (!isatty(STDIN_FILENO))
        return read_line(arena, password);
    if (!ask("Password", username, arena, password) || !ask("Again, the password", username, arena, &again))
        return false;
    bool same = sv_equal(*password, again);
    OPENSSL_cleanse((char *)again.data, again.len);
    *problem = SV("the two passwords are not the same");
    return same;
}
