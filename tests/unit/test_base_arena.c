#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/arena.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

static void memory_is_zeroed_aligned_and_disjoint(void **state)
{
    (void)state;
    struct arena *arena = arena_new(8 * MIB);
    unsigned char *blocks[300];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 300; i++) {
            size_t size = i * 37 % 5000 + 1;
            blocks[i] = arena_alloc(arena, size);
            assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < size; k++)
                assert_int_equal(blocks[i][k], 0);
            memset(blocks[i], (int)(i % 255) + 1, size);
        }
        for (size_t i = 0; i < 300; i++)
            for (size_t k = 0; k < i * 37 % 5000 + 1; k++)
                assert_int_equal(blocks[i][k], i % 255 + 1);
        arena_reset(arena);
    }
    arena_free(arena);
}

static void one_allocation_may_be_larger_than_any_block(void **state)
{
    (void)state;
    struct arena *arena = arena_new(16 * MIB);
    char *large = arena_alloc(arena, 5 * MIB);
    memset(large, 'x', 5 * MIB);
    char *small = arena_alloc(arena, 10);
    memset(small, 'y', 10);
    assert_int_equal(large[5 * MIB - 1], 'x');
    arena_free(arena);
}

static void nothing_allocated_is_still_a_pointer(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    assert_non_null(arena_alloc(arena, 0));
    assert_non_null(arena_alloc_array(arena, 0, 8));
    assert_non_null(arena_alloc_array(arena, 8, 0));
    arena_free(arena);
    arena_free(NULL);
}

static void use_is_counted_from_the_last_reset(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    assert_int_equal(arena_used(arena), 0);
    arena_alloc(arena, 1000);
    assert_in_range(arena_used(arena), 1000, 1000 + 64);
    arena_alloc(arena, 100 * KIB);
    assert_in_range(arena_used(arena), 101 * KIB - 24, 102 * KIB);
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    arena_free(arena);
}

static volatile int allocated;

/* Allocates `size` bytes until the arena escapes; counts in `allocated`. */
static void allocate_until_escape(struct arena *arena, size_t size)
{
    jmp_buf escape;
    allocated = 0;
    int jumped = setjmp(escape);
    if (jumped) {
        assert_int_equal(jumped, 1);
        arena_set_escape(arena, NULL);
        return;
    }
    arena_set_escape(arena, &escape);
    for (; allocated < 100000; allocated++)
        arena_alloc(arena, size);
    fail_msg("no escape");
}

static void the_ceiling_holds_and_a_reset_lifts_it(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    allocate_until_escape(arena, 64 * KIB);
    assert_int_equal(allocated, 16);
    assert_true(arena_used(arena) <= MIB);
    allocate_until_escape(arena, 1);
    assert_int_equal(allocated, 0);
    arena_reset(arena);
    allocate_until_escape(arena, MIB + 1);
    assert_int_equal(allocated, 0);
    allocate_until_escape(arena, MIB);
    assert_int_equal(allocated, 1);
    arena_reset(arena);
    allocate_until_escape(arena, SIZE_MAX);
    assert_int_equal(allocated, 0);
    allocate_until_escape(arena, SIZE_MAX - 8);
    assert_int_equal(allocated, 0);
    arena_free(arena);
}

static void an_array_whose_size_overflows_escapes(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    jmp_buf escape;
    volatile int escapes = 0;
    if (setjmp(escape) == 0) {
        arena_set_escape(arena, &escape);
        arena_alloc_array(arena, SIZE_MAX / 8 + 2, 8);
        fail_msg("no escape");
    }
    escapes++;
    assert_int_equal(escapes, 1);
    assert_int_equal(arena_used(arena), 0);
    arena_free(arena);
}

static void a_rewind_gives_up_what_came_after_the_mark(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    struct sv kept = arena_copy(arena, SV("kept"));
    struct arena_mark mark = arena_mark(arena);
    size_t used = arena_used(arena);
    for (int i = 0; i < 1000; i++) {
        unsigned char *memory = arena_alloc(arena, 300 * KIB);
        assert_int_equal(memory[300 * KIB - 1], 0);
        memset(memory, 0xff, 300 * KIB);
        unsigned char *small = arena_alloc(arena, 100);
        assert_int_equal(small[0], 0);
        memset(small, 0xff, 100);
        arena_rewind(arena, mark);
        assert_int_equal(arena_used(arena), used);
    }
    assert_true(sv_equal(kept, SV("kept")));
    arena_free(arena);
}

static void secrets_are_overwritten_when_they_are_given_up(void **state)
{
    (void)state;
    static const char zeros[32];
    struct arena *arena = arena_new(1 << 20);
    char *before = arena_cstr(arena, SV("what came before stays for now.."));
    arena_hold_secrets(arena);
    struct arena_mark mark = arena_mark(arena);
    char *secret = arena_cstr(arena, SV("a key that nobody may find again"));
    arena_rewind(arena, mark);
    /* Both lie in the first block, which the arena keeps. */
    assert_memory_equal(secret, zeros, sizeof(zeros));
    assert_memory_equal(before, "what came before stays for now..", 32);
    arena_reset(arena);
    assert_memory_equal(before, zeros, sizeof(zeros));
    char *later = arena_cstr(arena, SV("nothing that is secret any more."));
    arena_reset(arena);
    assert_memory_equal(later, "nothing that is secret any more.", 32);
    arena_free(arena);
}

static void copies_are_independent_and_end_with_nul(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    char text[] = "a\0bc";
    struct sv copy = arena_copy(arena, (struct sv){text, 4});
    char *string = arena_cstr(arena, sv_from("hello"));
    memset(text, 'x', sizeof text);
    assert_true(sv_equal(copy, SV("a\0bc")));
    assert_int_equal(copy.data[4], '\0');
    assert_string_equal(string, "hello");

    assert_null(arena_copy(arena, SV_ABSENT).data);
    assert_null(arena_cstr(arena, SV_ABSENT));
    assert_true(sv_equal(arena_copy(arena, SV("")), SV("")));
    assert_string_equal(arena_cstr(arena, SV("")), "");
    arena_free(arena);
}

static void printf_formats_texts_of_any_length(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    struct sv text = arena_printf(arena, "%s=%d", "a", -7);
    assert_true(sv_equal(text, SV("a=-7")));
    assert_int_equal(text.data[text.len], '\0');
    assert_int_equal(arena_printf(arena, "%100000d", 1).len, 100000);
    assert_true(sv_equal(arena_printf(arena, "%s", ""), SV("")));
    assert_true(sv_equal(arena_printf(arena, "<%.*s>", SV_ARG(SV("xyz"))), SV("<xyz>")));
    assert_true(sv_equal(arena_printf(arena, "<%.*s>", SV_ARG(SV_ABSENT)), SV("<>")));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_disjoint),
        cmocka_unit_test(one_allocation_may_be_larger_than_any_block),
        cmocka_unit_test(nothing_allocated_is_still_a_pointer),
        cmocka_unit_test(use_is_counted_from_the_last_reset),
        cmocka_unit_test(the_ceiling_holds_and_a_reset_lifts_it),
        cmocka_unit_test(an_array_whose_size_overflows_escapes),
        cmocka_unit_test(a_rewind_gives_up_what_came_after_the_mark),
        cmocka_unit_test(secrets_are_overwritten_when_they_are_given_up),
        cmocka_unit_test(copies_are_independent_and_end_with_nul),
        cmocka_unit_test(printf_formats_texts_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
