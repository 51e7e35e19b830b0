/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hf_rope.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "model/checked_json.h"

#define MAX_FACTORS 65536
#define MAX_BASE 1e12
#define MAX_FACTOR 1e6
#define PI 3.14159265358979323846

struct reader {
	const json_t *config; /* the whole */
	const json_t *rope;   /* what tells about the rope; NULL: nothing */
	struct checked_json check;
};

static void bad_field(struct reader *r, const char *field)
{
	checked_bad(&r->check, field);
}

/* Of the rope's own object. */
static double own(struct reader *r, const char *field, double min, double max, double absent)
{
	return checked_number(&r->check, checked_member(r->rope, field), field, min, max, absent);
}

/* Of the rope's own object, else of the whole file. */
static double either(struct reader *r, const char *field, double min, double max, double absent)
{
	const json_t *v = checked_member(r->rope, field);
	return checked_number(&r->check, v ? v : checked_member(r->config, field), field, min, max, absent);
}

static bool type_named(const char *name, const struct hf_rope_wish *wish, enum hf_rope_type *out)
{
	static const struct {
		const char *name;
		enum hf_rope_type type;
	} types[] = {
		{ "default", HF_ROPE_PLAIN }, { "dynamic", HF_ROPE_PLAIN }, /* that stretches only what is past the context */
		{ "linear", HF_ROPE_LINEAR }, { "yarn", HF_ROPE_YARN },	    { "llama3", HF_ROPE_LLAMA3 },
		{ "su", HF_ROPE_LONG },	      { "longrope", HF_ROPE_LONG },
	};
	bool lists = wish->types & HF_ROPE_BIT(HF_ROPE_LONG);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!str_eq_nocase(str_of(types[i].name), name))
			continue;
		/* Early files of Phi-3 say yarn and mean the two lists. */
		*out = lists && types[i].type == HF_ROPE_YARN ? HF_ROPE_LONG : types[i].type;
		return wish->types & HF_ROPE_BIT(*out);
	}
	return false;
}

static enum err_code read_type(struct reader *r, const struct hf_rope_wish *wish, struct hf_rope *out)
{
	const json_t *v = checked_member(r->rope, "rope_type");
	if (!v)
		v = checked_member(r->rope, "type");
	const char *name = v ? json_string_value(v) : "default";
	if (!name)
		bad_field(r, "rope_type");
	else if (!type_named(name, wish, &out->type))
		r->check.rc = err_set(r->check.err, ERR_UNSUPPORTED, "err_hf_rope", "path=%s|type=%.60s", r->check.what, name);
	return r->check.rc;
}

static const float *factor_list(struct arena *a, struct reader *r, const char *field, uint32_t *n)
{
	const json_t *list = checked_member(r->rope, field), *one;
	size_t i, count = json_array_size(list);
	if (count < 1 || count > MAX_FACTORS) {
		bad_field(r, field);
		return NULL;
	}
	float *out = arena_array(a, count, sizeof(out[0]));
	json_array_foreach ((json_t *)list, i, one)
		out[i] = (float)checked_number(&r->check, one, field, 1e-6, MAX_FACTOR, 1);
	*n = (uint32_t)count;
	return out;
}

static void read_lists(struct arena *a, struct reader *r, struct hf_rope *out)
{
	uint32_t n_short = 0;
	out->long_factors = factor_list(a, r, "long_factor", &out->n_factors);
	out->short_factors = factor_list(a, r, "short_factor", &n_short);
	if (n_short != out->n_factors)
		bad_field(r, "short_factor");
	if (out->original_context < 2)
		bad_field(r, "original_max_position_embeddings");
}

static void read_yarn(struct reader *r, struct hf_rope *out)
{
	out->ext_factor = own(r, "extrapolation_factor", 0, MAX_FACTOR, -1);
	double short_name = own(r, "attn_factor", 0, MAX_FACTOR, -1);
	out->attn_factor = own(r, "attention_factor", 0, MAX_FACTOR, short_name);
	out->beta_fast = own(r, "beta_fast", 0, MAX_FACTOR, -1);
	out->beta_slow = own(r, "beta_slow", 0, MAX_FACTOR, -1);
	if (out->original_context == 0)
		bad_field(r, "original_max_position_embeddings");
}

static void read_scaling(struct arena *a, struct reader *r, struct hf_rope *out)
{
	bool llama3 = out->type == HF_ROPE_LLAMA3, scaled = llama3 || out->type == HF_ROPE_LINEAR || out->type == HF_ROPE_YARN;
	if (scaled)
		out->factor = own(r, "factor", 1e-6, MAX_FACTOR, llama3 ? 8 : 0);
	if (scaled && out->factor <= 0)
		bad_field(r, "factor");
	if (out->type == HF_ROPE_YARN)
		read_yarn(r, out);
	if (out->type == HF_ROPE_LONG)
		read_lists(a, r, out);
	if (!llama3)
		return;
	out->low_freq_factor = own(r, "low_freq_factor", 1e-6, MAX_FACTOR, 1);
	out->high_freq_factor = own(r, "high_freq_factor", 1e-6, MAX_FACTOR, 4);
	if (out->high_freq_factor <= out->low_freq_factor)
		bad_field(r, "high_freq_factor");
	if (out->original_context == 0)
		out->original_context = 8192;
}

/* What says how positions turn: rope_parameters of newer files hides rope_scaling, and may have one for each kind of
 * layer. */
static void find_rope(struct reader *r, const struct hf_rope_wish *wish, struct hf_rope *out)
{
	const json_t *all = json_object_get(r->config, "rope_parameters");
	if (!all)
		all = json_object_get(r->config, "rope_scaling");
	if (all && !json_is_null(all) && !json_is_object(all))
		bad_field(r, "rope_scaling");
	const json_t *full = checked_member(all, "full_attention"), *near = checked_member(all, "sliding_attention");
	bool split = full || near;
	r->rope = split ? full : all;
	out->base = split ? own(r, "rope_theta", 1, MAX_BASE, wish->base) : either(r, "rope_theta", 1, MAX_BASE, wish->base);
	if (wish->base_local <= 0)
		return;
	out->base_local = split ? checked_number(&r->check, checked_member(near, "rope_theta"), "rope_theta", 1, MAX_BASE, 0)
				: checked_number(&r->check, checked_member(r->config, "rope_local_base_freq"), "rope_local_base_freq", 1, MAX_BASE,
					  wish->base_local);
}

enum err_code hf_rope_read(struct arena *a, const json_t *values, const char *what, const struct hf_rope_wish *wish,
			   struct hf_rope *out, struct err *err)
{
	struct reader r = { .config = values, .check = { .what = what, .err = err } };
	*out = (struct hf_rope){ 0 };
	find_rope(&r, wish, out);
	out->partial = either(&r, "partial_rotary_factor", 0.01, 1, 1);
	double original = either(&r, "original_max_position_embeddings", 1, 4294967295.0, (double)wish->original_context);
	out->original_context = (uint32_t)original;
	if (r.check.rc != ERR_OK || read_type(&r, wish, out) != ERR_OK)
		return r.check.rc;
	bool other_base = wish->fixed_base && (out->base < wish->base || out->base > wish->base);
	if (other_base || (!wish->partial && out->partial < 1))
		return err_set(err, ERR_UNSUPPORTED, "err_hf_config_ignored", "path=%s|field=%s", what,
			       other_base ? "rope_theta" : "partial_rotary_factor");
	read_scaling(a, &r, out);
	return r.check.rc;
}

/* torch divides a number by a tensor as the tensor's reciprocal times the number. */
static float by(double number, float x)
{
	return 1.0f / x * (float)number;
}

void hf_rope_llama3(const struct hf_rope *rope, uint32_t dims, float *out)
{
	double old = rope->original_context, low = rope->low_freq_factor, high = rope->high_freq_factor;
	for (uint32_t i = 0; i < dims / 2; i++) {
		float share = (float)(2 * i) / (float)dims;
		float wave = by(2 * PI, 1.0f / (float)pow(rope->base, share));
		if (wave < (float)(old / high)) {
			out[i] = 1;
		} else if (wave > (float)(old / low)) {
			out[i] = (float)rope->factor;
		} else {
			float smooth = (by(old, wave) - (float)low) / (float)(high - low);
			out[i] = 1.0f / ((1.0f - smooth) / (float)rope->factor + smooth);
		}
	}
}

double hf_rope_attn_factor(const struct hf_rope *rope, uint32_t n_context)
{
	double scale = (double)n_context / rope->original_context;
	return scale > 1 ? sqrt(1 + log(scale) / log((double)rope->original_context)) : 1;
}
