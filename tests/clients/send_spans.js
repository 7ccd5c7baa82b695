// usage: node send_spans.js proto|http URL EXPERIMENT none|gzip
// Sends one trace of three spans with OpenTelemetry's exporter and prints what happened as JSON.
'use strict';

const { context, diag, DiagLogLevel, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const { Resource } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const [encoding, url, experiment, compression] = process.argv.slice(2);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${encoding}`);

const problems = [];
const note = (...words) => problems.push(words.map(String).join(' '));
const quiet = () => {};
diag.setLogger({ error: note, warn: note, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN);

const exporter = new OTLPTraceExporter({
  url: `${url}/v1/traces`,
  headers: { 'x-mlflow-experiment-id': experiment },
  compression,
});
const provider = new BasicTracerProvider({
  resource: new Resource({ 'service.name': 'client-test' }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer('client-test', '1.0');

const root = tracer.startSpan('root', {
  kind: SpanKind.SERVER,
  attributes: { 'session.id': 'session-1', whole: 7, real: 1.5, yes: true, list: ['a', 'b'], text: 'grüße' },
});
const below = trace.setSpan(context.active(), root);
const model = tracer.startSpan('model', { attributes: {
  'gen_ai.operation.name': 'chat',
  'gen_ai.usage.input_tokens': 11,
  'gen_ai.usage.output_tokens': 4,
} }, below);
model.addEvent('token', { index: 1 });
model.end();
const tool = tracer.startSpan('tool', {}, below);
tool.recordException(new Error('no such thing'));
tool.setStatus({ code: SpanStatusCode.ERROR, message: 'it failed' });
tool.end();
root.end();

provider.forceFlush().catch(note).then(() => provider.shutdown()).catch(note).then(() => {
  console.log(JSON.stringify({ traceId: root.spanContext().traceId, problems }));
});
