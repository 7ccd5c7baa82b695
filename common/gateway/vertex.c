#include "common/gateway/provider.h"

const struct provider provider_vertex = {.title = "Vertex AI", .framing = FRAMING_SSE};
