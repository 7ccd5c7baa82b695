#include "common/security/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/id.h"

static bool write_key(int fd)
{
    char text[FERNET_KEY_TEXT_LENGTH + 1];
    fernet_key_new(text);
    text[FERNET_KEY_TEXT_LENGTH] = '\n';
    bool written = write(fd, text, sizeof(text)) == (ssize_t)sizeof(text) && fsync(fd) == 0;
    OPENSSL_cleanse(text, sizeof(text));
    return written;
}

static bool sync_directory_of(struct arena *arena, struct sv path)
{
    int fd = open(dirname(arena_cstr(arena, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

/* A whole file appears under the name, or none; who comes second leaves the first one's. */
static bool make_file(struct arena *arena, struct sv path)
{
    struct sv draft = arena_printf(arena, "%.*s.%.*s", SV_ARG(path), SV_ARG(id_new(arena)));
    int fd = open(draft.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool made = write_key(fd) && (link(draft.data, arena_cstr(arena, path)) == 0 || errno == EEXIST);
    int problem = errno;
    close(fd);
    unlink(draft.data);
    errno = problem;
    return made && sync_directory_of(arena, path);
}

static enum status read_key(int fd, struct sv path, struct arena *arena, struct error *error,
                            struct fernet_key *key)
{
    struct stat info;
    char text[256];
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return error_internal(error, arena, "%.*s is not a file", SV_ARG(path));
    if (info.st_mode & 077)
        return error_internal(error, arena, "others may read %.*s: give it mode 0600", SV_ARG(path));
    ssize_t len = read(fd, text, sizeof(text));
    bool good = len > 0 && fernet_key_parse(sv_trim((struct sv){text, (size_t)len}), key);
    OPENSSL_cleanse(text, sizeof(text));
    return good ? OK : error_internal(error, arena, "%.*s does not hold a key", SV_ARG(path));
}

enum status key_file_load(struct sv text, struct sv path, struct arena *arena, struct error *error,
                          struct fernet_key *key)
{
    if (text.len) {
        if (fernet_key_parse(text, key))
            return OK;
        return error_internal(error, arena,
                              "the configured key is not 32 bytes in URL-safe base64 (44 characters)");
    }
    const char *name = arena_cstr(arena, path);
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make_file(arena, path))
        fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_internal(error, arena, "the key file %s cannot be opened or made: %s", name,
                              strerror(errno));
    enum status status = read_key(fd, path, arena, error, key);
    close(fd);
    return status;
}
