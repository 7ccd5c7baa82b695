#include "common/gateway/provider.h"

const struct provider provider_bedrock = {.title = "Amazon Bedrock", .framing = FRAMING_SSE};
