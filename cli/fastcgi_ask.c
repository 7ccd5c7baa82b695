#include "cli/fastcgi_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/number.h"

#define PATIENCE_S    3
#define REQUEST_BYTES 4096
#define ANSWER_BYTES  65536
#define HEADER_BYTES  8

/* FastCGI specification, section 8. */
enum { VERSION = 1, BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, RESPONDER = 1 };

static void append_record(struct buffer *out, int type, struct sv content)
{
    const char header[HEADER_BYTES] = {
        VERSION, (char)type, 0, 1, (char)(content.len >> 8), (char)(content.len & 0xff), 0, 0};
    buffer_append(out, header, HEADER_BYTES);
    if (content.len)
        buffer_append(out, content.data, content.len);
}

/* Both are shorter than 128 bytes, so one byte tells each length. */
static void append_parameter(struct buffer *out, struct sv name, struct sv value)
{
    buffer_append_byte(out, (char)name.len);
    buffer_append_byte(out, (char)value.len);
    buffer_append(out, name.data, name.len);
    if (value.len)
        buffer_append(out, value.data, value.len);
}

static void write_request(struct arena *arena, struct sv path, struct buffer *out)
{
    static const char begin[HEADER_BYTES] = {0, RESPONDER};
    struct buffer parameters = {
        .data = arena_alloc(arena, REQUEST_BYTES), .capacity = REQUEST_BYTES, .ceiling = REQUEST_BYTES};
    append_parameter(&parameters, SV("REQUEST_METHOD"), SV("GET"));
    append_parameter(&parameters, SV("REQUEST_URI"), path);
    append_parameter(&parameters, SV("SERVER_PROTOCOL"), SV("HTTP/1.1"));
    append_parameter(&parameters, SV("HTTP_HOST"), SV("localhost"));
    append_parameter(&parameters, SV("QUERY_STRING"), SV(""));
    append_parameter(&parameters, SV("REMOTE_ADDR"), SV("127.0.0.1"));
    append_record(out, BEGIN_REQUEST, (struct sv){begin, sizeof(begin)});
    append_record(out, PARAMS, buffer_sv(&parameters));
    append_record(out, PARAMS, SV(""));
    append_record(out, STDIN, SV(""));
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

/* The content of STDOUT so far; true at the end of the request. */
static bool read_records(struct sv received, struct buffer *content)
{
    content->len = 0;
    while (received.len >= HEADER_BYTES) {
        const unsigned char *header = (const unsigned char *)received.data;
        size_t len = (size_t)header[4] << 8 | header[5], padding = header[6];
        if (received.len < HEADER_BYTES + len + padding)
            return false;
        if (header[1] == END_REQUEST)
            return true;
        if (header[1] == STDOUT && len)
            buffer_append(content, received.data + HEADER_BYTES, len);
        received = sv_from_offset(received, HEADER_BYTES + len + padding);
    }
    return false;
}

/* "Status: 404 Not Found" among the headers of a CGI answer (RFC 3875 section 6.3.3); without one it is 200.
 */
static int status_of(struct sv answer)
{
    int64_t status;
    while (answer.data) {
        struct sv line = sv_trim(sv_cut(&answer, '\n'));
        if (line.len == 0)
            return 200;
        if (line.len >= 11 && sv_equal_ignoring_case(sv_first(line, 7), SV("Status:")))
            return parse_int64(sv_first(sv_trim(sv_from_offset(line, 7)), 3), 100, 599, &status) ? (int)status
                                                                                                 : 0;
    }
    return 0;
}

static int exchange(int fd, struct sv request, struct arena *arena, struct sv *problem)
{
    char *bytes = arena_alloc(arena, ANSWER_BYTES);
    struct buffer content = {
        .data = arena_alloc(arena, ANSWER_BYTES), .capacity = ANSWER_BYTES, .ceiling = ANSWER_BYTES};
    size_t len = 0;
    if (send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len) {
        *problem = arena_copy(arena, sv_from(strerror(errno)));
        return 0;
    }
    while (len < ANSWER_BYTES) {
        ssize_t got = recv(fd, bytes + len, ANSWER_BYTES - len, 0);
        if (got <= 0) {
            *problem = got == 0          ? SV("it closes the connection without an answer")
                       : errno == EAGAIN ? SV("it does not answer")
                                         : arena_copy(arena, sv_from(strerror(errno)));
            return 0;
        }
        len += (size_t)got;
        if (read_records((struct sv){bytes, len}, &content))
            break;
    }
    int status = status_of(buffer_sv(&content));
    if (!status)
        *problem = SV("what it answers is not FastCGI");
    return status;
}

int fastcgi_ask(const char *socket_path, const char *path, struct arena *arena, struct sv *problem)
{
    struct buffer request = {
        .data = arena_alloc(arena, REQUEST_BYTES), .capacity = REQUEST_BYTES, .ceiling = REQUEST_BYTES};
    int fd = open_socket(socket_path);
    if (fd < 0) {
        *problem = arena_copy(arena, sv_from(strerror(errno)));
        return 0;
    }
    write_request(arena, sv_from(path), &request);
    int status = exchange(fd, buffer_sv(&request), arena, problem);
    close(fd);
    return status;
}
