#ifndef TRACKLIGHT_NET_AWS_XML_H
#define TRACKLIGHT_NET_AWS_XML_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/sv.h"

/* The XML answers of S3 and STS, read through expat into a flat list of elements. Documents with a DOCTYPE
 * (and so with entities of their own), deeper than 16 elements, or with more text than the buffer's ceiling
 * are refused. */

/* An element, told when it ends: parents come after their children. */
struct aws_xml_element {
    unsigned depth; /* 1 for the root */
    struct sv name;
    struct sv text; /* its own character data, untrimmed; that of an element with children means nothing */
};

/* Fills `elements` for aws_xml_next. False for what is not well-formed or is refused. */
bool aws_xml_parse(struct sv document, struct buffer *elements);

/* Takes the next element off *rest, which begins as buffer_sv(elements). False at the end. */
bool aws_xml_next(struct sv *rest, struct aws_xml_element *element);

/* The text of the first element of this name at this depth; absent if there is none. */
struct sv aws_xml_find(const struct buffer *elements, unsigned depth, struct sv name);

#endif
