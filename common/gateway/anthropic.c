#include "common/gateway/provider.h"

const struct provider provider_anthropic = {.title = "Anthropic", .framing = FRAMING_SSE};
