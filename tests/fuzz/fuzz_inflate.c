/* However a body was packed, no more than the ceiling comes out of it. The first byte says how it was packed.
 */

#include <stdint.h>
#include <stdlib.h>

#include "common/trace/inflate.h"

enum { CEILING = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buffer out;
    buffer_init(&out, CEILING);
    enum inflate_coding coding = (enum inflate_coding)(data[0] % (INFLATE_UNKNOWN + 1));
    inflate_body(coding, (struct sv){(const char *)data + 1, size - 1}, &out);
    if (out.len > CEILING)
        abort();
    buffer_free(&out);
    return 0;
}
