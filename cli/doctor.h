#ifndef TRACKLIGHT_CLI_DOCTOR_H
#define TRACKLIGHT_CLI_DOCTOR_H

#include "common/base/config.h"
#include "common/store/store.h"

/* `tracklight doctor`: what its parts share. Each part looks at something and says what it finds, one line
 * for each thing. Nothing is changed. */
struct doctor {
    const char *config_file, *url, *sockets;
    char *rest[64];
    int rest_count;
    struct arena *arena;
    struct config config;
    struct store store;  /* .db NULL: the database cannot be used */
    struct sv database;  /* its path; absent: the URI makes no sense */
    struct sv directory; /* the working directory */
    unsigned warnings, problems;
};

enum finding { FINDING_OK, FINDING_WARNING, FINDING_PROBLEM };

/* `mend`: what to do about it, a command where there is one; absent or empty: nothing. */
void doctor_say(struct doctor *doctor, enum finding finding, const char *subject, struct sv sentence,
                struct sv mend);

/* A text in the doctor's arena. */
#define doctor_text(doctor, ...) arena_printf((doctor)->arena, __VA_ARGS__)

void doctor_settings(struct doctor *doctor); /* doctor_settings.c: what the settings mean together */
void doctor_database(struct doctor *doctor); /* doctor_database.c: opens it; files, rights, space */
void doctor_contents(struct doctor *doctor); /* doctor_settings.c: what settings and database mean together */
void doctor_files(struct doctor *doctor);    /* doctor_files.c: artifacts, programs */
void doctor_server(struct doctor *doctor);   /* doctor_server.c: sockets, a running server, the worker */

#endif
