#ifndef TRACKLIGHT_CLI_REMOVER_FILES_H
#define TRACKLIGHT_CLI_REMOVER_FILES_H

#include "cli/remover.h"

/* The files of what is removed. False if they could not be removed now; that was told. Locations that this
 * server has no way to, or that do not look like its own, are told, too, but hold nothing up: true. */
bool remover_files_of(struct remover *remover, const struct removal *item);
bool remover_files_of_trace(struct remover *remover, const struct removal_trace *trace);

#endif
