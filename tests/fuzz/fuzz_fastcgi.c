#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/http/server_internal.h"

/* Whatever a web server sends over a FastCGI connection: raw records (first byte even), or the name-value
 * pairs and the body of an otherwise sound request (odd). Handlers see only what their field tables admit. */

#define INPUT_LIMIT (60 * 1024)

#define RECORD_HEAD   8
#define RECORD_BEGIN  1
#define RECORD_PARAMS 4
#define RECORD_STDIN  5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* libfcgi 2.4.2 loses 48 bytes for a malformed FCGI_GET_VALUES record, which only the web server can send. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

struct fuzz_in {
    struct sv text;
    struct opt_int64 number;
    struct list items;
};
static const struct field fields[] = {FIELD(struct fuzz_in, text, STRING, .required = true),
                                      FIELD(struct fuzz_in, number, INT64),
                                      FIELD(struct fuzz_in, items, STRINGS), FIELDS_END};

static enum status handler(struct request *request, const void *in)
{
    const struct fuzz_in *input = in;
    if (!input->text.len)
        abort();
    return reply_empty(request);
}

static const struct operation rows[] = {
    {"post", "test", METHOD_POST, ROOT_API_2, "/p", handler, ACCESS_NONE, NEEDS(ANY, NONE),
     .input = INPUT(struct fuzz_in, fields), .body_limit = 10000},
    {"get", "test", METHOD_GET, ROOT_API_2, "/g/{id}", handler, ACCESS_NONE, NEEDS(ANY, NONE),
     .input = INPUT(struct fuzz_in, fields)},
    {.path = NULL},
};
static const struct operation *const tables[] = {rows, NULL};
static const struct program program = {.name = "fuzz", .tables = tables};

static struct server *make_server(void)
{
    struct arena *arena = arena_new(64 * 1024);
    struct sv problem;
    struct security_settings rules = {.frame_options = SV("SAMEORIGIN")};
    struct server_options options = {.program = &program,
                                     .settings = {.security = security_new(&rules, arena, &problem)}};
    arena_free(arena);
    log_init("fuzz", LOG_LEVEL_ERROR);
    log_open("/dev/null");
    return server_new(&options);
}

static void put_record(struct buffer *out, int type, struct sv content)
{
    char head[RECORD_HEAD] = {1, (char)type, 0, 1, (char)(content.len >> 8), (char)(content.len & 255), 0, 0};
    buffer_append(out, head, sizeof(head));
    buffer_append_sv(out, content);
}

static void put_pair(struct buffer *out, struct sv name, struct sv value)
{
    char lengths[5] = {(char)name.len, (char)(0x80 | value.len >> 24), (char)(value.len >> 16),
                       (char)(value.len >> 8), (char)value.len};
    buffer_append(out, lengths, sizeof(lengths));
    buffer_append_sv(out, name);
    buffer_append_sv(out, value);
}

/* Lines "NAME=value", an empty line, the body. */
static void put_request(struct buffer *out, struct sv text)
{
    char begin[8] = {0, 1};
    put_record(out, RECORD_BEGIN, (struct sv){begin, sizeof(begin)});
    struct buffer params;
    buffer_init(&params, INPUT_LIMIT);
    while (text.data) {
        struct sv line = sv_cut(&text, '\n');
        if (!line.len)
            break;
        struct sv value = line;
        struct sv name = sv_first(sv_cut(&value, '='), 100);
        put_pair(&params, name, value.data ? value : SV(""));
    }
    put_record(out, RECORD_PARAMS, sv_first(buffer_sv(&params), 65000));
    put_record(out, RECORD_PARAMS, SV(""));
    if (text.len)
        put_record(out, RECORD_STDIN, sv_first(text, 65000));
    put_record(out, RECORD_STDIN, SV(""));
    buffer_free(&params);
}

/* libfcgi allocates what a name or a value announces, up to 2 GiB each, before any of it has come; only the
 * web server can announce that. A length of 16 MiB or more takes a first byte above 0x80 (FastCGI spec 1.0
 * section 3.4), and libfcgi takes the content of unknown records for pairs too, so raw records with such a
 * byte anywhere are left out. Requests made of sound records hold any byte. */
static bool may_announce_too_much(struct sv records)
{
    for (size_t i = 0; i < records.len; i++)
        if ((unsigned char)records.data[i] > 0x80)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server *server;
    if (!server)
        server = make_server();
    if (size < 1 || size > INPUT_LIMIT)
        return 0;
    struct sv input = {(const char *)data + 1, size - 1};
    if (!(data[0] & 1) && may_announce_too_much(input))
        return 0;
    struct buffer out;
    buffer_init(&out, 2 * INPUT_LIMIT);
    if (data[0] & 1)
        put_request(&out, input);
    else
        buffer_append_sv(&out, input);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    size_t sent = 0;
    while (sent < out.len) {
        ssize_t put = send(ends[0], out.data + sent, out.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put <= 0)
            break;
        sent += (size_t)put;
    }
    shutdown(ends[0], SHUT_WR);
    fastcgi_serve_socket(server, ends[1]);
    close(ends[0]);
    buffer_free(&out);
    return 0;
}
