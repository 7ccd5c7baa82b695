// Reads lines of JSON, [SDK, action, URL, endpoint], makes a call through the gateway for each, with an SDK as published
// on npm, and prints a line with what the SDK's user would see: {"error": {name, status, message}} if the SDK threw.

"use strict";

const parameters = {
  type: "object",
  properties: { place: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
  required: ["place"],
};
const messages = [{ role: "user", content: "What is the weather?" }];
const options = { apiKey: "of the client", maxRetries: 0 };

async function collect(stream, take) {
  const taken = [];
  for await (const event of stream) taken.push(take(event));
  return taken;
}

const actions = {
  // Against the unified routes, whatever the provider behind them.
  "openai-unified": (make, url, endpoint) => {
    const client = make(`${url}/gateway/mlflow/v1`);
    const tools = [{ type: "function", function: { name: "weather", parameters } }];
    const create = (more) => client.chat.completions.create({ model: endpoint, messages, ...more });
    return {
      chat: () => create({}),
      stream: async () => collect(await create({ stream: true }), (chunk) => chunk),
      tools: () => create({ tools, tool_choice: "auto" }),
      "tools-stream": async () => {
        const calls = [];
        for await (const chunk of await create({ tools, stream: true })) {
          for (const piece of chunk.choices[0]?.delta?.tool_calls ?? []) {
            const call = (calls[piece.index] ??= { arguments: "" });
            call.id ??= piece.id;
            call.name ??= piece.function?.name;
            call.arguments += piece.function?.arguments ?? "";
          }
        }
        return calls;
      },
      "tools-helper": async () => {
        const runner = client.chat.completions.stream({ model: endpoint, messages, tools });
        const whole = await runner.finalChatCompletion();
        return whole.choices[0].message.tool_calls.map(({ id, function: { name, arguments: text } }) => ({ id, name, arguments: text }));
      },
    };
  },
  // Against the routes that pass through.
  openai: (make, url, endpoint) => {
    const client = make(`${url}/gateway/openai/v1`);
    const create = (more) => client.chat.completions.create({ model: endpoint, messages, ...more });
    return {
      chat: () => create({}),
      stream: async () => collect(await create({ stream: true }), (chunk) => chunk.choices[0]?.delta?.content ?? ""),
      embeddings: () => client.embeddings.create({ model: endpoint, input: ["a"], encoding_format: "float" }),
      responses: () => client.responses.create({ model: endpoint, input: "hi" }),
      "responses-stream": async () =>
        collect(await client.responses.create({ model: endpoint, input: "hi", stream: true }), (event) => event.type),
    };
  },
  anthropic: (make, url, endpoint) => {
    const client = make(`${url}/gateway/anthropic`);
    const body = { model: endpoint, max_tokens: 100, messages };
    return {
      chat: () => client.messages.create(body),
      stream: async () => {
        const stream = client.messages.stream(body);
        const events = await collect(stream, (event) => event.type);
        return { events, message: await stream.finalMessage() };
      },
      tools: () => client.messages.create({ ...body, tools: [{ name: "weather", input_schema: parameters }] }),
    };
  },
  google: (make, url, endpoint) => {
    const client = make(`${url}/gateway/gemini`);
    const request = { model: endpoint, contents: "What is the weather?" };
    return {
      chat: async () => {
        const reply = await client.models.generateContent(request);
        return { text: reply.text, usage: reply.usageMetadata };
      },
      stream: async () => collect(await client.models.generateContentStream(request), (chunk) => chunk.text),
      tools: async () => {
        const tools = [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: parameters }] }];
        const reply = await client.models.generateContent({ ...request, config: { tools } });
        return reply.functionCalls;
      },
    };
  },
  ai: (make, url, endpoint) => {
    const { generateText, streamText, embed, tool, jsonSchema } = require("ai");
    const model = make(`${url}/gateway/mlflow/v1`).chat(endpoint);
    const common = { model, prompt: "What is the weather?", maxRetries: 0 };
    const tools = { weather: tool({ description: "The weather", inputSchema: jsonSchema(parameters) }) };
    const calls = (list) => list.map(({ toolName, input }) => ({ toolName, input }));
    return {
      chat: async () => {
        const { text, usage, finishReason } = await generateText(common);
        return { text, usage, finishReason };
      },
      stream: async () => {
        let failure;
        const result = streamText({ ...common, onError: ({ error }) => (failure = error) });
        const pieces = await collect(result.textStream, (piece) => piece);
        if (failure) throw failure;
        return { pieces, finishReason: await result.finishReason };
      },
      tools: async () => calls((await generateText({ ...common, tools })).toolCalls),
      "tools-stream": async () => {
        const result = streamText({ ...common, tools });
        for await (const _ of result.fullStream);
        return calls(await result.toolCalls);
      },
      embeddings: async () => {
        const provider = make(`${url}/gateway/openai/v1`);
        return (await embed({ model: provider.textEmbeddingModel(endpoint), value: "a", maxRetries: 0 })).embedding;
      },
    };
  },
};

const makers = {
  openai: (baseURL) => new (require("openai").OpenAI)({ ...options, baseURL }),
  anthropic: (baseURL) => new (require("@anthropic-ai/sdk").Anthropic)({ ...options, baseURL }),
  google: (baseUrl) => new (require("@google/genai").GoogleGenAI)({ apiKey: options.apiKey, httpOptions: { baseUrl } }),
  ai: (baseURL) => require("@ai-sdk/openai").createOpenAI({ apiKey: options.apiKey, baseURL }),
};

async function answer([sdk, action, url, endpoint]) {
  try {
    return await actions[sdk](makers[sdk.split("-")[0]], url, endpoint)[action]();
  } catch (error) {
    return { error: { name: error.constructor.name, status: error.status ?? error.statusCode, message: error.message } };
  }
}

async function main() {
  for await (const line of require("readline").createInterface({ input: process.stdin }))
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}

main();
