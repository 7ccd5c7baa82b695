#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <zlib.h>

#include "common/gateway/event_stream.h"

/* Messages from AWS's own description of the format: one with the string header "content-type" and the
 * payload
 * {'foo':'bar'}, and one without anything. */
static const unsigned char aws_payload[] = "\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96\x0c"
                                           "content-type\x07\x00\x10"
                                           "application/json"
                                           "{'foo':'bar'}\x8d\x9c\x08\xb1";
static const unsigned char aws_empty[] = "\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";

static struct buffer bytes;
static struct event_stream stream;
static struct provider_event event;

static int setup(void **state)
{
    (void)state;
    buffer_init(&bytes, 8UL * 1024 * 1024);
    event_stream_init(&stream);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buffer_free(&bytes);
    event_stream_free(&stream);
    return 0;
}

static void put_u32(struct buffer *out, size_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_append_byte(out, (char)(value >> shift));
}

/* A message with these raw headers; `claimed` is the length of headers that its head tells. */
static void put_raw(struct sv headers, size_t claimed, size_t total, struct sv payload)
{
    size_t from = bytes.len;
    put_u32(&bytes, total);
    put_u32(&bytes, claimed);
    put_u32(&bytes, crc32(0, (const unsigned char *)bytes.data + from, 8));
    buffer_append_sv(&bytes, headers);
    buffer_append_sv(&bytes, payload);
    put_u32(&bytes, crc32(0, (const unsigned char *)bytes.data + from, (uInt)(bytes.len - from)));
}

static void put_message(struct sv headers, struct sv payload)
{
    put_raw(headers, headers.len, 16 + headers.len + payload.len, payload);
}

static enum event_stream_outcome next_of(struct sv *rest)
{
    return event_stream_next(&stream, rest, &event);
}

static void assert_text(struct sv text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

#define EVENT(name, length)                                                  \
    SV("\x0b:event-type\x07\x00" length name "\x0d:content-type\x07\x00\x10" \
       "application/json\x0d:message-type\x07\x00\x05"                       \
       "event")

static void messages_of_the_description_are_read(void **state)
{
    (void)state;
    struct sv rest = {(const char *)aws_payload, sizeof(aws_payload) - 1};
    assert_int_equal(next_of(&rest), EVENT_STREAM_EVENT);
    assert_text(event.data, "{'foo':'bar'}");
    assert_null(event.type.data);
    assert_false(event.is_exception);
    assert_int_equal(next_of(&rest), EVENT_STREAM_MORE);
    rest = (struct sv){(const char *)aws_empty, sizeof(aws_empty) - 1};
    assert_int_equal(next_of(&rest), EVENT_STREAM_EVENT);
    assert_int_equal(event.data.len, 0);
    assert_true(event_stream_is_whole(&stream));
}

static void an_event_has_its_type_and_payload_however_it_is_cut(void **state)
{
    (void)state;
    put_message(EVENT("messageStop", "\x0b"), SV("{\"stopReason\":\"end_turn\"}"));
    put_message(EVENT("metadata", "\x08"), SV("{}"));
    for (size_t piece = 1; piece < bytes.len; piece += 7) {
        size_t found = 0;
        for (size_t from = 0; from < bytes.len; from += piece) {
            struct sv rest = sv_first(sv_from_offset(buffer_sv(&bytes), from), piece);
            while (next_of(&rest) == EVENT_STREAM_EVENT) {
                assert_text(event.type, found ? "metadata" : "messageStop");
                assert_text(event.data, found ? "{}" : "{\"stopReason\":\"end_turn\"}");
                found++;
            }
            assert_null(stream.problem);
        }
        assert_int_equal(found, 2);
    }
}

static void exceptions_and_errors_are_marked(void **state)
{
    (void)state;
    put_message(SV("\x0f:exception-type\x07\x00\x13throttlingException\x0d:message-type\x07\x00\x09"
                   "exception"),
                SV("{\"message\":\"slow\"}"));
    put_message(SV("\x0b:error-code\x07\x00\x05"
                   "Fault\x0e:error-message\x07\x00\x04"
                   "gone\x0d:message-type"
                   "\x07\x00\x05"
                   "error"),
                SV(""));
    struct sv rest = buffer_sv(&bytes);
    assert_int_equal(next_of(&rest), EVENT_STREAM_EVENT);
    assert_true(event.is_exception);
    assert_text(event.type, "throttlingException");
    assert_text(event.data, "{\"message\":\"slow\"}");
    assert_int_equal(next_of(&rest), EVENT_STREAM_EVENT);
    assert_true(event.is_exception);
    assert_text(event.type, "Fault");
    assert_text(event.data, "gone");
}

static void headers_of_every_type_are_passed_over(void **state)
{
    (void)state;
    put_message(SV("\x01"
                   "a\x00"
                   "\x01"
                   "b\x01"
                   "\x01"
                   "c\x02x"
                   "\x01"
                   "d\x03xx"
                   "\x01"
                   "e\x04xxxx"
                   "\x01"
                   "f\x05xxxxxxxx"
                   "\x01"
                   "g\x06\x00\x02xx"
                   "\x01"
                   "h\x08xxxxxxxx"
                   "\x01"
                   "i\x09xxxxxxxxxxxxxxxx"
                   "\x0b:event-type\x07\x00\x01"
                   "y"),
                SV("p"));
    struct sv rest = buffer_sv(&bytes);
    assert_int_equal(next_of(&rest), EVENT_STREAM_EVENT);
    assert_text(event.type, "y");
}

static void a_flipped_bit_anywhere_is_noticed(void **state)
{
    (void)state;
    put_message(EVENT("metadata", "\x08"), SV("{\"a\":1}"));
    for (size_t at = 0; at < bytes.len; at++) {
        bytes.data[at] ^= 4;
        struct sv rest = buffer_sv(&bytes);
        assert_int_equal(next_of(&rest), EVENT_STREAM_BROKEN);
        assert_non_null(strstr(stream.problem, "checksum"));
        assert_int_equal(next_of(&rest), EVENT_STREAM_BROKEN);
        assert_false(event_stream_is_whole(&stream));
        bytes.data[at] ^= 4;
        event_stream_free(&stream);
        event_stream_init(&stream);
    }
}

static void lengths_that_make_no_sense_are_refused_before_anything_is_kept(void **state)
{
    (void)state;
    static const struct {
        size_t headers, total;
        const char *problem;
    } cases[] = {
        {0, 15, "the lengths of a message make no sense"},
        {0, 0, "the lengths of a message make no sense"},
        {1, 16, "the lengths of a message make no sense"},
        {0xffffffff, 16, "a message is too large"},
        {0, EVENT_STREAM_MAX_BYTES + 1, "a message is too large"},
        {0, 0xffffffff, "a message is too large"},
        {EVENT_STREAM_MAX_HEADER + 1, EVENT_STREAM_MAX_BYTES, "a message is too large"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        event_stream_free(&stream);
        event_stream_init(&stream);
        buffer_clear(&bytes, 0);
        put_raw(SV_ABSENT, cases[i].headers, cases[i].total, SV(""));
        struct sv rest = buffer_sv(&bytes);
        assert_int_equal(next_of(&rest), EVENT_STREAM_BROKEN);
        assert_string_equal(stream.problem, cases[i].problem);
        assert_true(stream.message.len <= 16);
    }
}

static void headers_that_go_beyond_their_length_are_refused(void **state)
{
    (void)state;
    static const struct sv headers[] = {
        SV("\x05"
           "ab"),
        SV("\x01"
           "a"),
        SV("\x01"
           "a\x07"),
        SV("\x01"
           "a\x07\x00\x02x"),
        SV("\x01"
           "a\x07\xff\xff"),
        SV("\x01"
           "a\x0a"),
        SV("\x01"
           "a\x09xxxx"),
        SV("\xff"),
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        event_stream_free(&stream);
        event_stream_init(&stream);
        buffer_clear(&bytes, 0);
        put_message(headers[i], SV("a payload that is long enough to be taken for headers"));
        struct sv rest = buffer_sv(&bytes);
        assert_int_equal(next_of(&rest), EVENT_STREAM_BROKEN);
        assert_string_equal(stream.problem, "the headers of a message make no sense");
    }
}

static void a_message_that_is_cut_off_is_not_whole(void **state)
{
    (void)state;
    put_message(EVENT("metadata", "\x08"), SV("{}"));
    assert_true(event_stream_is_whole(&stream));
    struct sv rest = sv_first(buffer_sv(&bytes), bytes.len - 1);
    assert_int_equal(next_of(&rest), EVENT_STREAM_MORE);
    assert_false(event_stream_is_whole(&stream));
    rest = sv_from_offset(buffer_sv(&bytes), bytes.len - 1);
    assert_int_equal(next_of(&rest), EVENT_STREAM_EVENT);
    assert_true(event_stream_is_whole(&stream));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_of_the_description_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_has_its_type_and_payload_however_it_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(exceptions_and_errors_are_marked, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_of_every_type_are_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flipped_bit_anywhere_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_that_make_no_sense_are_refused_before_anything_is_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(headers_that_go_beyond_their_length_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_that_is_cut_off_is_not_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
