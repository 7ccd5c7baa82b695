#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/import/import_folder_internal.h"
#include "common/import/import_yaml.h"
#include "common/json/json_read.h"

#define MAX_DEPTH 16 /* of keys with slashes */

bool folder_open(const struct folder *parent, const char *name, struct folder *folder)
{
    int len = snprintf(folder->path, sizeof(folder->path), "%s/%s", parent->path, name);
    folder->import = parent->import;
    folder->fd = len > 0 && (size_t)len < sizeof(folder->path)
                     ? openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                     : -1;
    return folder->fd >= 0;
}

void folder_close(struct folder *folder)
{
    close(folder->fd);
}

const char *folder_name(const struct folder *folder)
{
    const char *slash = strrchr(folder->path, '/');
    return slash ? slash + 1 : folder->path;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The names, to be freed one by one and as an array; -1 if the folder cannot be read. */
static int names_of(const struct folder *folder, struct dirent ***names)
{
    int count = scandirat(folder->fd, ".", names, not_hidden, alphasort);
    if (count < 0)
        import_remark(folder->import, "%s cannot be read: %s", folder->path, strerror(errno));
    return count;
}

static mode_t kind_of(const struct folder *folder, const char *name)
{
    struct stat info;
    return fstatat(folder->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_mode & S_IFMT : 0;
}

enum status folder_each_folder(struct folder *folder,
                               enum status (*take)(struct folder *folder, void *context), void *context)
{
    struct dirent **names;
    enum status status = OK;
    int count = names_of(folder, &names);
    for (int i = 0; i < count; i++) {
        struct folder inner;
        if (status == OK && kind_of(folder, names[i]->d_name) == S_IFDIR &&
            folder_open(folder, names[i]->d_name, &inner)) {
            status = take(&inner, context);
            folder_close(&inner);
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return status;
}

enum status folder_each_file(struct folder *folder,
                             enum status (*take)(struct folder *folder, const char *name, void *context),
                             void *context)
{
    struct dirent **names;
    enum status status = OK;
    int count = names_of(folder, &names);
    for (int i = 0; i < count; i++) {
        if (status == OK && kind_of(folder, names[i]->d_name) == S_IFREG)
            status = take(folder, names[i]->d_name, context);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return status;
}

/* --- Values --- */

struct walk {
    enum status (*take)(struct folder *folder, struct sv key, struct sv value, void *context);
    void *context;
    size_t prefix; /* bytes of the paths before the keys */
    unsigned depth;
};

static enum status take_file(struct folder *folder, const char *name, void *context)
{
    struct walk *walk = context;
    struct sv text;
    char path[FOLDER_NAME_MAX + 256];
    if (!folder_read(folder, name, &text))
        return OK;
    if (text.len && text.data[text.len - 1] == '\n')
        text.len--;
    snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    return walk->take(folder, sv_from(path + walk->prefix), text, walk->context);
}

static enum status walk_folder(struct folder *folder, void *context)
{
    struct walk *walk = context;
    if (walk->depth == MAX_DEPTH)
        return OK;
    walk->depth++;
    enum status status = folder_each_file(folder, take_file, walk);
    if (status == OK)
        status = folder_each_folder(folder, walk_folder, walk);
    walk->depth--;
    return status;
}

enum status folder_each_value(const struct folder *parent, const char *name,
                              enum status (*take)(struct folder *folder, struct sv key, struct sv value,
                                                  void *context),
                              void *context)
{
    struct folder folder;
    if (!folder_open(parent, name, &folder))
        return OK;
    struct walk walk = {.take = take, .context = context, .prefix = strlen(folder.path) + 1};
    struct arena_mark mark = arena_mark(parent->import->arena);
    enum status status = walk_folder(&folder, &walk);
    arena_rewind(parent->import->arena, mark);
    folder_close(&folder);
    return status;
}

/* --- Files --- */

static bool read_all(int fd, char *bytes, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t piece = read(fd, bytes + got, size - got);
        if (piece <= 0)
            return false;
        got += (size_t)piece;
    }
    return true;
}

bool folder_read(const struct folder *folder, const char *name, struct sv *text)
{
    struct stat info;
    int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return false;
    bool whole = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= FOLDER_FILE_MAX;
    if (whole) {
        char *bytes = arena_alloc(folder->import->arena, (size_t)info.st_size + 1);
        whole = read_all(fd, bytes, (size_t)info.st_size);
        *text = (struct sv){bytes, (size_t)info.st_size};
    }
    if (!whole)
        import_remark(folder->import, "%s/%s cannot be read, or is larger than %ld bytes.", folder->path,
                      name, FOLDER_FILE_MAX);
    if (fd >= 0)
        close(fd);
    return whole;
}

struct json_object *folder_yaml(const struct folder *folder, const char *name)
{
    struct sv text;
    if (!folder_read(folder, name, &text))
        return NULL;
    struct json_object *object = import_yaml(text);
    if (json_object_is_type(object, json_type_object))
        return object;
    import_remark(folder->import, "%s/%s is not a YAML mapping.", folder->path, name);
    json_object_put(object);
    return NULL;
}

struct sv folder_text(struct arena *arena, struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);
    if (!value)
        return SV_ABSENT;
    if (json_object_is_type(value, json_type_string))
        return json_string_view(value);
    return arena_copy(arena, sv_from(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)));
}

struct db_value folder_int(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);
    return json_object_is_type(value, json_type_int) ? db_int(json_object_get_int64(value)) : db_null();
}
