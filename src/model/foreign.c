/* SPDX-License-Identifier: Apache-2.0 */
#include "model/foreign.h"

#include <string.h>

/* "hf_model_0001_0.pt", "meta_model_0.pt", "adapter_0.pt", "adapter_model.pt", "torchtune_model_0.pt" */
static bool is_torchtune(const char *name)
{
	static const char *const starts[] = { "hf_model_", "meta_model_", "torchtune_model_", "adapter_" };
	size_t n = strlen(name);
	if (n < 4 || strcmp(name + n - 3, ".pt") != 0)
		return false;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(name, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

enum err_code foreign_pickle(const char *path, const char *name, struct err *err)
{
	const char *key = "err_file_pickle";
	if (strcmp(name, "adapter_model.bin") == 0)
		key = "err_pickle_adapter";
	else if (strncmp(name, "pytorch_model", strlen("pytorch_model")) == 0)
		key = "err_pickle_weights";
	else if (is_torchtune(name))
		key = "err_pickle_torchtune";
	return err_set(err, ERR_UNSUPPORTED, key, "path=%s", path);
}

bool foreign_sharded(const char *name, bool is_dir, const char **key)
{
	size_t n = strlen(name);
	bool deepspeed = is_dir ? strncmp(name, "global_step", 11) == 0 : strncmp(name, "zero_pp_rank_", 13) == 0;
	bool fsdp = strncmp(name, "pytorch_model_fsdp", 18) == 0 ||
		    (!is_dir && n > 7 && strcmp(name + n - 7, ".distcp") == 0);
	if (deepspeed || fsdp)
		*key = deepspeed ? "err_sharded_state" : "err_sharded_fsdp";
	return deepspeed || fsdp;
}
