#include "common/gateway/provider.h"

const struct provider provider_gemini = {.title = "Gemini", .framing = FRAMING_SSE};
