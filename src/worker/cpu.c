/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/cpu.h"

#include <stddef.h>

/* script/llama --generic builds nothing in: there llama.cpp chooses among the libraries beside the program. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(GGML_BACKEND_DL)
#include "ggml-cpu.h"

/* A literal for the compiler, so a macro: what was built in, and what the processor says of itself. */
#define NEEDS(built_in, feature, name)                          \
	do {                                                    \
		if (built_in && !__builtin_cpu_supports(feature)) \
			return name;                            \
	} while (0)

const char *cpu_missing(void)
{
	__builtin_cpu_init();
	NEEDS(ggml_cpu_has_avx(), "avx", "AVX");
	NEEDS(ggml_cpu_has_avx2(), "avx2", "AVX2");
	NEEDS(ggml_cpu_has_bmi2(), "bmi2", "BMI2");
	NEEDS(ggml_cpu_has_fma(), "fma", "FMA");
	NEEDS(ggml_cpu_has_avx512(), "avx512f", "AVX-512");
	NEEDS(ggml_cpu_has_avx512(), "avx512bw", "AVX-512 BW");
	NEEDS(ggml_cpu_has_avx512_vbmi(), "avx512vbmi", "AVX-512 VBMI");
	NEEDS(ggml_cpu_has_avx512_vnni(), "avx512vnni", "AVX-512 VNNI");
	NEEDS(ggml_cpu_has_avx512_bf16(), "avx512bf16", "AVX-512 BF16");
	return NULL;
}

#else

const char *cpu_missing(void)
{
	return NULL;
}

#endif
