#ifndef TRACKLIGHT_GRAPHQL_PARSER_H
#define TRACKLIGHT_GRAPHQL_PARSER_H

#include "common/base/arena.h"
#include "common/graphql/document.h"

/* How deep braces, brackets and parentheses may stand in one another. */
#define GRAPHQL_NESTING_MAX 64

/* Arguments in one list, and fields in one object: what checks them compares each with each. */
#define GRAPHQL_NAMES_MAX 64

/* Parses an executable document (GraphQL specification, October 2021, section 2.2): operations and fragments.
 * The text is UTF-8 and stays. False with a sentence for the client. */
bool graphql_parse(struct arena *arena, struct sv text, struct graphql_document *document,
                   struct sv *problem);

#endif
