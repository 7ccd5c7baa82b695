#ifndef TRACKLIGHT_TRACE_CONVENTIONS_H
#define TRACKLIGHT_TRACE_CONVENTIONS_H

#include "common/trace/attributes.h"
#include "common/trace/span.h"

/* MLflow's own attributes. */
#define SPAN_TRACE_ID       "mlflow.traceRequestId"
#define SPAN_TYPE           "mlflow.spanType"
#define SPAN_INPUTS         "mlflow.spanInputs"
#define SPAN_OUTPUTS        "mlflow.spanOutputs"
#define SPAN_TOKEN_USAGE    "mlflow.chat.tokenUsage"
#define SPAN_COST           "mlflow.llm.cost"
#define SPAN_MODEL          "mlflow.llm.model"
#define SPAN_PROVIDER       "mlflow.llm.provider"
#define SPAN_MESSAGE_FORMAT "mlflow.message.format"
#define SPAN_TRACE_TAG      "mlflow.traceTag."

/* Adds those of MLflow's attributes that are absent and that another convention says: OpenInference,
 * OpenTelemetry GenAI, Traceloop, Google ADK, Vercel AI, VoltAgent, in this order. Fills the row's type and,
 * if the span says what it used, its usage. */
void conventions_translate(struct attributes *attributes, struct span_row *row);

#endif
