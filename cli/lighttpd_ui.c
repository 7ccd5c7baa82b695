#include "cli/lighttpd_ui.h"

static const char ui_types[] =
    "        mimetype.assign = (\n"
    "            \".html\" => \"text/html; charset=utf-8\", \".css\" => \"text/css; charset=utf-8\",\n"
    "            \".js\" => \"text/javascript; charset=utf-8\", \".mjs\" => \"text/javascript; "
    "charset=utf-8\",\n"
    "            \".json\" => \"application/json\", \".map\" => \"application/json\",\n"
    "            \".wasm\" => \"application/wasm\", \".txt\" => \"text/plain; charset=utf-8\",\n"
    "            \".svg\" => \"image/svg+xml\", \".png\" => \"image/png\", \".jpg\" => \"image/jpeg\",\n"
    "            \".gif\" => \"image/gif\", \".webp\" => \"image/webp\", \".ico\" => \"image/x-icon\",\n"
    "            \".woff\" => \"font/woff\", \".woff2\" => \"font/woff2\", \".ttf\" => \"font/ttf\"\n"
    "        )\n";

static void write_ui_headers(const struct lighttpd_conf *conf, const char *caching, bool is_framed,
                             struct buffer *out)
{
    buffer_printf(out, "        setenv.set-response-header = ( \"cache-control\" => \"%s\"", caching);
    if (conf->stamped)
        BUFFER_LITERAL(out, ", \"x-content-type-options\" => \"nosniff\"");
    if (conf->stamped && conf->frame_options.len && !is_framed)
        buffer_printf(out, ", \"x-frame-options\" => \"%.*s\"", SV_ARG(conf->frame_options));
    BUFFER_LITERAL(out, " )\n");
}

/* /static-files/ is the folder itself, in which index.html lies too. Links are not followed: the folder is
 * somebody else's, and the server may read what its readers may not. */
static void write_ui_folder(const struct lighttpd_conf *conf, const char *match, const char *path,
                            struct buffer *out)
{
    struct sv prefix = conf->static_prefix;
    buffer_printf(out,
                  "    $HTTP[\"url\"] %s \"%.*s%s\" {\n        fastcgi.server = ()\n"
                  "        server.follow-symlink = \"disable\"\n"
                  "        alias.url = ( \"%.*s%s\" => \"%.*s/\" )\n",
                  match, SV_ARG(prefix), path, SV_ARG(prefix), path, SV_ARG(conf->ui_dir));
}

void lighttpd_ui_write(const struct lighttpd_conf *conf, struct buffer *out)
{
    static const char caching[] = "public, max-age=2419200";
    BUFFER_LITERAL(out, "\n$HTTP[\"request-method\"] =~ \"^(?:GET|HEAD)$\" {\n");
    if (conf->static_prefix.len)
        buffer_printf(out, "    $HTTP[\"url\"] == \"%.*s\" { fastcgi.server = () }\n",
                      SV_ARG(conf->static_prefix));
    write_ui_folder(conf, "==", "/", out);
    write_ui_headers(conf, "no-cache", false, out);
    BUFFER_LITERAL(out, "    }\n");
    write_ui_folder(conf, "=^", "/static-files/", out);
    /* What is not there is the program's to tell, so that nobody keeps the answer for four weeks. */
    BUFFER_LITERAL(out, "        index-file.names = ()\n        server.error-handler = \"/none\"\n");
    buffer_append(out, ui_types, sizeof(ui_types) - 1);
    write_ui_headers(conf, caching, false, out);
    /* Notebooks show this part of the page in frames of their own. */
    buffer_printf(out, "    }\n    $HTTP[\"url\"] =^ \"%.*s/static-files/lib/notebook-trace-renderer\" {\n",
                  SV_ARG(conf->static_prefix));
    write_ui_headers(conf, caching, true, out);
    BUFFER_LITERAL(out, "    }\n}\n");
}
