/* A URL that passes has nothing of the own network in it; a token that opens was made with the key; spacing a
 * body out does not change what it says. */

#include <stdint.h>
#include <stdlib.h>

#include "common/json/json_read.h"
#include "common/security/fernet.h"
#include "common/webhooks/message.h"
#include "common/webhooks/rules.h"

#define KEY "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_url(struct arena *arena, struct sv text)
{
    struct webhook_rules rules = {.schemes = SV("http, https")};
    struct error error = {.code = ERROR_NONE};
    bool passes = webhook_check_url(&rules, arena, &error, text) == OK;
    require(passes || (error.code == INVALID_PARAMETER_VALUE && error.message.len > 0));
    if (!passes)
        return;
    /* libcurl's parser has taken it apart; its host must not be an address of the own network. */
    struct target target;
    struct target_policy policy = {.proxied = true};
    error = (struct error){.code = ERROR_NONE};
    require(target_resolve(&policy, arena, &error, text, &target) == OK);
    uint8_t address[ADDRESS_BYTES];
    require(!address_parse(target.host, address) || address_class_of(address) == ADDRESS_PUBLIC);
}

static void check_token(struct arena *arena, struct sv text)
{
    struct fernet_key key;
    require(fernet_key_parse(SV(KEY), &key));
    require(sv_equal(fernet_decrypt(arena, &key, fernet_encrypt(arena, &key, text)), text));
    struct sv plain = fernet_decrypt(arena, &key, text);
    require(!plain.data || text.len > plain.len);
    struct fernet_key other;
    if (fernet_key_parse(text, &other))
        require(text.len == FERNET_KEY_TEXT_LENGTH);
}

static void check_body(struct arena *arena, struct sv text)
{
    struct json_object *before, *after;
    struct sv problem;
    /* The body nests it one deeper, and a byte order mark may stand at the beginning only. */
    bool may_differ = sv_starts_with(text, SV("\xef\xbb\xbf"));
    for (size_t i = 0, depth = 0; i < text.len; i++) {
        depth += text.data[i] == '[' || text.data[i] == '{';
        may_differ |= depth >= JSON_MAX_DEPTH;
    }
    if (may_differ || json_parse(arena, text, &before, &problem) != JSON_OK)
        return;
    const struct webhook_message message = {"prompt", "created", 0, text};
    require(json_parse(arena, webhook_body(arena, &message), &after, &problem) == JSON_OK);
    struct json_object *data = json_object_object_get(after, "data");
    require(sv_equal(json_compact(arena, before, 100000), json_compact(arena, data, 100000)));
    json_object_put(after);
    json_object_put(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(64UL * 1024 * 1024);
    struct sv text = {size ? (const char *)data : "", size};
    if (size <= 4096) {
        check_url(arena, text);
        check_token(arena, text);
        check_body(arena, text);
    }
    arena_free(arena);
    return 0;
}
