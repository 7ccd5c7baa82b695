#include "cli/password_input.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define VARIABLE  "TRACKLIGHT_PASSWORD"
#define MAX_BYTES 4096

static volatile sig_atomic_t caught;

static void note_signal(int number)
{
    caught = number;
}

/* Up to the end of the line, byte by byte: what stands behind it is another reader's. */
static bool read_line(struct arena *arena, struct sv *line)
{
    char *bytes = arena_alloc(arena, MAX_BYTES);
    size_t len = 0;
    while (len < MAX_BYTES) {
        ssize_t got = read(STDIN_FILENO, bytes + len, 1);
        if (got < 0 && errno == EINTR && !caught)
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

/* The terminal shows again what is typed, whatever ends the question. */
static bool ask(const char *before, const char *prompt, struct arena *arena, struct sv *value)
{
    struct termios shown, hidden;
    const struct sigaction stop = {.sa_handler = note_signal};
    struct sigaction interrupt, terminate;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    sigaction(SIGINT, &stop, &interrupt);
    sigaction(SIGTERM, &stop, &terminate);
    bool read = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
    if (read) {
        fprintf(stderr, "%s%s: ", before, prompt);
        fflush(stderr);
        read = read_line(arena, value);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputc('\n', stderr);
    }
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &terminate, NULL);
    if (caught)
        raise(caught);
    return read;
}

bool hidden_input(const char *variable, const char *name, const char *prompt, struct arena *arena,
                  struct sv *value, struct sv *problem)
{
    struct sv again;
    char *given = getenv(variable);
    if (given) {
        *value = arena_copy(arena, sv_from(given));
        OPENSSL_cleanse(given, strlen(given));
        return true;
    }
    *problem = arena_printf(arena, "no %s was given", name);
    if (!isatty(STDIN_FILENO))
        return read_line(arena, value);
    if (!ask("", prompt, arena, value) || !ask("Again: ", prompt, arena, &again))
        return false;
    bool same = sv_equal(*value, again);
    OPENSSL_cleanse((char *)again.data, again.len);
    *problem = arena_printf(arena, "the two %ss are not the same", name);
    return same;
}

bool password_input(const char *username, struct arena *arena, struct sv *password, struct sv *problem)
{
    struct sv prompt = arena_printf(arena, "Password for %s", username);
    return hidden_input(VARIABLE, "password", prompt.data, arena, password, problem);
}
