/* SPDX-License-Identifier: Apache-2.0
 *
 * banned - turns calls that are too easy to get wrong into compile errors.
 *
 * Forced into every C file of assay by the build (-include).  What to use instead: struct buf for text,
 * base/str.h for numbers, base/clock.h for time, base/random.h for randomness. */
#ifndef ASSAY_BASE_BANNED_H
#define ASSAY_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok atoi atol atoll atof strtol strtoul strtoll strtoull
#pragma GCC poison localtime gmtime ctime asctime rand srand system popen tmpnam mktemp alloca

#endif
