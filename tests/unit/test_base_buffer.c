#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/buffer.h"

static void appended_pieces_stand_in_order(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    assert_true(sv_equal(buffer_sv(&buffer), SV("")));
    buffer_append(&buffer, "ab\0", 3);
    buffer_append_sv(&buffer, SV("cd"));
    buffer_append_sv(&buffer, SV_ABSENT);
    buffer_append_byte(&buffer, 'e');
    BUFFER_LITERAL(&buffer, "fg");
    buffer_printf(&buffer, "%d%%%s", 12, "h");
    buffer_append(&buffer, NULL, 0);
    assert_false(buffer.failed);
    assert_true(sv_equal(buffer_sv(&buffer), SV("ab\0cdefg12%h")));
    buffer_free(&buffer);
    assert_true(sv_equal(buffer_sv(&buffer), SV("")));
    buffer_append_byte(&buffer, 'x');
    assert_true(sv_equal(buffer_sv(&buffer), SV("x")));
    buffer_free(&buffer);
}

static void it_grows_up_to_its_ceiling_and_not_beyond(void **state)
{
    (void)state;
    static const size_t ceilings[] = {0, 1, 100, 4095, 4096, 4097, 100000};
    for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
        struct buffer buffer;
        buffer_init(&buffer, ceilings[i]);
        for (size_t k = 0; k < ceilings[i]; k++)
            buffer_append_byte(&buffer, (char)('a' + k % 26));
        assert_false(buffer.failed);
        assert_int_equal(buffer.len, ceilings[i]);
        buffer_append_byte(&buffer, 'x');
        assert_true(buffer.failed);
        assert_int_equal(buffer.len, ceilings[i]);
        for (size_t k = 0; k < ceilings[i]; k++)
            assert_int_equal(buffer.data[k], 'a' + k % 26);
        buffer_free(&buffer);
    }
}

static void a_failure_stays_until_it_is_cleared(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    buffer_append(&buffer, "12345678", 8);
    buffer_append(&buffer, "abc", 3);
    assert_true(buffer.failed);
    buffer_append_byte(&buffer, 'x');
    buffer_printf(&buffer, "y");
    assert_null(buffer_reserve(&buffer, 1));
    assert_true(buffer.failed);
    assert_true(sv_equal(buffer_sv(&buffer), SV("12345678")));

    buffer_clear(&buffer, 0);
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 0);
    buffer_append(&buffer, "abcdefghij", 10);
    assert_false(buffer.failed);
    assert_true(sv_equal(buffer_sv(&buffer), SV("abcdefghij")));
    buffer_free(&buffer);
}

static void lengths_near_the_largest_number_fail(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    buffer_append(&buffer, "abc", 3);
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    buffer_clear(&buffer, 100);
    buffer_append(&buffer, "abc", 3);
    assert_null(buffer_reserve(&buffer, SIZE_MAX - 2));
    assert_true(buffer.failed);
    assert_true(sv_equal(buffer_sv(&buffer), SV("abc")));
    buffer_free(&buffer);
}

static void printf_may_fill_it_to_the_ceiling(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5000);
    buffer_printf(&buffer, "%5000d", 7);
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 5000);
    assert_int_equal(buffer.data[4999], '7');
    buffer_clear(&buffer, 0);
    buffer_printf(&buffer, "%5001d", 7);
    assert_true(buffer.failed);
    assert_int_equal(buffer.len, 0);
    buffer_free(&buffer);

    buffer_init(&buffer, 4096);
    buffer_append_byte(&buffer, 'a');
    buffer_printf(&buffer, "%4095d", 7);
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 4096);
    buffer_printf(&buffer, "%s", "");
    assert_false(buffer.failed);
    buffer_printf(&buffer, "x");
    assert_true(buffer.failed);
    buffer_free(&buffer);
}

static void reserved_room_counts_once_it_is_used(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    BUFFER_LITERAL(&buffer, "ab");
    char *room = buffer_reserve(&buffer, 10000);
    assert_non_null(room);
    memset(room, 'x', 10000);
    assert_int_equal(buffer.len, 2);
    buffer.len += 3;
    assert_true(sv_equal(buffer_sv(&buffer), SV("abxxx")));
    assert_non_null(buffer_reserve(&buffer, 0));
    buffer_free(&buffer);
}

static void clearing_keeps_no_more_memory_than_asked(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    assert_non_null(buffer_reserve(&buffer, 100000));
    buffer_clear(&buffer, 1 << 20);
    assert_true(buffer.capacity >= 100000);
    buffer_clear(&buffer, 50000);
    assert_true(buffer.capacity <= 50000);
    BUFFER_LITERAL(&buffer, "again");
    assert_true(sv_equal(buffer_sv(&buffer), SV("again")));
    buffer_free(&buffer);
}

static void it_may_lie_in_an_arena(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct buffer buffer;
    char text[10001];
    memset(text, 'x', sizeof(text));
    buffer_init_in(&buffer, arena, 10001);
    for (int i = 0; i < 10; i++)
        buffer_append(&buffer, text, 1000);
    buffer_printf(&buffer, "%s", "x");
    assert_true(sv_equal(buffer_sv(&buffer), (struct sv){text, sizeof(text)}));
    buffer_append_byte(&buffer, 'x');
    assert_true(buffer.failed);
    buffer_clear(&buffer, 0);
    BUFFER_LITERAL(&buffer, "again");
    assert_true(sv_equal(buffer_sv(&buffer), SV("again")));
    buffer_free(&buffer);
    assert_int_equal(buffer.len, 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_pieces_stand_in_order),
        cmocka_unit_test(it_grows_up_to_its_ceiling_and_not_beyond),
        cmocka_unit_test(a_failure_stays_until_it_is_cleared),
        cmocka_unit_test(lengths_near_the_largest_number_fail),
        cmocka_unit_test(printf_may_fill_it_to_the_ceiling),
        cmocka_unit_test(reserved_room_counts_once_it_is_used),
        cmocka_unit_test(clearing_keeps_no_more_memory_than_asked),
        cmocka_unit_test(it_may_lie_in_an_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
