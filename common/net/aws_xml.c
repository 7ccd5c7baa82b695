#include "common/net/aws_xml.h"

#include <expat.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX      16
#define NAME_MAX_BYTES 256

/* In the buffer: this head, the name, the text. An element that has not ended keeps its text at the end of
 * the buffer; a child's record goes over its parent's text so far, which means nothing then. */
struct record {
    uint32_t name_length;
    uint32_t text_length;
    uint32_t depth;
};

struct parse {
    XML_Parser parser;
    struct buffer *out;
    size_t text_from; /* of the innermost open element */
    unsigned depth;
    bool refused;
};

static void refuse(struct parse *parse)
{
    parse->refused = true;
    XML_StopParser(parse->parser, XML_FALSE);
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_subset;
    refuse(context);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct parse *parse = context;
    if (++parse->depth > DEPTH_MAX || strlen(name) > NAME_MAX_BYTES)
        refuse(parse);
    parse->out->len = parse->text_from;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int length)
{
    struct parse *parse = context;
    buffer_append(parse->out, text, (size_t)length);
    if (parse->out->failed)
        refuse(parse);
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct parse *parse = context;
    const char *local = strchr(name, ':');
    local = local ? local + 1 : name;
    struct buffer *out = parse->out;
    size_t text_length = out->len - parse->text_from;
    struct record record = {
        .name_length = (uint32_t)strlen(local),
        .text_length = (uint32_t)text_length,
        .depth = parse->depth--,
    };
    size_t head = sizeof(record) + record.name_length;
    if (!buffer_reserve(out, head)) {
        refuse(parse);
        return;
    }
    char *at = out->data + parse->text_from;
    memmove(at + head, at, text_length);
    memcpy(at, &record, sizeof(record));
    memcpy(at + sizeof(record), local, record.name_length);
    out->len += head;
    parse->text_from = out->len;
}

bool aws_xml_parse(struct sv document, struct buffer *elements)
{
    if (document.len == 0 || document.len > INT_MAX)
        return false;
    struct parse parse = {.parser = XML_ParserCreate("UTF-8"), .out = elements};
    if (!parse.parser)
        return false;
    XML_SetUserData(parse.parser, &parse);
    XML_SetElementHandler(parse.parser, on_start, on_end);
    XML_SetCharacterDataHandler(parse.parser, on_text);
    XML_SetStartDoctypeDeclHandler(parse.parser, on_doctype);
    bool good = XML_Parse(parse.parser, document.data, (int)document.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(parse.parser);
    return good && !parse.refused && !elements->failed;
}

bool aws_xml_next(struct sv *rest, struct aws_xml_element *element)
{
    struct record record;
    if (!rest->data || rest->len < sizeof(record))
        return false;
    memcpy(&record, rest->data, sizeof(record));
    *rest = sv_from_offset(*rest, sizeof(record));
    element->depth = record.depth;
    element->name = sv_first(*rest, record.name_length);
    *rest = sv_from_offset(*rest, record.name_length);
    element->text = sv_first(*rest, record.text_length);
    *rest = sv_from_offset(*rest, record.text_length);
    return true;
}

struct sv aws_xml_find(const struct buffer *elements, unsigned depth, struct sv name)
{
    struct sv rest = buffer_sv(elements);
    struct aws_xml_element element;
    while (aws_xml_next(&rest, &element)) {
        if (element.depth == depth && sv_equal(element.name, name))
            return element.text;
    }
    return SV_ABSENT;
}
