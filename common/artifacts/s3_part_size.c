#include "common/artifacts/s3_part_size.h"

#define MEBIBYTE          (1024LL * 1024)
#define PARTS_OF_ONE_SIZE 4000
#define GROWTH_BYTES      (320LL * 1024) /* of each part over the one before it, from then on */

int64_t s3_part_size(int64_t size, int64_t number)
{
    if (size >= 0) {
        int64_t equal = (size + S3_PARTS_MAX - 1) / S3_PARTS_MAX;
        if (equal <= S3_PART_BYTES)
            return S3_PART_BYTES;
        return (equal + MEBIBYTE - 1) / MEBIBYTE * MEBIBYTE;
    }
    if (number <= PARTS_OF_ONE_SIZE)
        return S3_PART_BYTES;
    return S3_PART_BYTES + (number - PARTS_OF_ONE_SIZE) * GROWTH_BYTES;
}
