/* SPDX-License-Identifier: Apache-2.0
 *
 * han - Chinese characters that only one of the two writing systems uses.
 *
 * Many characters are shared (人), and some simplified forms are Traditional characters of their own (后, 里, 台): those tell
 * nothing and are in neither list.  Thread: any. */
#ifndef ASSAY_METRIC_HAN_H
#define ASSAY_METRIC_HAN_H

#include <stdbool.h>
#include <stdint.h>

/* Simplified only: in GB 2312, not in Big5 (CP950), and ICU's Simplified-Traditional changes it. */
bool han_is_simplified_only(uint32_t point);

/* Traditional only: among the 5,401 frequent characters of Big5, not in GB 2312, and ICU's Traditional-Simplified changes
 * it. */
bool han_is_traditional_only(uint32_t point);

#endif
