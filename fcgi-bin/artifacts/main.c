#include "fcgi-bin/artifacts/artifacts.h"
#include "fcgi-bin/program.h"

static const struct operation *const tables[] = {
    proxy_operations,           multipart_operations,      run_artifact_operations,
    entity_artifact_operations, trace_artifact_operations, NULL,
};

int main(int argc, char **argv)
{
    static struct service service;
    static const struct fastcgi_program program = {
        .program = {.name = "artifacts", .tables = tables},
        .summary = "Keeps and serves artifacts",
        .service = &service,
    };
    return program_main(&program, argc, argv);
}
