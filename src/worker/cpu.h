/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu - whether this build of llama.cpp can compute on this processor.  Thread: any, also before main(). */
#ifndef ASSAY_WORKER_CPU_H
#define ASSAY_WORKER_CPU_H

/* What was built in and the processor lacks ("AVX2"), NULL where nothing is missing.  Constant. */
const char *cpu_missing(void);

#endif
