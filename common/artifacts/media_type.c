#include "common/artifacts/media_type.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"

#define EXTENSION_MAX 15

struct media_type {
    const char *extension;
    const char *type;
};

/* Sorted by extension. */
static const struct media_type types[] = {
    {"3g2", "audio/3gpp2"},
    {"3gp", "audio/3gpp"},
    {"3gpp", "audio/3gpp"},
    {"3gpp2", "audio/3gpp2"},
    {"aac", "audio/aac"},
    {"adts", "audio/aac"},
    {"ai", "application/postscript"},
    {"aif", "audio/x-aiff"},
    {"aifc", "audio/x-aiff"},
    {"aiff", "audio/x-aiff"},
    {"ass", "audio/aac"},
    {"au", "audio/basic"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bat", "text/plain"},
    {"bcpio", "application/x-bcpio"},
    {"bmp", "image/bmp"},
    {"c", "text/plain"},
    {"cdf", "application/x-netcdf"},
    {"cpio", "application/x-cpio"},
    {"csh", "application/x-csh"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"dot", "application/msword"},
    {"dvi", "application/x-dvi"},
    {"eml", "message/rfc822"},
    {"eps", "application/postscript"},
    {"epub", "application/epub+zip"},
    {"etx", "text/x-setext"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gtar", "application/x-gtar"},
    {"h", "text/plain"},
    {"h5", "application/x-hdf5"},
    {"hdf", "application/x-hdf"},
    {"heic", "image/heic"},
    {"heif", "image/heif"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ief", "image/ief"},
    {"jpe", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"ksh", "text/plain"},
    {"latex", "application/x-latex"},
    {"loas", "audio/aac"},
    {"m1v", "video/mpeg"},
    {"m3u", "application/vnd.apple.mpegurl"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"man", "application/x-troff-man"},
    {"me", "application/x-troff-me"},
    {"mht", "message/rfc822"},
    {"mhtml", "message/rfc822"},
    {"mid", "audio/midi"},
    {"midi", "audio/midi"},
    {"mif", "application/x-mif"},
    {"mjs", "text/javascript"},
    {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"},
    {"movie", "video/x-sgi-movie"},
    {"mp2", "audio/mpeg"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpa", "video/mpeg"},
    {"mpe", "video/mpeg"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"ms", "application/x-troff-ms"},
    {"n3", "text/n3"},
    {"nc", "application/x-netcdf"},
    {"nq", "application/n-quads"},
    {"nt", "application/n-triples"},
    {"nws", "message/rfc822"},
    {"oda", "application/oda"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/opus"},
    {"otf", "font/otf"},
    {"p12", "application/x-pkcs12"},
    {"p7c", "application/pkcs7-mime"},
    {"parquet", "application/vnd.apache.parquet"},
    {"pbm", "image/x-portable-bitmap"},
    {"pdf", "application/pdf"},
    {"pfx", "application/x-pkcs12"},
    {"pgm", "image/x-portable-graymap"},
    {"pl", "text/plain"},
    {"png", "image/png"},
    {"pnm", "image/x-portable-anymap"},
    {"pot", "application/vnd.ms-powerpoint"},
    {"ppa", "application/vnd.ms-powerpoint"},
    {"ppm", "image/x-portable-pixmap"},
    {"pps", "application/vnd.ms-powerpoint"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"pwz", "application/vnd.ms-powerpoint"},
    {"py", "text/x-python"},
    {"pyc", "application/x-python-code"},
    {"pyo", "application/x-python-code"},
    {"qt", "video/quicktime"},
    {"ra", "audio/x-pn-realaudio"},
    {"ram", "application/x-pn-realaudio"},
    {"ras", "image/x-cmu-raster"},
    {"rdf", "application/xml"},
    {"rgb", "image/x-rgb"},
    {"roff", "application/x-troff"},
    {"rtf", "application/rtf"},
    {"rtx", "text/richtext"},
    {"sgm", "text/x-sgml"},
    {"sgml", "text/x-sgml"},
    {"sh", "application/x-sh"},
    {"shar", "application/x-shar"},
    {"snd", "audio/basic"},
    {"src", "application/x-wais-source"},
    {"srt", "text/plain"},
    {"sv4cpio", "application/x-sv4cpio"},
    {"sv4crc", "application/x-sv4crc"},
    {"svg", "image/svg+xml"},
    {"swf", "application/x-shockwave-flash"},
    {"t", "application/x-troff"},
    {"tar", "application/x-tar"},
    {"tcl", "application/x-tcl"},
    {"tex", "application/x-tex"},
    {"texi", "application/x-texinfo"},
    {"texinfo", "application/x-texinfo"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"tr", "application/x-troff"},
    {"trig", "application/trig"},
    {"tsv", "text/tab-separated-values"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"ustar", "application/x-ustar"},
    {"vcf", "text/x-vcard"},
    {"vtt", "text/vtt"},
    {"wasm", "application/wasm"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"wiz", "application/msword"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"wsdl", "application/xml"},
    {"xbm", "image/x-xbitmap"},
    {"xlb", "application/vnd.ms-excel"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "text/xml"},
    {"xpdl", "application/xml"},
    {"xpm", "image/x-xpixmap"},
    {"xsl", "application/xml"},
    {"xwd", "image/x-xwindowdump"},
    {"zip", "application/zip"},
};

/* Extensions, or whole names without one, of what is shown as text. */
static const char *const texts[] = {"txt",  "log",        "err",     "cfg",      "conf", "cnf", "cf",
                                    "ini",  "prop",       "hocon",   "toml",     "yaml", "yml", "xml",
                                    "json", "js",         "py",      "py3",      "csv",  "tsv", "md",
                                    "rst",  "properties", "MLmodel", "mlproject"};

/* Encodings that hide the type of what is inside only by name: x.tar.gz is a tar archive. */
static const char *const encodings[] = {"gz", "Z", "bz2", "xz", "br"};

static const struct {
    const char *suffix, *meaning;
} short_forms[] = {{"tgz", "tar"},  {"taz", "tar"}, {"tz", "tar"},
                   {"tbz2", "tar"}, {"txz", "tar"}, {"svgz", "svg"}};

static bool is_one_of(struct sv text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (sv_equal(text, sv_from(list[i])))
            return true;
    return false;
}
#define IS_ONE_OF(text, list) is_one_of((text), (list), sizeof(list) / sizeof((list)[0]))

static struct sv last_component(struct sv path)
{
    size_t from = path.len;
    while (from > 0 && path.data[from - 1] != '/')
        from--;
    return sv_from_offset(path, from);
}

/* Cuts the extension off the name and returns it, without its dot; "" if there is none. Leading dots begin no
 * extension. */
static struct sv cut_extension(struct sv *name)
{
    size_t start = 0, dot = name->len;
    while (start < name->len && name->data[start] == '.')
        start++;
    for (size_t i = start; i < name->len; i++)
        if (name->data[i] == '.')
            dot = i;
    struct sv extension = sv_from_offset(*name, dot + 1);
    *name = sv_first(*name, dot);
    return extension.data ? extension : SV("");
}

static int compare_extension(const void *key, const void *row)
{
    return strcmp(key, ((const struct media_type *)row)->extension);
}

static const char *look_up(struct sv extension)
{
    char lower[EXTENSION_MAX + 1] = "";
    if (extension.len > EXTENSION_MAX)
        return NULL;
    for (size_t i = 0; i < extension.len; i++) {
        char byte = extension.data[i];
        lower[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
    }
    const struct media_type *found =
        bsearch(lower, types, sizeof(types) / sizeof(types[0]), sizeof(types[0]), compare_extension);
    return found ? found->type : NULL;
}

const char *media_type_of(struct sv path)
{
    struct sv name = last_component(path), stem = name;
    struct sv extension = cut_extension(&stem);
    if (IS_ONE_OF(extension.len ? extension : name, texts))
        return "text/plain";
    for (size_t i = 0; i < sizeof(short_forms) / sizeof(short_forms[0]); i++)
        if (sv_equal(extension, sv_from(short_forms[i].suffix)))
            extension = sv_from(short_forms[i].meaning);
    if (IS_ONE_OF(extension, encodings))
        extension = cut_extension(&stem);
    const char *type = look_up(extension);
    return type ? type : "application/octet-stream";
}

/* Whether every client reads the name alike between quotes (RFC 6266 appendix D). */
static bool is_plain(struct sv name)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.data[i];
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\' || byte == '%')
            return false;
    }
    return true;
}

/* One "_" for each character that cannot stay. */
static struct sv stand_in(struct arena *arena, struct sv name)
{
    char *out = arena_alloc(arena, name.len + 1);
    size_t len = 0;
    for (size_t at = 0; at < name.len;) {
        size_t start = at;
        utf8_next(name, &at);
        struct sv character = {name.data + start, at - start};
        out[len++] = is_plain(character) ? *character.data : '_';
    }
    return (struct sv){out, len};
}

/* attr-char of RFC 8187 section 3.2.1. */
static bool is_attr_char(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           (byte && strchr("!#$&+-.^_`|~", byte));
}

static struct sv extended_value(struct arena *arena, struct sv name)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc_array(arena, name.len + 1, 3);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        if (is_attr_char((char)byte)) {
            out[len++] = (char)byte;
        } else {
            out[len++] = '%';
            out[len++] = digits[byte >> 4];
            out[len++] = digits[byte & 0xf];
        }
    }
    return (struct sv){out, len};
}

struct sv content_disposition(struct arena *arena, struct sv path)
{
    struct sv name = last_component(path);
    if (name.len == 0 || !utf8_valid(name))
        return SV("attachment");
    if (is_plain(name))
        return arena_printf(arena, "attachment; filename=\"%.*s\"", SV_ARG(name));
    struct sv fallback = stand_in(arena, name), extended = extended_value(arena, name);
    return arena_printf(arena, "attachment; filename=\"%.*s\"; filename*=UTF-8''%.*s", SV_ARG(fallback),
                        SV_ARG(extended));
}
