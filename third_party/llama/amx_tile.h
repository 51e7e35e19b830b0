/* SPDX-License-Identifier: Apache-2.0
 *
 * amx_tile - put in front of every C++ file of llama.cpp by script/llama.
 *
 * GCC before 11.5, 12.4 and 13.3 tells its optimizer that _tile_loadconfig() reads 8 bytes of the 64 (GCC bug 114098).  What
 * ggml writes into the other 56 is then dropped, and the first matrix multiplication on a processor with AMX ends the
 * process (llama.cpp issue 20824).  Delete this file when the oldest supported compiler is newer. */
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg %0" : : "m"(*(const char(*)[64])(config)))
#endif
