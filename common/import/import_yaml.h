#ifndef TRACKLIGHT_IMPORT_IMPORT_YAML_H
#define TRACKLIGHT_IMPORT_IMPORT_YAML_H

#include "common/base/sv.h"

struct json_object;

/* A YAML 1.1 document of mappings, sequences and scalars, as a JSON value that the caller owns
 * (json_object_put). Plain scalars are what Python's SafeLoader takes them for: null, true, false, integers
 * and floating-point numbers; others are texts. Aliases and anchors are refused, as is what is nested deeper
 * than 32. NULL for what is no such document. */
struct json_object *import_yaml(struct sv text);

#endif
