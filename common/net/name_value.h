#ifndef TRACKLIGHT_NET_NAME_VALUE_H
#define TRACKLIGHT_NET_NAME_VALUE_H

#include "common/base/sv.h"

/* A header field, or a query parameter before percent-encoding. */
struct name_value {
    struct sv name;
    struct sv value;
};

#endif
