/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/worker_environment.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const char *const names[WORKER_ENV_MAX] = {
	"LD_LIBRARY_PATH=",	  "CUDA_VISIBLE_DEVICES=",    "CUDA_DEVICE_ORDER=",	"HIP_VISIBLE_DEVICES=",
	"ROCR_VISIBLE_DEVICES=", "HSA_OVERRIDE_GFX_VERSION=", "GGML_VK_VISIBLE_DEVICES=", "VK_DRIVER_FILES=",
};

static bool is_known(const char *entry)
{
	for (int i = 0; i < WORKER_ENV_MAX; i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

void worker_environment(char **env)
{
	int n = 0;

	for (char **entry = environ; *entry && n < WORKER_ENV_MAX; entry++)
		if (is_known(*entry))
			env[n++] = *entry;
	env[n] = NULL;
}
