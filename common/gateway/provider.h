#ifndef TRACKLIGHT_GATEWAY_PROVIDER_H
#define TRACKLIGHT_GATEWAY_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/sv.h"
#include "common/json/json_write.h"
#include "common/net/name_value.h"

struct json_object;

/* What the gateway knows of the providers of models: how a request of ours becomes one of theirs, and how
 * their answers become ours. Translation only: nothing here but `prepare` opens a socket; gateway.fcgi makes
 * the calls. */

enum gateway_route {
    GATEWAY_CHAT,        /* unified: our own shape for every provider */
    GATEWAY_EMBEDDINGS,  /* unified */
    GATEWAY_OPENAI_CHAT, /* from here on passthrough: the provider's own shape, relayed */
    GATEWAY_OPENAI_EMBEDDINGS,
    GATEWAY_OPENAI_RESPONSES,
    GATEWAY_ANTHROPIC_MESSAGES,
    GATEWAY_GEMINI_GENERATE,
    GATEWAY_GEMINI_STREAM,
    GATEWAY_ROUTES
};

#define GATEWAY_ROUTE_BIT(route) (1U << (route))

/* Tokens of one call, as the provider told them; -1 where it did not. */
struct gateway_usage {
    int64_t input_tokens; /* those from a cache included */
    int64_t output_tokens;
    int64_t total_tokens;
    int64_t cached_tokens;
};

#define GATEWAY_NO_USAGE ((struct gateway_usage){-1, -1, -1, -1})

/* Credentials that are fetched before the call and kept until they expire: an access token (OAuth 2.0,
 * RFC 6749), or keys that AWS lends. Secret texts; whoever holds them wipes them. */
struct gateway_token {
    struct sv access;   /* the token, or the access key id */
    struct sv secret;   /* AWS: the secret access key; else absent */
    struct sv session;  /* AWS: the session token; else absent */
    int64_t expires_ms; /* since 1970 UTC */
};

/* One call of one model, while it is made. `arena` lives until the end of the client's request; what belongs
 * to a single event of a stream goes into `scratch`, which is emptied after it. */
struct provider_call {
    struct arena *arena;
    struct arena *scratch;
    const struct provider_row *row;
    struct sv model;            /* the provider's name of the model, from the model definition */
    struct json_object *secret; /* the decrypted secret: an object of strings */
    struct json_object *config; /* auth_config: an object of strings, or NULL */
    enum gateway_route route;
    bool stream;
    bool server_credentials;          /* what the machine itself may do at a provider may be used */
    struct json_object *payload;      /* the checked body; never changed. `model` is taken out of it */
    const struct name_value *headers; /* passthrough: those of the client's that may go on */
    size_t header_count;
    const struct gateway_token *token; /* where the adapter's `token` or `prepare` asked for one */
    bool key_only;  /* set while `token` is asked for the key alone, to look a kept token up: what costs (the
                       signature of a request) may be left out then, and the request is not used */
    int64_t now_ms; /* since 1970 UTC */
    size_t part;    /* which request of several: see `parts` */
    struct json_object *parsed; /* provider_parse's */

    /* What went wrong, if a function returned FAILED: see provider_fail. */
    int status;
    struct sv detail;
    bool as_object; /* the client sees {"error_code", "message"} with `code` inside detail, not a text */
    enum error_code code;
};

/* What is to be sent. All in the call's arena. */
struct provider_request {
    struct sv method; /* absent: POST */
    struct sv url;
    struct name_value *headers;
    size_t header_count;
    struct sv body;
};

/* How a provider frames a stream. */
enum provider_framing {
    FRAMING_SSE,         /* text/event-stream (WHATWG HTML, "server-sent events") */
    FRAMING_EVENT_STREAM /* application/vnd.amazon.eventstream */
};

/* One event of a stream. */
struct provider_event {
    struct sv type;    /* "event:" or ":event-type"; absent if none */
    struct sv data;    /* SSE: the joined "data:" lines. event-stream: the payload */
    bool is_exception; /* event-stream: ":message-type" is exception or error; `type` is its name */
};

enum provider_step {
    STEP_OK,   /* go on; what was written, if anything, is sent */
    STEP_DONE, /* the stream's logical end; what follows is not translated */
    STEP_ERROR /* provider_fail was called: sent in-stream, and the stream ends */
};

/* An adapter: one file, one table. Functions are pure but for the call's fields. */
struct provider {
    const char *title; /* in messages: "OpenAI" */
    unsigned routes;   /* GATEWAY_ROUTE_BITs that it answers */
    enum provider_framing framing;

    /* Gets what the call needs of the machine that it runs on: credentials from AWS's default chain. Called
     * first; sets call->token, and then `token` asks for nothing. The one function that may read files and
     * make calls of its own: none lasts longer than 20 seconds, and what came is kept, so that this is quick
     * nearly always (aws_credentials.h). The thread must have no exchange open. NULL: nothing. */
    enum status (*prepare)(struct provider_call *call);

    /* Asks for a token: fills `request` and sets *key to what tells it from other tokens (never the secret
     * itself), or sets *key absent if this call needs none. NULL: never needs one. */
    enum status (*token)(struct provider_call *call, struct provider_request *request, struct sv *key);
    /* Reads the answer to that request, which had status 200. Texts in call->arena. */
    enum status (*read_token)(struct provider_call *call, struct sv body, struct gateway_token *token);

    /* Checks the configuration and builds the request, for every route that it answers. */
    enum status (*build)(struct provider_call *call, struct provider_request *request);

    /* How many requests one call takes: more than one for embeddings of providers that take a text at a time.
     * `build` sees call->part; `translate` gets the array of all replies then. NULL: one. */
    size_t (*parts)(const struct provider_call *call);

    /* Unified routes: writes our reply, compact JSON with raw UTF-8 (unified.h has the writers), from the
     * provider's. NULL: theirs is ours already, and only cleaned (unified_clean_*). Fills *usage. */
    enum status (*translate)(struct provider_call *call, struct json_object *reply, struct buffer *out,
                             struct gateway_usage *usage);

    /* Unified streams: writes what one event becomes, zero or more whole SSE frames (unified_chunk). `state`
     * is state_size zeroed bytes that live as long as the stream. */
    enum provider_step (*event)(struct provider_call *call, void *state, const struct provider_event *event,
                                struct buffer *out, struct gateway_usage *usage);
    size_t state_size;

    /* Passthrough: reads tokens out of a reply or an event that is relayed as it is. NULL: OpenAI's shape. */
    void (*read_usage)(struct json_object *reply, struct gateway_usage *usage);

    /* Where the path of a passthrough route lies at the provider, for messages: "chat/completions". */
    const char *(*path)(enum gateway_route route);
};

/* A provider by name: data, not code (providers.c). */
struct provider_row {
    const char *name;     /* "groq" */
    const char *base_url; /* without a slash at its end; NULL: auth_config.api_base is required */
    const struct provider *adapter;
    bool key_optional; /* no Authorization is sent where no key is set */
    bool embeddings_only;
    bool chat_only;
    bool no_stream_options; /* does not know "stream_options", or tells tokens without */
    const char *key_header; /* NULL: "authorization", as Bearer */
    const char *input_type; /* what embeddings need as "input_type" where the client has none */
    const struct name_value *extra_headers; /* ended by an absent name; may be NULL */
    /* Headers whose values are in auth_config: the value here is the name of the entry. The same. */
    const struct name_value *config_headers;
};

/* By the exact name; aliases are rows of their own. NULL: unknown. With api_base, an unknown provider is
 * taken for an OpenAI-compatible one: provider_compatible. */
const struct provider_row *provider_find(struct sv name);
extern const struct provider_row provider_compatible;

/* All rows, ended by a NULL name, sorted by name. */
extern const struct provider_row provider_rows[];

/* The adapters. */
extern const struct provider provider_openai;      /* and azure, azuread through auth_config.api_type */
extern const struct provider provider_like_openai; /* titled LiteLLM in messages; no passthrough */
extern const struct provider provider_azure;
extern const struct provider provider_azure_ai;
extern const struct provider provider_databricks;
extern const struct provider provider_mistral;
extern const struct provider provider_anthropic;
extern const struct provider provider_gemini;
extern const struct provider provider_vertex;
extern const struct provider provider_bedrock;
extern const struct provider provider_unsupported; /* own formats that nobody translates yet: 501 */

/* The client sees {"detail": text} with this HTTP status. */
enum status provider_fail(struct provider_call *call, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The client sees {"detail": {"error_code", "message"}} with the code's status. */
enum status provider_fail_code(struct provider_call *call, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Texts of the secret and of auth_config; absent if not there, empty or not a string. */
struct sv provider_secret(const struct provider_call *call, const char *name);
struct sv provider_config(const struct provider_call *call, const char *name);

/* auth_config.api_base if set, else the row's base URL; without slashes at its end. FAILED (400, naming the
 * provider) if neither is there. */
enum status provider_base(struct provider_call *call, struct sv *base);

/* base + "/" + path, with base's own query kept last. */
struct sv provider_url(struct provider_call *call, struct sv base, struct sv path);

/* Percent-encoded (RFC 3986): all but unreserved characters, for a segment of a path or a parameter. */
struct sv provider_encode(struct arena *arena, struct sv text);

/* The URL with one more query parameter behind the others; the value is percent-encoded. */
struct sv provider_url_parameter(struct provider_call *call, struct sv url, struct sv name, struct sv value);

/* Adds a header to send. Refuses (FAILED, 400) a value with CR, LF or NUL. At most PROVIDER_MAX_HEADERS. */
#define PROVIDER_MAX_HEADERS 64
enum status provider_header(struct provider_call *call, struct provider_request *request, struct sv name,
                            struct sv value);

/* "authorization: Bearer <key>". */
enum status provider_bearer(struct provider_call *call, struct provider_request *request, struct sv key);

/* secret.api_key. FAILED (400) if it is not there. */
enum status provider_api_key(struct provider_call *call, struct sv *key);

/* Passthrough: the client's headers, but for credentials, those that mean a connection, and those that the
 * provider's own replace. Call it last. */
enum status provider_client_headers(struct provider_call *call, struct provider_request *request);

/* A body of JSON: compact, UTF-8, in the call's arena. The end puts it into the request with its
 * content-type; FAILED (413) if it passed PROVIDER_BODY_MAX. */
#define PROVIDER_BODY_MAX (256UL * 1024 * 1024)
struct provider_body {
    struct buffer text;
    struct json_writer json;
};
void provider_body_begin(struct provider_call *call, struct provider_body *body);
enum status provider_body_end(struct provider_call *call, struct provider_request *request,
                              struct provider_body *body);

/* The payload of OpenAI's shape with `model` in front; absent: without one. `include_usage` sets
 * stream_options.include_usage in a stream. For adapters whose provider speaks that shape. */
enum status provider_payload_body(struct provider_call *call, struct provider_request *request,
                                  struct sv model, bool include_usage);

/* Parses a JSON text from the provider (an event's data, the body of a token). False if it is none. *value is
 * valid until the next provider_parse or provider_end of this call, whatever happens in between. */
bool provider_parse(struct provider_call *call, struct sv text, struct json_object **value);

/* Frees what provider_parse keeps. Whoever makes a call ends it, after an escape from the arena too. */
void provider_end(struct provider_call *call);

/* Members of parsed objects: NULL, absent and the fallback if not there or of another type; `object` may be
 * NULL or no object. provider_int takes whole doubles, too. */
struct json_object *provider_member(struct json_object *object, const char *name);
struct sv provider_text(struct json_object *object, const char *name);
int64_t provider_int(struct json_object *object, const char *name, int64_t fallback);

#endif
