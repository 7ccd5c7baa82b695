#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/net/aws_credentials.h"
#include "common/net/aws_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An answer of S3, and a shared file of AWS's tools. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv text = {(const char *)data, size};
    struct buffer elements;
    buffer_init(&elements, 64L * 1024);
    if (aws_xml_parse(text, &elements)) {
        struct sv rest = buffer_sv(&elements);
        struct aws_xml_element element;
        size_t last_depth = 0;
        while (aws_xml_next(&rest, &element))
            last_depth = element.depth;
        if (rest.len != 0 || last_depth != 1)
            abort();
    }
    buffer_free(&elements);
    struct sv value = aws_profile_value(text, SV("default"), SV("region"));
    if (value.data && (value.data < text.data || value.data + value.len > text.data + text.len))
        abort();
    return 0;
}
