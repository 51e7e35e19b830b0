/* SPDX-License-Identifier: Apache-2.0
 *
 * banned - turns calls that are too easy to get wrong into compile errors.
 *
 * Forced into every C file of assay by the build (-include).  What to use instead: struct buf for text,
 * base/str.h for numbers, base/clock.h for time and randomness. */
#ifndef ASSAY_BASE_BANNED_H
#define ASSAY_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef alloca /* a macro of <stdlib.h>, which could not be poisoned */

#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok atoi atol atoll atof strtol strtoul strtoll strtoull
#pragma GCC poison localtime gmtime ctime asctime srand popen tmpnam mktemp alloca

#ifndef __clang__ /* not poisoned: OpenSSL's headers have parameters of this name; clang wants it in <stdlib.h> */
int rand(void) __attribute__((error("use random_bytes() or seed_mix()")));
/* not poisoned: "system" is also the word for a system prompt */
int system(const char *command) __attribute__((error("use posix_spawn()")));
#endif

#endif
