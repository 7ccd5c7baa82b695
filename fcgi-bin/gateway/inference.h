#ifndef TRACKLIGHT_GATEWAY_INFERENCE_H
#define TRACKLIGHT_GATEWAY_INFERENCE_H

#include "fcgi-bin/gateway/gateway.h"
#include "fcgi-bin/gateway/work.h"

/* Why an attempt, or the whole call, came to nothing. */
struct failure {
    int status;
    struct sv detail;     /* a text, or JSON with is_json */
    bool is_json;         /* the provider's own object */
    bool as_object;       /* told as {"error_code", "message"}, with the name of `code` */
    enum error_code code; /* with as_object */
    bool from_provider;   /* the provider answered so */
    bool client_gone;
};

/* One call of a client, while it is answered. */
struct inference {
    struct request *request;
    struct gateway *gateway;
    struct work *work;
    enum gateway_route route;
    struct sv name;     /* the endpoint's */
    bool is_unreadable; /* the body: `failure` says why */
    struct json_object *payload;
    bool stream;
    struct name_value *headers; /* the client's; passthrough */
    size_t header_count;

    const struct gateway_routing *routing;
    int64_t changes; /* that the routing is from */

    const struct gateway_route_model *model; /* of the last attempt */
    int64_t attempts;                        /* calls of providers */
    struct gateway_usage usage;
    int64_t first_token_us; /* when the first piece of a stream left; 0: none did */
    struct failure failure;
};

/* All of these return FAILED. */
enum status fail_text(struct inference *inference, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum status fail_object(struct inference *inference, enum error_code code, struct sv message);
/* What a function of the store, of a target or a secret set; it is cleared. */
enum status fail_error(struct inference *inference, struct error *error);

/* The models to be tried, in this order; FAILED if there is none to begin with. */
enum status plan_attempts(struct inference *inference, const struct gateway_route_model ***models,
                          size_t *count);

/* One attempt. OK: the reply is made, or has left as a stream. FAILED: `failure` says why; nothing has left
 * unless request->reply.started. */
enum status call_model(struct inference *inference, const struct gateway_route_model *model);

#endif
