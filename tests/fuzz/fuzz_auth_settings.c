/* Input: a file for MLFLOW_AUTH_CONFIG_PATH. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/ini.h"
#include "common/store/auth_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *text)
{
    if (condition)
        return;
    fprintf(stderr, "violated: %s\n", text);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(1 << 24);
    struct sv text = {(const char *)data, size}, problem = SV_ABSENT, why = SV_ABSENT;
    struct auth_settings auth = {.default_permission = PERMISSION_READ};
    const struct ini_entry *entries = NULL;
    size_t count = 0;
    bool read = ini_parse(arena, text, &entries, &count, &why);
    bool parsed = auth_settings_parse(SV("f"), text, arena, &auth, &problem);
    require(read || (!parsed && why.len), "a file that is refused has a problem");
    require(parsed || problem.len, "settings that are refused have a problem");
    for (size_t i = 0; read && i < count; i++) {
        require(entries[i].section.len && entries[i].key.len, "every entry has a section and a key");
        require(sv_find(entries[i].value, '\n') == entries[i].value.len, "a value has one line");
    }
    require(auth.default_permission >= PERMISSION_NONE && auth.default_permission <= PERMISSION_MANAGE,
            "the default is a level");
    arena_free(arena);
    return 0;
}
