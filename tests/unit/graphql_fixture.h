#ifndef TRACKLIGHT_TESTS_GRAPHQL_FIXTURE_H
#define TRACKLIGHT_TESTS_GRAPHQL_FIXTURE_H

#include "common/graphql/execute.h"

/* Asks a schema whose fields show what they were asked. */

struct world {
    struct arena *arena;
    struct buffer out;
    size_t objects; /* that may still be written */
    size_t limit;   /* how many may be, at most 10000; 0: so many */
};

/* For cmocka: make a world, give it up. */
int set_up(void **state);
int tear_down(void **state);

/* Bytes that the arena held at most while items were loaded. */
extern size_t most_held;

enum graphql_answer answer(struct world *world, const char *query, const char *variables,
                           const char *operation);

/* The answer without the blanks between its parts. */
const char *said(struct world *world);

void expect(struct world *world, const char *query, const char *variables, const char *expected);

/* What the field `tell` shows of these arguments. */
void expect_told(struct world *world, const char *arguments, const char *expected);

/* No data, and these errors, as JSON texts with commas between them. */
void expect_errors(struct world *world, const char *query, const char *variables, const char *errors);
void expect_syntax_error(struct world *world, const char *query, const char *error);

#endif
