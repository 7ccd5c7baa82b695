#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/uri.h"
#include "common/base/utf8.h"
#include "common/search/languages.h"
#include "common/search/parser.h"
#include "common/store/experiments.h"
#include "common/store/model_source.h"
#include "common/store/registered_models.h"
#include "common/store/runs.h"

/* What the registry reads. The first byte chooses: a filter or an order of models or versions, or the source
 * of a version. A source that is accepted must not lead out of where it may lie. */

#define MEMORY    (64 * 1024 * 1024)
#define ARTIFACTS "/art/e"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct store store;
static struct store_tx *tx;
static struct sv run_id;

static void check(int holds)
{
    if (!holds)
        abort();
}

/* A database that is only in memory in the end: its files are unlinked. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static struct error error;
    struct arena *arena = arena_new(MEMORY);
    char folder[] = "/tmp/tracklight-fuzz-XXXXXX";
    check(mkdtemp(folder) != NULL);
    log_init("fuzz", LOG_LEVEL_ERROR);
    struct db_options options = {.path = arena_printf(arena, "%s/t.db", folder),
                                 .durability = DB_DURABILITY_NORMAL,
                                 .write_timeout_ms = 1000,
                                 .read_timeout_ms = 1000,
                                 .create = true};
    struct store_settings settings = {.artifact_root = SV("mlflow-artifacts:/"),
                                      .artifact_location_limit = 2048,
                                      .working_directory = SV("/cwd")};
    check(store_open(&store, &options, &settings, arena, &error) == OK);
    tx = store_begin(&store, DB_WRITE, arena, &error);
    int64_t experiment = 0, run = 0;
    struct run_info info;
    check(tx && experiment_create(tx, SV("e"), SV(ARTIFACTS), NULL, 0, &experiment) == OK);
    struct run_create create = {.experiment_id = experiment, .start_time = 1};
    check(run_create(tx, &create, &run) == OK && run_info_load(tx, run, &info) == OK);
    run_id = info.run_id;
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        unlink(arena_printf(arena, "%s/t.db%s", folder, suffixes[i]).data);
    rmdir(folder);
    return 0;
}

static void read_filter(const struct search_language *language, struct sv text)
{
    struct search_filter filter;
    if (search_parse_filter(tx->arena, tx->error, language, text, &filter) != OK) {
        check(tx->error->code == INVALID_PARAMETER_VALUE && tx->error->message.len);
        return;
    }
    for (size_t i = 0; i < filter.count; i++) {
        const struct search_clause *clause = &filter.clauses[i];
        unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
        check(clause->op < SEARCH_OPERATORS && (operators & SEARCH_BIT(clause->op)));
        check((clause->op == SEARCH_IN) == (clause->item_count > 0));
        check(utf8_valid(clause->key) && utf8_valid(clause->text));
    }
}

static void read_order(const struct search_language *language, struct sv text)
{
    struct search_order_by order_by;
    if (search_parse_order_by(tx->arena, tx->error, language, &text, 1, &order_by) == OK)
        check(order_by.count == 1 && order_by.items[0].fixed);
    else
        check(tx->error->code == INVALID_PARAMETER_VALUE && tx->error->message.len);
}

static bool has_parent_piece(struct sv path)
{
    while (path.data)
        if (sv_equal(sv_cut(&path, '/'), SV("..")))
            return true;
    return false;
}

static void read_source(struct sv text, bool is_prompt)
{
    static const struct key_value prompt = {{PROMPT_TAG, sizeof(PROMPT_TAG) - 1}, {"true", 4}};
    if (!text.len || !utf8_valid(text))
        return;
    struct model_version_create create = {
        .name = SV("m"), .source = text, .run_id = run_id, .tags = &prompt, .tag_count = is_prompt};
    if (model_source_check(tx, &create) != OK) {
        check(tx->error->code == INVALID_PARAMETER_VALUE && tx->error->message.len);
        return;
    }
    struct sv scheme = uri_scheme(text), path = text;
    bool is_file = scheme.data && sv_equal_ignoring_case(scheme, SV("file"));
    if (scheme.data && !is_file) {
        check(!has_parent_piece(text) && !has_parent_piece(uri_decode_leniently(tx->arena, text)));
        return;
    }
    if (is_prompt) {
        check(sv_find(text, '/') == text.len && text.data[0] != '.' && !is_file);
        return;
    }
    if (is_file) {
        path = sv_from_offset(text, scheme.len + 1);
        if (sv_starts_with(path, SV("//")))
            path = sv_from_offset(path, 2 + sv_find(sv_from_offset(path, 2), '/'));
        path = uri_decode_leniently(tx->arena, path);
    }
    check(sv_find(path, '?') == path.len);
    struct sv root = arena_printf(tx->arena, ARTIFACTS "/%.*s/artifacts", SV_ARG(run_id));
    path = path_absolute(tx->arena, SV("/cwd"), path);
    check(sv_equal(path, root) || sv_starts_with(path, arena_printf(tx->arena, "%.*s/", SV_ARG(root))));
}

/* "$" stands for the run's artifact directory, whose name no input could guess. */
static struct sv with_root(struct sv text)
{
    size_t at = sv_find(text, '$');
    if (at == text.len)
        return text;
    return arena_printf(tx->arena, "%.*s" ARTIFACTS "/%.*s/artifacts%.*s", SV_ARG(sv_first(text, at)),
                        SV_ARG(run_id), SV_ARG(sv_from_offset(text, at + 1)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct arena_mark mark = arena_mark(tx->arena);
    struct sv text = {(const char *)data + 1, size - 1};
    const struct search_language *language = data[0] & 1 ? &model_language : &model_version_language;
    switch (data[0] / 2 % 3) {
    case 0:
        read_filter(language, text);
        break;
    case 1:
        read_order(language, text);
        break;
    default:
        read_source(with_root(text), data[0] & 1);
        break;
    }
    error_clear(tx->error);
    arena_rewind(tx->arena, mark);
    return 0;
}
