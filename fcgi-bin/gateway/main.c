#include <openssl/crypto.h>
#include <sys/prctl.h>

#include "common/base/log.h"
#include "fcgi-bin/gateway/gateway.h"
#include "fcgi-bin/program.h"

static struct gateway gateway;

struct gateway *request_gateway(const struct request *request)
{
    return (struct gateway *)request_service(request);
}

static void close_gateway(struct service *service)
{
    (void)service;
    usage_stop(gateway.usage);
    tokens_free(gateway.tokens);
    routes_free(gateway.routes);
    secrets_free(gateway.secrets);
    envelope_free(gateway.envelope);
    targets_free(gateway.targets);
    /* Nothing is left that could be dumped; checkers that look at the process as it ends can do so. */
    prctl(PR_SET_DUMPABLE, 1);
}

static enum status open_gateway(struct service *service, struct arena *arena, struct error *error)
{
    const struct settings *settings = service->settings;
    struct sv problem;
    if (!service->has_store)
        return OK;
    prctl(PR_SET_DUMPABLE, 0);
    gateway.targets = targets_new(settings, arena, &problem);
    if (!gateway.targets)
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "%.*s", SV_ARG(problem));
    gateway.envelope = envelope_new(settings->crypto_kek_passphrase, arena, error);
    if (!gateway.envelope) {
        close_gateway(service);
        return FAILED;
    }
    gateway.secrets =
        secrets_new(gateway.envelope, settings->secrets_cache_ttl, settings->secrets_cache_max_size);
    gateway.tokens = tokens_new();
    gateway.routes = routes_new();
    gateway.usage = usage_start(&service->store);
    if (gateway.secrets && gateway.tokens && gateway.routes && gateway.usage)
        return OK;
    close_gateway(service);
    return error_set(error, arena, TEMPORARILY_UNAVAILABLE, "There is no memory to start with.");
}

static int64_t threads_of(const struct settings *settings)
{
    return settings->gateway_threads;
}

static const struct operation *const tables[] = {inference_operations, deployments_operations, NULL};

int main(int argc, char **argv)
{
    static const struct fastcgi_program program = {
        .program = {.name = "gateway", .tables = tables},
        .summary = "Calls models of many providers",
        .service = &gateway.service,
        .threads = threads_of,
        .open = open_gateway,
        .close = close_gateway,
    };
    return program_main(&program, argc, argv);
}
