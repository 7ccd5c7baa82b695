#ifndef TRACKLIGHT_GRAPHQL_DOCUMENT_H
#define TRACKLIGHT_GRAPHQL_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sv.h"

/* A GraphQL document as it was parsed. Everything is in the arena; lists are linked by `next`. */

enum graphql_value_kind {
    GRAPHQL_NULL,
    GRAPHQL_VARIABLE, /* text: its name; in documents only */
    GRAPHQL_INT,      /* text: as it stands there; number, once it was checked against a type */
    GRAPHQL_FLOAT,    /* text likewise */
    GRAPHQL_STRING,   /* text */
    GRAPHQL_BOOLEAN,  /* truth */
    GRAPHQL_ENUM,     /* text */
    GRAPHQL_LIST,     /* items */
    GRAPHQL_OBJECT,   /* items, each with its name */
};

/* A value, an argument, or a field of an input object. */
struct graphql_value {
    enum graphql_value_kind kind;
    bool truth;
    int64_t number;
    struct sv text;
    struct sv name; /* of an argument or a field */
    struct graphql_value *items;
    struct graphql_value *next;
};

struct graphql_directive {
    struct sv name;
    struct graphql_value *arguments;
    struct graphql_directive *next;
};

enum graphql_selection_kind { GRAPHQL_FIELD, GRAPHQL_SPREAD, GRAPHQL_INLINE_FRAGMENT };

struct graphql_selection {
    enum graphql_selection_kind kind;
    struct sv alias; /* absent: none */
    struct sv name;  /* of a field, or of the fragment that is spread */
    struct sv on;    /* the type condition of an inline fragment; absent: none */
    struct graphql_value *arguments;
    struct graphql_directive *directives;
    struct graphql_selection *selections; /* NULL: no selection set */
    struct graphql_selection *next;
};

/* A type as a variable's definition writes it: [[Name!]!]! */
struct graphql_type_name {
    struct sv name;                 /* absent for lists */
    struct graphql_type_name *item; /* of a list */
    bool required;
};

struct graphql_variable {
    struct sv name;
    struct graphql_type_name *type;
    struct graphql_value *fallback; /* NULL: no default value */
    struct graphql_directive *directives;
    bool used; /* for those who check the document */
    struct graphql_variable *next;
};

enum graphql_operation_kind { GRAPHQL_QUERY, GRAPHQL_MUTATION, GRAPHQL_SUBSCRIPTION };

struct graphql_operation {
    enum graphql_operation_kind kind;
    struct sv name; /* absent: none */
    struct graphql_variable *variables;
    struct graphql_directive *directives;
    struct graphql_selection *selections;
    struct graphql_operation *next;
};

struct graphql_fragment {
    struct sv name;
    struct sv on;
    struct graphql_directive *directives;
    struct graphql_selection *selections;
    bool used, entered; /* for those who walk the document */
    struct graphql_fragment *next;
};

struct graphql_document {
    struct graphql_operation *operations;
    struct graphql_fragment *fragments;
};

/* NULL if there is none of that name. */
struct graphql_fragment *graphql_fragment_find(const struct graphql_document *document, struct sv name);

/* An item by its name; NULL if there is none. */
struct graphql_value *graphql_item(struct graphql_value *items, struct sv name);

#endif
