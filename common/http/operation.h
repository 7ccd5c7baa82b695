#ifndef TRACKLIGHT_HTTP_OPERATION_H
#define TRACKLIGHT_HTTP_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/permission.h"
#include "common/http/field.h"

struct request;

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER,
};

/* Which paths a row answers. P is the static prefix. */
enum api_root {
    ROOT_API_2,      /* /api/2.0 and P/ajax-api/2.0 */
    ROOT_API_3,      /* /api/3.0 and P/ajax-api/3.0 */
    ROOT_AJAX_2,     /* P/ajax-api/2.0 only */
    ROOT_AJAX_3,     /* P/ajax-api/3.0 only */
    ROOT_API_2_ONLY, /* /api/2.0 and P/api/2.0, where the page's cookie is sent */
    ROOT_API_3_ONLY, /* /api/3.0 and P/api/3.0 */
    ROOT_PREFIXED,   /* P + path */
    ROOT_PLAIN,      /* path, never prefixed */
    ROOT_BOTH,       /* path and P + path */
};

/* What a handler may do with the store. */
enum access {
    ACCESS_NONE,  /* no transaction; the handler may open short ones itself (request_begin, request_commit) */
    ACCESS_READ,  /* a snapshot, writes refused */
    ACCESS_WRITE, /* one transaction; the reply leaves only after the commit is durable */
    ACCESS_STREAM_READ, /* a snapshot per page: the reply may be drained while it is made (reply_drain) */
};

/* How errors of a row are told to its clients. */
enum error_shape {
    ERROR_MLFLOW, /* {"error_code": CODE, "message": text}: MLflow's own handlers */
    ERROR_DETAIL, /* {"detail": text}: those that MLflow has from FastAPI */
};

/* What the caller must be allowed to do; enforced when authentication is on (fcgi-bin/permit.h). A program
 * with a row that declares no need, or one whose input does not name what is needed, does not start. */
enum resource {
    RESOURCE_UNDECLARED = 0,
    RESOURCE_PUBLIC,   /* anybody, even without credentials */
    RESOURCE_ANY,      /* any authenticated user; not for what reads the store */
    RESOURCE_FILTERED, /* any authenticated user: the handler leaves out what he may not read
                          (fcgi-bin/permit_filter.h), without which it fails */
    RESOURCE_EXPERIMENT,
    RESOURCE_EXPERIMENT_NAME,
    RESOURCE_RUN,
    RESOURCE_LOGGED_MODEL,
    RESOURCE_REGISTERED_MODEL,
    RESOURCE_MODEL_SOURCE, /* what a model version is made from */
    RESOURCE_TRACE,
    RESOURCE_SCORER,
    RESOURCE_SCORER_ID,
    RESOURCE_SCORER_MODEL,       /* the endpoint that a serialized scorer asks */
    RESOURCE_EVALUATION_DATASET, /* that is, the experiments that it is linked to */
    RESOURCE_ARTIFACT_PATH,      /* the experiment whose number the path begins with */
    RESOURCE_LOCATION,           /* the experiments with which a place of artifacts has files in common */
    RESOURCE_SECRET,
    RESOURCE_ENDPOINT,
    RESOURCE_ENDPOINT_NAME,
    RESOURCE_MODEL_DEFINITION,
    RESOURCE_JOB,  /* the experiment that its parameters name; without one administrators */
    RESOURCE_USER, /* for himself, and administrators */
    RESOURCE_ADMIN,
    RESOURCE_COUNT,
};

struct need {
    enum resource resource;
    enum permission permission;
    const char *in;        /* the input's field that names it, "objects.field" for one of objects or of JSON,
                              "header x-name"; NULL: the usual one of the resource, as run_id */
    const char *otherwise; /* what is meant if nothing is named, "" for things of no experiment */
    bool optional;         /* what is not named, or not there, needs nothing; else it is refused */
};

#define NEEDS(resource_, permission_)                                                         \
    {                                                                                         \
        .resource = RESOURCE_##resource_, .permission = PERMISSION_##permission_, .in = NULL, \
    }
#define NEEDS_IN(resource_, permission_, in_)                                                \
    {                                                                                        \
        .resource = RESOURCE_##resource_, .permission = PERMISSION_##permission_, .in = in_, \
    }
#define NEEDS_OR(resource_, permission_, in_, otherwise_)                                    \
    {                                                                                        \
        .resource = RESOURCE_##resource_, .permission = PERMISSION_##permission_, .in = in_, \
        .otherwise = otherwise_,                                                             \
    }
#define NEEDS_IF(resource_, permission_, in_)                                                \
    {                                                                                        \
        .resource = RESOURCE_##resource_, .permission = PERMISSION_##permission_, .in = in_, \
        .optional = true,                                                                    \
    }

/* What is needed besides: .also = ALSO(NEEDS_IF(…), NEEDS_IF(…)) */
#define ALSO(...) ((const struct need[]){__VA_ARGS__, {.resource = RESOURCE_UNDECLARED, .in = NULL}})

/* `in` points to the struct of the row's INPUT, filled and checked (NULL for a row without one). Returns OK
 * after writing a reply, or FAILED after fail(). */
typedef enum status operation_handler(struct request *request, const void *in);

/* Fills `in`, the struct of the row's INPUT, from path, query and body; instead of the rules of input.h,
 * where bodies are judged otherwise. Returns OK; FAILED after a reply or fail(). */
typedef enum status operation_input(struct request *request, void *in);

struct operation {
    const char *name; /* as in the API's operation list, e.g. "logMetric"; in logs and metrics too */
    const char *area; /* "tracking", "server", … */
    enum http_method method;
    enum api_root root;
    const char
        *path; /* "/mlflow/runs/log-metric"; "{name}" is one segment, "{name...}" the rest (one or more) */
    operation_handler *handler;
    enum access access;
    struct need needs;
    const struct need *also; /* ends with RESOURCE_UNDECLARED; NULL: nothing */
    const struct input *input;
    operation_input *fill_input; /* NULL: input_check */
    enum error_shape error_shape;
    int64_t body_limit;        /* bytes; 0 is BODY_LIMIT_DEFAULT */
    bool any_content_type;     /* the body is not JSON, or its type does not matter */
    bool raw_body;             /* the handler reads the body itself */
    bool registry;             /* its transaction is the model registry's, which may be another database */
    bool users;                /* is there only with authentication; its transaction is the users' database */
    bool query_or_body;        /* without a body of JSON the parameters are in the query */
    bool csrf_in_form;         /* the handler looks for the token of a session in the form that it reads */
    bool never_artifacts_only; /* answers even with --artifacts-only (health, version, /) */
    bool artifact_proxy;       /* answers with --artifacts-only, but not with --no-serve-artifacts */
};

/* One program: its tables and what surrounds the handlers. */
struct program {
    const char *name;                      /* "tracking" */
    const struct operation *const *tables; /* NULL-terminated; each table ends with a NULL path */
};

#endif
