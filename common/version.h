#ifndef TRACKLIGHT_VERSION_H
#define TRACKLIGHT_VERSION_H

/* TRACKLIGHT_VERSION is defined by make, from the file VERSION. */
#ifndef TRACKLIGHT_VERSION
#define TRACKLIGHT_VERSION "unversioned"
#endif

/* The MLflow release whose API this is: what /version answers, and what clients compare. */
#define MLFLOW_API_VERSION "3.8.1"

#endif
