#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/net/aws_credentials_internal.h"

#define FILE_MAX_BYTES (1024 * 1024)

/* --- The files --- */

struct sv aws_file_content(struct arena *arena, struct sv path)
{
    int file = open(arena_cstr(arena, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return SV_ABSENT;
    size_t size = 4096, len = 0;
    char *text = arena_alloc(arena, size);
    for (;;) {
        ssize_t got = read(file, text + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || len + (size_t)got >= FILE_MAX_BYTES)
            break;
        len += (size_t)got;
        if (len == size) {
            char *larger = arena_alloc(arena, 2 * size);
            memcpy(larger, text, len);
            text = larger;
            size *= 2;
        }
    }
    close(file);
    return (struct sv){text, len};
}

/* The file that the variable names, or ~/.aws/<name>. */
struct sv aws_profile_file(struct arena *arena, const char *variable, const char *name)
{
    const char *path = getenv(variable), *home = getenv("HOME");
    if (path && *path && *path != '~')
        return aws_file_content(arena, sv_from(path));
    if (!home || !*home)
        return SV_ABSENT;
    if (path && *path)
        return aws_file_content(arena, arena_printf(arena, "%s%s", home, path + 1));
    return aws_file_content(arena, arena_printf(arena, "%s/.aws/%s", home, name));
}

struct sv aws_profile_name(void)
{
    static const char *const names[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *name = getenv(names[i]);
        if (name && *name)
            return sv_from(name);
    }
    return SV("default");
}

/* --- Their form: "[section]" and "key = value" lines; "#" and ";" begin comments; indented lines belong to a
 * nested setting --- */

static bool is_section(struct sv line, struct sv section)
{
    size_t end = sv_find(line, ']');
    if (end == line.len)
        return false;
    struct sv name = sv_trim(sv_first(sv_from_offset(line, 1), end - 1));
    return sv_equal(name, section);
}

struct sv aws_profile_value(struct sv text, struct sv section, struct sv key)
{
    bool inside = false;
    struct sv rest = text, found = SV_ABSENT;
    while (rest.data) {
        struct sv line = sv_cut(&rest, '\n');
        if (line.len == 0 || strchr("#; \t\r", line.data[0]))
            continue;
        if (line.data[0] == '[') {
            inside = is_section(line, section);
            continue;
        }
        size_t equals = sv_find(line, '=');
        if (inside && equals < line.len && sv_equal_ignoring_case(sv_trim(sv_first(line, equals)), key))
            found = sv_trim(sv_from_offset(line, equals + 1));
    }
    return found.len ? found : SV_ABSENT;
}

struct sv aws_config_section(struct arena *arena)
{
    struct sv name = aws_profile_name();
    return sv_equal(name, SV("default")) ? name : arena_printf(arena, "profile %.*s", SV_ARG(name));
}

struct sv aws_config_value(struct arena *arena, struct sv key)
{
    struct sv text = aws_profile_file(arena, "AWS_CONFIG_FILE", "config");
    return text.data ? aws_profile_value(text, aws_config_section(arena), key) : SV_ABSENT;
}
