#ifndef TRACKLIGHT_ARTIFACTS_S3_PART_SIZE_H
#define TRACKLIGHT_ARTIFACTS_S3_PART_SIZE_H

#include <stdint.h>

/* S3's limits ("Amazon S3 multipart upload limits"). */
#define S3_OBJECT_MAX_BYTES (5LL * 1024 * 1024 * 1024 * 1024)
#define S3_PARTS_MAX        10000
#define S3_PART_BYTES       (8LL * 1024 * 1024)

/* Bytes of part `number` (from 1) of an upload of `size` bytes, or -1 for not known. 10,000 of them hold the
 * largest object. One part is held in memory: 8 MiB up to 78 GiB, or 31 GiB where the size is not known;
 * equal parts where it is, as some stores want it. */
int64_t s3_part_size(int64_t size, int64_t number);

#endif
