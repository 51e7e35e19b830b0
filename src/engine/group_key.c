/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/group_key.h"

#include "base/clock.h"
#include "base/limits.h"
#include "store/gen_params.h"

#define KEY_FORMAT "1" /* changes when something else is hashed */

static void finish(struct hash *h, char out[HASH_HEX_SIZE])
{
	uint8_t digest[HASH_SIZE];

	hash_finish(h, digest);
	hash_hex(digest, out);
}

void group_machine(const char *worker_path, const char *build, const char *device, bool has_gpu, char out[HASH_HEX_SIZE])
{
	char stamp[FILE_STAMP_SIZE];

	machine_file_stamp(worker_path, stamp);
	out[0] = 0;
	if (has_gpu || !build[0] || !stamp[0])
		return;
	const char *const facts[] = { KEY_FORMAT, ASSAY_VERSION, worker_path, stamp, build, device };
	struct hash *h = hash_new();
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
		hash_add_text(h, str_of(facts[i]));
	finish(h, out);
}

int64_t group_seed(int64_t run_seed, int64_t question_position, int64_t column_position)
{
	uint64_t seed = seed_mix(seed_mix((uint64_t)run_seed, (uint64_t)question_position), (uint64_t)column_position);

	return (int64_t)(seed & 0x7fffffff);
}

void group_key(const struct group_facts *f, const struct run_question *questions, size_t n, char out[HASH_HEX_SIZE])
{
	struct hash *h = hash_new();
	struct buf params = BUF_INIT(LIMIT_JSON_BODY);
	struct gen_params shaping = *f->params;
	shaping.of_model = 0; /* who said it does not matter */
	json_t *obj = gen_params_json(&shaping);
	const char *name = strrchr(f->adapter, '/');
	int64_t numbers[] = { f->plan.slots, f->plan.kv_tokens, (int64_t)n };

	json_write(&params, obj);
	json_decref(obj);
	hash_add_text(h, str_of(f->machine));
	hash_add_text(h, str_of(f->base_stamp));
	hash_add_text(h, str_of(name ? name : f->adapter));
	hash_add_text(h, buf_str(&params));
	hash_add(h, numbers, sizeof numbers);
	for (size_t i = 0; i < n; i++) {
		int64_t seed = f->params->temperature > 0 ? group_seed(f->run_seed, questions[i].position, f->column_position) : 0;
		hash_add_text(h, questions[i].q.system);
		hash_add_text(h, questions[i].q.text);
		hash_add(h, &seed, sizeof seed);
		for (int64_t t = 0; t < questions[i].q.turn; t++) {
			hash_add_text(h, questions[i].earlier[t].text);
			hash_add_text(h, str_of(questions[i].earlier[t].answers[0].text));
		}
	}
	buf_release(&params);
	finish(h, out);
}
