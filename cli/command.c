#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int usage_error(const char *usage, const char *format, ...)
{
    fprintf(stderr, "Usage: tracklight %s\n\nError: ", usage);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

int command_error(const char *format, ...)
{
    fputs("Error: ", stderr);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

void notice(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int take_option(int argc, char **argv, int *index, const char *name, const char **value)
{
    const char *argument = argv[*index];
    size_t len = strlen(name);
    if (strncmp(argument, name, len) != 0)
        return 0;
    if (argument[len] == '=') {
        *value = argument + len + 1;
        return 1;
    }
    if (argument[len] != '\0')
        return 0;
    if (*index + 1 >= argc)
        return -1;
    *value = argv[++*index];
    return 1;
}
