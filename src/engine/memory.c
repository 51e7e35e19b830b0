/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/machine.h"
#include "engine/reaper.h"
#include "model/estimate.h"

#define STEP_TOKENS 512 /* the worker's largest step */

static double gigabytes(int64_t bytes)
{
	return (double)bytes / 1e9;
}

enum err_code engine_check_memory(const char *base_path, const char *adapter_path, int64_t kv_tokens, int64_t reserve,
				  int64_t *need, int64_t *available, struct err *err)
{
	struct memory_use use = { .cells = (uint64_t)kv_tokens, .ubatch = STEP_TOKENS, .outputs = LIMIT_SLOTS };
	struct memory_estimate estimate;

	(void)adapter_path; /* adapters are small beside their base; their files are counted when they are known */
	enum err_code code = estimate_memory(base_path, &use, &estimate, err);
	if (code != ERR_OK)
		return code;
	*need = (int64_t)estimate.total;
	(void)reaper_await(REAPER_AWAIT_MS); /* what the model before this one had is free then; if not, that is seen below */
	*available = machine_memory_available() - reserve;
	if (*need > *available)
		return err_set(err, ERR_LIMIT, "err_memory", "need=%.1f|free=%.1f", gigabytes(*need),
			       gigabytes(*available > 0 ? *available : 0));
	return ERR_OK;
}
