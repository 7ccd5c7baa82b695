#ifndef TRACKLIGHT_GATEWAY_USAGE_H
#define TRACKLIGHT_GATEWAY_USAGE_H

#include "common/store/gateway_usage.h"

/* The record of calls: put into a bounded queue, from which one thread writes them down, many at a time. */
struct usage;

/* Starts the thread. NULL if there is no memory. */
struct usage *usage_start(struct store *store);
/* Writes down what is left, and ends the thread. */
void usage_stop(struct usage *usage);

/* Copies the row. Never waits for anything: if the queue is full, the row is dropped and counted. */
void usage_add(struct usage *usage, const struct gateway_usage_row *row);

#endif
