/* SPDX-License-Identifier: Apache-2.0
 *
 * convert_speed - how long a conversion will take on this machine: from earlier ones, kept in DATA/cache/convert_speed.json, or
 * before the first one from how fast the disk gives the weights.
 *
 * The file is an extra: where it is missing, broken or cannot be written, nothing is known.  Thread: any; a few milliseconds of the
 * disk, convert_speed_sample() up to a second. */
#ifndef ASSAY_CONVERT_CONVERT_SPEED_H
#define ASSAY_CONVERT_CONVERT_SPEED_H

#include <stdint.h>

/* Bytes of a folder's weights a second; 0 where nothing is known. */
double convert_speed_read(const char *data_dir);

/* A conversion of so many bytes took so long.  One of less than 16 MiB says nothing and is not noted; of the others the last few
 * count most. */
void convert_speed_note(const char *data_dir, uint64_t bytes, int64_t ms);

/* Where nothing is known: reads 32 MiB of the weights in `dir`, not from the page cache, and takes reading and writing to be equally
 * fast. */
void convert_speed_sample(const char *data_dir, const char *dir);

/* Milliseconds for so many bytes; 0 where `speed` is. */
int64_t convert_speed_ms(double speed, uint64_t bytes);

#endif
