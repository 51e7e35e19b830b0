/* SPDX-License-Identifier: Apache-2.0 */
#include "server/judge_choice.h"

bool judge_is_base(const struct model_row *judge, const struct model_row *candidates, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (candidates[i].base_model_id == judge->id)
			return true;
	return false;
}

/* The candidate itself or the same weights in another file. */
static bool is_related(const struct model_row *m, const struct model_list *list, const struct model_row *candidates, size_t n)
{
	if (judge_is_base(m, candidates, n))
		return true;
	for (size_t i = 0; i < n; i++) {
		const struct found_model *base = &candidates[i].model;
		for (size_t k = 0; k < list->n_models; k++)
			if (list->models[k].id == candidates[i].base_model_id)
				base = &list->models[k].model;
		if (candidates[i].id == m->id || catalogue_base_match(base->name, m->model.name, m->model.path) > 0)
			return true;
	}
	return false;
}

static bool can_judge(const struct model_row *m, uint64_t memory)
{
	const struct found_model *f = &m->model;

	return f->kind == MODEL_BASE && f->has_template && !m->is_hidden && f->n_params >= JUDGE_PARAMS_MIN && f->size_bytes <= memory;
}

const struct model_row *judge_choose(const struct model_list *list, const struct model_row *candidates, size_t n_candidates,
				     const int64_t *made, size_t n_made, uint64_t memory)
{
	const struct model_row *best = NULL;

	for (size_t i = 0; i < list->n_models; i++) {
		const struct model_row *m = &list->models[i];
		bool is_made = false;
		for (size_t k = 0; k < n_made; k++)
			is_made |= made[k] == m->id;
		if (is_made || !can_judge(m, memory) || is_related(m, list, candidates, n_candidates))
			continue;
		if (!best || m->model.n_params > best->model.n_params ||
		    (m->model.n_params == best->model.n_params && m->model.size_bytes > best->model.size_bytes))
			best = m;
	}
	return best;
}
