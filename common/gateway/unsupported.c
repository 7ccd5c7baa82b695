#include "common/gateway/provider.h"

const struct provider provider_unsupported = {.title = "Provider", .framing = FRAMING_SSE};
