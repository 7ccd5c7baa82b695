#include "cli/server_messages.h"

#include <unistd.h>

#include "cli/command.h"
#include "common/store/uri.h"

#define FOREIGN_DATABASE   "mlflow.db"
#define LISTED_ENTRIES     3
#define ACCEPTS_ALL(entry) sv_equal((entry), SV("*"))

/* A database of MLflow's own lies where a new one of ours is about to be made: its owner may expect to see
 * the data in it. */
static void say_foreign_database(struct sv database, struct arena *arena)
{
    if (access(FOREIGN_DATABASE, F_OK) != 0 || access(arena_cstr(arena, database), F_OK) == 0)
        return;
    notice("There is an " FOREIGN_DATABASE
           " here. Tracklight keeps a database of its own, %.*s: " FOREIGN_DATABASE
           " is left untouched, and what it holds will not show up.",
           SV_ARG(database));
}

void say_stores(const struct config *config, struct sv database, struct arena *arena)
{
    const struct settings *settings = &config->settings;
    if (!settings->backend_store_uri.data) {
        notice("Backend store URI not provided. Using %s", STORE_URI_DEFAULT);
        say_foreign_database(database, arena);
    }
    if (!settings->registry_store_uri.data)
        notice("Registry store URI not provided. Using backend store URI.");
}

void say_ignored(const struct config *config)
{
    const struct settings *settings = &config->settings;
    const struct sv given[] = {settings->uvicorn_opts, settings->gunicorn_opts, settings->waitress_opts};
    static const char *const names[] = {"--uvicorn-opts", "--gunicorn-opts", "--waitress-opts"};
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (given[i].data)
            notice("WARNING: %s has no meaning here and is ignored.", names[i]);
    }
    if (settings->dev)
        notice("WARNING: --dev has no meaning here and is ignored.");
}

static bool accepts_all(struct sv list)
{
    while (list.data) {
        if (ACCEPTS_ALL(sv_trim(sv_cut(&list, ','))))
            return true;
    }
    return false;
}

/* " <title>: a, b, c, and N more." for a list that is not empty. */
static struct sv summary(struct arena *arena, const char *title, struct sv list)
{
    struct sv text = SV("");
    size_t count = 0;
    while (list.data) {
        struct sv entry = sv_trim(sv_cut(&list, ','));
        if (entry.len && count++ < LISTED_ENTRIES)
            text = arena_printf(arena, "%.*s%s%.*s", SV_ARG(text), text.len ? ", " : "", SV_ARG(entry));
    }
    if (count > LISTED_ENTRIES)
        text = arena_printf(arena, "%.*s, and %zu more", SV_ARG(text), count - LISTED_ENTRIES);
    return count ? arena_printf(arena, " %s: %.*s.", title, SV_ARG(text)) : SV("");
}

void say_security(const struct settings *settings, struct arena *arena)
{
    if (settings->disable_security_middleware) {
        notice("[Tracklight] WARNING: Security middleware is DISABLED. Your MLflow server is vulnerable to "
               "various attacks.");
        return;
    }
    if (accepts_all(settings->allowed_hosts))
        notice(
            "WARNING: Accepting ALL hosts. This may leave the server vulnerable to DNS rebinding attacks.");
    if (accepts_all(settings->cors_allowed_origins))
        notice("WARNING: Allowing ALL origins for CORS. This allows ANY website to access your MLflow data. "
               "This configuration is only recommended for local development.");
    struct sv hosts = summary(arena, "Allowed hosts", settings->allowed_hosts);
    struct sv origins = summary(arena, "CORS origins", settings->cors_allowed_origins);
    if (hosts.len + origins.len)
        notice("[Tracklight] Security middleware enabled.%.*s%.*s", SV_ARG(hosts), SV_ARG(origins));
    else
        notice("[Tracklight] Security middleware enabled with default settings (localhost-only). To allow "
               "connections from other hosts, use --host 0.0.0.0 and configure --allowed-hosts and "
               "--cors-allowed-origins.");
}

void say_ready(struct sv host, unsigned port, struct sv static_prefix)
{
    bool bare_ipv6 = sv_find(host, ':') < host.len && host.data[0] != '[';
    notice("INFO:     Tracklight running on http://%s%.*s%s:%u%.*s (Press CTRL+C to quit)",
           bare_ipv6 ? "[" : "", SV_ARG(host), bare_ipv6 ? "]" : "", port, SV_ARG(static_prefix));
}
