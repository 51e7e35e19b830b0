/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as adapter_config.json, as trainer_state.json, as a Modelfile and as a name: no crash, and numbers in their
 * ranges. */
#include <math.h>

#include "fuzz_memory.h"
#include "model/checkpoint_name.h"
#include "model/modelfile.h"
#include "model/peft.h"
#include "model/template_preset.h"
#include "model/trainer_state.h"

static void check_config(struct arena *a, struct str text)
{
	struct peft_config config;
	struct err err = { 0 };
	if (peft_parse(a, text, "fuzz", &config, &err) != ERR_OK) {
		if (!err.key[0])
			BUG("refused without a cause");
		return;
	}
	static const char *const modules[] = { "model.layers.0.self_attn.q_proj", "lm_head",
					       "model.layers.17.mlp.down_proj" };
	for (size_t i = 0; i < 3; i++) {
		double alpha = peft_alpha(&config, str_of(modules[i]));
		int64_t rank = peft_rank(&config, str_of(modules[i]));
		if (rank < 1 || !isfinite(alpha) || fabs(alpha) < 1e-12)
			BUG("rank %lld alpha %g", (long long)rank, alpha);
	}
}

static void check_modelfile(struct arena *a, struct str text)
{
	struct modelfile m;
	struct err err = { 0 };
	if (modelfile_parse(a, text, "fuzz", &m, &err) != ERR_OK) {
		if (!err.key[0])
			BUG("refused without a cause");
		return;
	}
	if (m.n_stops > MODELFILE_STOPS_MAX || m.num_ctx < 0 ||
	    strlen(m.from) + strlen(m.template) + strlen(m.system) > text.len)
		BUG("more than there is");
	for (size_t i = 0; i < MODELFILE_NUMBERS; i++)
		if (m.numbers[i] < modelfile_numbers[i].min || m.numbers[i] > modelfile_numbers[i].max)
			BUG("a number out of its limits");
	(void)template_preset_recognize(m.template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = { (const char *)data, size };
	struct trainer_state state;
	struct checkpoint_name name;
	char label[32];
	check_config(a, text);
	if (trainer_state_parse(a, text, "fuzz", &state, NULL) == ERR_OK) {
		double train, eval;
		epoch_label(state.epoch, label);
		trainer_losses_at(state.points, state.n_points, state.step, &train, &eval);
	}
	check_modelfile(a, text);
	checkpoint_name_parse(a, arena_strndup(a, text.ptr, size < 300 ? size : 300), &name);
	arena_free(a);
	return 0;
}
