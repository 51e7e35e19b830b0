/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_memory - the fuzzer's bytes as a file that pread() works on. */
#ifndef ASSAY_TESTS_FUZZ_MEMORY_H
#define ASSAY_TESTS_FUZZ_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One descriptor for the whole run, with these bytes as its content. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
	static int fd = -1;
	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		BUG("no memory file");
	return fd;
}

#endif
