#ifndef TRACKLIGHT_IMPORT_IMPORT_FOLDER_H
#define TRACKLIGHT_IMPORT_IMPORT_FOLDER_H

#include "common/import/import.h"

/* Reads a folder of MLflow's file store (meta.yaml, and a file for each metric, parameter and tag) into a
 * temporary database of the shape that the parts of import.h read, and sets import->from to it. What cannot
 * be read is left out, with a remark. FAILED if the folder is none of a file store. */
enum status import_folder(struct import *import, struct sv path);

#endif
