#include <stdlib.h>

#include "common/gateway/provider.h"

static const struct name_value copilot_headers[] = {
    {SV("copilot-integration-id"), SV("vscode-chat")},
    {SV("x-github-api-version"), SV("2025-04-01")},
    {SV_ABSENT, SV_ABSENT},
};

static const struct name_value openai_headers[] = {
    {SV("openai-organization"), SV("organization")},
    {SV_ABSENT, SV_ABSENT},
};

static const struct name_value openrouter_headers[] = {
    {SV("http-referer"), SV("http_referer")},
    {SV("x-title"), SV("x_title")},
    {SV_ABSENT, SV_ABSENT},
};

const struct provider_row provider_compatible = {
    .name = "openai_like",
    .adapter = &provider_like_openai,
    .key_optional = true,
};

/* clang-format off */
const struct provider_row provider_rows[] = {
    {.name = "ai21", .adapter = &provider_like_openai, .base_url = "https://api.ai21.com/studio/v1"},
    {.name = "aleph_alpha", .adapter = &provider_unsupported},
    {.name = "amazon-bedrock", .adapter = &provider_bedrock},
    {.name = "anthropic", .adapter = &provider_anthropic, .base_url = "https://api.anthropic.com/v1"},
    {.name = "anyscale", .adapter = &provider_like_openai, .base_url = "https://api.endpoints.anyscale.com/v1"},
    {.name = "azure", .adapter = &provider_azure},
    {.name = "azure_ai", .adapter = &provider_azure_ai},
    {.name = "bedrock", .adapter = &provider_bedrock},
    {.name = "bedrock_converse", .adapter = &provider_bedrock},
    {.name = "cerebras", .adapter = &provider_like_openai, .base_url = "https://api.cerebras.ai/v1"},
    {.name = "clarifai", .adapter = &provider_unsupported},
    {.name = "cloudflare", .adapter = &provider_unsupported},
    {.name = "codestral", .adapter = &provider_like_openai, .base_url = "https://codestral.mistral.ai/v1", .no_stream_options = true},
    {.name = "cohere", .adapter = &provider_like_openai, .base_url = "https://api.cohere.ai/compatibility/v1"},
    {.name = "cohere_chat", .adapter = &provider_like_openai, .base_url = "https://api.cohere.ai/compatibility/v1"},
    {.name = "custom_openai", .adapter = &provider_like_openai, .key_optional = true},
    {.name = "dashscope", .adapter = &provider_like_openai, .base_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"},
    {.name = "databricks", .adapter = &provider_databricks},
    {.name = "databricks-model-serving", .adapter = &provider_databricks},
    {.name = "deepinfra", .adapter = &provider_like_openai, .base_url = "https://api.deepinfra.com/v1/openai"},
    {.name = "deepseek", .adapter = &provider_like_openai, .base_url = "https://api.deepseek.com/v1"},
    {.name = "empower", .adapter = &provider_like_openai, .base_url = "https://app.empower.dev/api/v1"},
    {.name = "fireworks_ai", .adapter = &provider_like_openai, .base_url = "https://api.fireworks.ai/inference/v1"},
    {.name = "friendliai", .adapter = &provider_like_openai, .base_url = "https://api.friendli.ai/serverless/v1"},
    {.name = "galadriel", .adapter = &provider_like_openai, .base_url = "https://api.galadriel.com/v1"},
    {.name = "gemini", .adapter = &provider_gemini, .base_url = "https://generativelanguage.googleapis.com/v1beta/models"},
    {.name = "github", .adapter = &provider_like_openai, .base_url = "https://models.inference.ai.azure.com", .no_stream_options = true},
    {.name = "github_copilot", .adapter = &provider_like_openai, .base_url = "https://api.githubcopilot.com", .extra_headers = copilot_headers},
    {.name = "groq", .adapter = &provider_like_openai, .base_url = "https://api.groq.com/openai/v1"},
    {.name = "hosted_vllm", .adapter = &provider_like_openai, .key_optional = true},
    {.name = "huggingface", .adapter = &provider_like_openai, .base_url = "https://router.huggingface.co/v1"},
    {.name = "jina_ai", .adapter = &provider_like_openai, .base_url = "https://api.jina.ai/v1", .embeddings_only = true},
    {.name = "litellm_proxy", .adapter = &provider_like_openai, .key_optional = true},
    {.name = "llamafile", .adapter = &provider_like_openai, .key_optional = true},
    {.name = "lm_studio", .adapter = &provider_like_openai, .key_optional = true},
    {.name = "maritalk", .adapter = &provider_unsupported},
    {.name = "meta_llama", .adapter = &provider_like_openai, .base_url = "https://api.llama.com/compat/v1"},
    {.name = "mistral", .adapter = &provider_mistral, .base_url = "https://api.mistral.ai/v1"},
    {.name = "moonshot", .adapter = &provider_like_openai, .base_url = "https://api.moonshot.ai/v1"},
    {.name = "nlp_cloud", .adapter = &provider_unsupported},
    {.name = "nscale", .adapter = &provider_like_openai, .base_url = "https://inference.api.nscale.com/v1"},
    {.name = "nvidia_nim", .adapter = &provider_like_openai, .base_url = "https://integrate.api.nvidia.com/v1", .input_type = "query"},
    {.name = "oci", .adapter = &provider_unsupported},
    {.name = "ollama", .adapter = &provider_like_openai, .base_url = "http://localhost:11434/v1", .key_optional = true},
    {.name = "ollama_chat", .adapter = &provider_like_openai, .base_url = "http://localhost:11434/v1", .key_optional = true},
    {.name = "openai", .adapter = &provider_openai, .base_url = "https://api.openai.com/v1", .config_headers = openai_headers},
    {.name = "openai_like", .adapter = &provider_like_openai, .key_optional = true},
    {.name = "openrouter", .adapter = &provider_like_openai, .base_url = "https://openrouter.ai/api/v1", .config_headers = openrouter_headers},
    {.name = "perplexity", .adapter = &provider_like_openai, .base_url = "https://api.perplexity.ai", .no_stream_options = true, .chat_only = true},
    {.name = "petals", .adapter = &provider_unsupported},
    {.name = "predibase", .adapter = &provider_unsupported},
    {.name = "replicate", .adapter = &provider_unsupported},
    {.name = "sagemaker", .adapter = &provider_unsupported},
    {.name = "sagemaker_chat", .adapter = &provider_unsupported},
    {.name = "sambanova", .adapter = &provider_like_openai, .base_url = "https://api.sambanova.ai/v1"},
    {.name = "snowflake", .adapter = &provider_unsupported},
    {.name = "together_ai", .adapter = &provider_like_openai, .base_url = "https://api.together.xyz/v1"},
    {.name = "togetherai", .adapter = &provider_like_openai, .base_url = "https://api.together.xyz/v1"},
    {.name = "triton", .adapter = &provider_unsupported},
    {.name = "vertex_ai", .adapter = &provider_vertex},
    {.name = "volcengine", .adapter = &provider_like_openai, .base_url = "https://ark.cn-beijing.volces.com/api/v3"},
    {.name = "voyage", .adapter = &provider_like_openai, .base_url = "https://api.voyageai.com/v1", .embeddings_only = true},
    {.name = "watsonx", .adapter = &provider_unsupported},
    {.name = "watsonx_text", .adapter = &provider_unsupported},
    {.name = "xai", .adapter = &provider_like_openai, .base_url = "https://api.x.ai/v1"},
    {.name = NULL},
};
/* clang-format on */

#define ROWS (sizeof(provider_rows) / sizeof(provider_rows[0]) - 1)

static int compare_name(const void *name, const void *row)
{
    return sv_compare(*(const struct sv *)name, sv_from(((const struct provider_row *)row)->name));
}

const struct provider_row *provider_find(struct sv name)
{
    return bsearch(&name, provider_rows, ROWS, sizeof(provider_rows[0]), compare_name);
}
