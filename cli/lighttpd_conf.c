#include "cli/lighttpd_conf.h"

#include <string.h>

#include "cli/lighttpd_ui.h"
#include "common/http/limits.h"

/* Works with lighttpd 1.4.69 and later. Two of its habits matter here: the keys of server.http-parseopts are
 * read in order and reading stops at a disabled url-normalize, and a condition further down overrides the
 * assignments of those above. */
static const char general[] =
    "server.compat-module-load = \"disable\"\n"
    "server.modules = ( \"mod_indexfile\", \"mod_alias\", \"mod_setenv\", \"mod_fastcgi\", "
    "\"mod_staticfile\" )\n"
    "server.systemd-socket-activation = \"enable\"   # the sockets are inherited\n"
    "server.document-root = var.CWD + \"/htdocs\"\n"
    "server.upload-dirs = ( var.CWD + \"/upload\" )\n"
    "server.tag = \"Tracklight\"\n"
    "server.event-handler = \"epoll\"\n"
    "server.max-worker = 0\n"
    "server.stat-cache-engine = \"disable\"   # a replaced artifact is seen at once\n"
    "server.feature-flags = (\n"
    "    \"server.h2proto\" => \"disable\",\n"
    "    \"server.h2c\" => \"disable\",\n"
    "    \"server.graceful-shutdown-timeout\" => 20\n"
    ")\n"
    "\n"
    "# Paths reach the programs as the client sent them. Mind the order.\n"
    "server.http-parseopts = ( \"method-get-body\" => \"enable\", \"url-normalize\" => \"disable\" )\n"
    "server.max-request-field-size = 65535\n"
    "server.max-keep-alive-requests = 65535\n"
    "server.max-keep-alive-idle = 75\n"
    "server.max-read-idle = 60\n"
    "server.max-write-idle = 360\n"
    "\n"
    "# Bodies are gathered here, so that a slow sender occupies no program; the programs' own limit is "
    "lower.\n"
    "server.stream-response-body = 1\n"
    "server.max-request-size = 131072\n"
    "# Files are streamed, and the program limits them. One of unknown length lies on disk first (lighttpd\n"
    "# would answer it 411 otherwise), so it is limited here, in KiB.\n"
    "$HTTP[\"url\"] =~ \"/(?:mlflow-artifacts/artifacts|upload-artifact)(?:/|$)\" {\n"
    "    server.max-request-size = 5242880\n"
    "    $REQUEST_HEADER[\"content-length\"] =~ \"^[0-9]\" {\n"
    "        server.stream-request-body = 1\n"
    "        server.max-request-size = 0\n"
    "    }\n"
    "}\n"
    "\n"
    "index-file.names = ( \"index.html\" )\n"
    "mimetype.assign = (\n"
    "    \".html\" => \"text/html; charset=utf-8\",\n"
    "    \".css\" => \"text/css; charset=utf-8\",\n"
    "    \".js\" => \"text/javascript; charset=utf-8\",\n"
    "    \".svg\" => \"image/svg+xml\"\n"
    ")\n";

/* Files of any size: a slow receiver slows the program down, where 1 would gather the difference on disk.
 * lighttpd has nothing of the kind for a slow program: 2 for requests halves the speed and gathers all the
 * same. */
static const char streamed[] = " server.stream-response-body = 2 server.range-requests = \"disable\"";

/* Answers of models: a slow receiver slows the provider down. */
static const char relayed[] = " server.stream-response-body = 2";

static void write_limits(const struct lighttpd_conf *conf, struct buffer *out)
{
    buffer_printf(out, "server.max-fds = %u\nserver.max-connections = %u\n", conf->max_descriptors,
                  conf->max_connections);
    buffer_printf(out, "server.listen-backlog = %d\n", LISTEN_BACKLOG);
    if (conf->has_log)
        BUFFER_LITERAL(out, "server.errorlog = var.CWD + \"/log\"\n");
}

static void write_programs(const struct lighttpd_conf *conf, struct buffer *out)
{
    BUFFER_LITERAL(out, "\n");
    for (size_t i = 0; i < conf->program_count; i++) {
        buffer_printf(out,
                      "var.%s = ( \"/\" => ((\n"
                      "    \"socket\" => \"%s.sock\", \"check-local\" => \"disable\",\n"
                      "    \"fix-root-scriptname\" => \"enable\"",
                      conf->programs[i], conf->programs[i]);
        if (conf->sendfile_program == conf->programs[i])
            buffer_printf(out, ",\n    \"x-sendfile\" => \"enable\", \"x-sendfile-docroot\" => ( \"%.*s\" )",
                          SV_ARG(conf->sendfile_root));
        BUFFER_LITERAL(out, "\n)) )\n");
    }
}

static const char *options_for(const char *program)
{
    if (strcmp(program, "artifacts") == 0)
        return streamed;
    return strcmp(program, "gateway") == 0 ? relayed : "";
}

static void write_routes(const struct lighttpd_conf *conf, struct buffer *out)
{
    buffer_printf(out, "\nfastcgi.server = var.%s\n", conf->programs[0]);
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct route_rule *rule = &conf->rules[i];
        buffer_printf(out, "$HTTP[\"url\"] %s \"%.*s\" { fastcgi.server = var.%s%s }\n",
                      rule->is_pattern ? "=~" : "=^", SV_ARG(rule->match), conf->programs[rule->program],
                      options_for(conf->programs[rule->program]));
    }
}

static void write_page_headers(const struct lighttpd_conf *conf, const char *caching, struct buffer *out)
{
    buffer_printf(out, "setenv.set-response-header = ( \"cache-control\" => \"%s\"", caching);
    if (conf->stamped) {
        BUFFER_LITERAL(out,
                       ", \"x-content-type-options\" => \"nosniff\", \"referrer-policy\" => \"no-referrer\""
                       ", \"content-security-policy\" => \"default-src 'self'; img-src 'self' blob:; "
                       "object-src 'none'; base-uri 'none'; form-action 'self'\"");
        if (conf->frame_options.len)
            buffer_printf(out, ", \"x-frame-options\" => \"%.*s\"", SV_ARG(conf->frame_options));
    }
    BUFFER_LITERAL(out, " )\n");
}

/* Host and origin are checked by the programs, so everything else than the public, unchanging pages goes
 * there: unknown paths too. */
static void write_pages(const struct lighttpd_conf *conf, struct buffer *out)
{
    if (!conf->has_htdocs)
        return;
    BUFFER_LITERAL(out, "\n$HTTP[\"request-method\"] =~ \"^(?:GET|HEAD)$\" {\n    $HTTP[\"url\"] =~ \"^");
    struct sv rest = conf->static_prefix;
    while (rest.data && rest.len) {
        buffer_append_sv(out, sv_cut(&rest, '.'));
        if (rest.data)
            BUFFER_LITERAL(out, "[.]");
    }
    if (conf->static_prefix.len)
        BUFFER_LITERAL(out, "(?:/(?:static-files/.*)?)?$\"");
    else
        BUFFER_LITERAL(out, "/(?:static-files/.*)?$\"");
    BUFFER_LITERAL(out, " {\n        fastcgi.server = ()\n");
    BUFFER_LITERAL(out, "        ");
    write_page_headers(conf, "no-cache", out);
    BUFFER_LITERAL(out, "        # Folders that are named by what is in them.\n"
                        "        $HTTP[\"url\"] =~ \"/static-files/v[0-9a-f]{16}/\" {\n            ");
    write_page_headers(conf, "public, max-age=31536000, immutable", out);
    BUFFER_LITERAL(out, "        }\n    }\n}\n");
}

void lighttpd_conf_write(const struct lighttpd_conf *conf, struct buffer *out)
{
    BUFFER_LITERAL(out, "# Written by `tracklight server` for this run.\n\n");
    buffer_append(out, general, sizeof(general) - 1);
    write_limits(conf, out);
    write_programs(conf, out);
    write_routes(conf, out);
    if (conf->ui_dir.len)
        lighttpd_ui_write(conf, out);
    else
        write_pages(conf, out);
}
