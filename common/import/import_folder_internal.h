#ifndef TRACKLIGHT_IMPORT_IMPORT_FOLDER_INTERNAL_H
#define TRACKLIGHT_IMPORT_IMPORT_FOLDER_INTERNAL_H

#include "common/db/foreign.h"
#include "common/import/import_folder.h"

#define FOLDER_NAME_MAX 4096      /* bytes of a path below the root */
#define FOLDER_FILE_MAX 16777216L /* bytes of a file that is read whole */

/* What the files of the file store's import share. A folder is a descriptor and its path, for remarks. */
struct folder {
    struct import *import;
    int fd;
    char path[FOLDER_NAME_MAX];
};

/* Opens a folder in another; links are not followed. False if it is not there. */
bool folder_open(const struct folder *parent, const char *name, struct folder *folder);
void folder_close(struct folder *folder);

/* Calls `take` for each folder, or each file, in a folder, in the order of their names, until one fails. */
enum status folder_each_folder(struct folder *folder,
                               enum status (*take)(struct folder *folder, void *context), void *context);
enum status folder_each_file(struct folder *folder,
                             enum status (*take)(struct folder *folder, const char *name, void *context),
                             void *context);

/* Files below a folder, at any depth: the key is the path from there ("a/b"), and the value what the file
 * says, without the line feed at its end. No folder is no fault. */
enum status folder_each_value(const struct folder *parent, const char *name,
                              enum status (*take)(struct folder *folder, struct sv key, struct sv value,
                                                  void *context),
                              void *context);

/* The last part of the folder's path. */
const char *folder_name(const struct folder *folder);

/* A file's content, in the import's arena. False, with a remark unless it is not there. */
bool folder_read(const struct folder *folder, const char *name, struct sv *text);

/* A YAML file's mapping; the caller owns it. NULL with a remark, or without if there is none. */
struct json_object *folder_yaml(const struct folder *folder, const char *name);

/* A member as a text, whatever it is; absent for null and for what is not there. Valid while the object
 * lives, or in the arena. */
struct sv folder_text(struct arena *arena, struct json_object *object, const char *name);
struct db_value folder_int(struct json_object *object, const char *name);

#define FOLDER_PUT(folder, sql, ...)                                                                \
    foreign_put((folder)->import->from, (sql), DB_VALUES(__VA_ARGS__), DB_VALUE_COUNT(__VA_ARGS__), \
                &(folder)->import->error)

/* An experiment's logged models and traces; the registered models. */
enum status folder_take_logged_models(struct folder *experiment, struct sv experiment_id);
enum status folder_take_traces(struct folder *experiment, struct sv experiment_id);
enum status folder_take_registry(struct folder *root);

#endif
