/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields and their meaning: peft/tuners/lora/config.py; patterns: get_pattern_key() in peft/utils/other.py.
 */
#include "model/peft.h"

#include <math.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/label.h"

#define MAX_PATTERNS 4096
#define MAX_STARS 4

static enum err_code bad_feature(struct err *err, const char *what, const char *feature)
{
	return err_set(err, ERR_UNSUPPORTED, "err_adapter_feature", "path=%s|feature=%s", what, feature);
}

/* Absent, null, false, "", [] and {} all mean "not used". */
static bool is_set(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
	case JSON_FALSE:
		return false;
	case JSON_STRING:
		return json_string_length(value) > 0;
	case JSON_ARRAY:
		return json_array_size(value) > 0;
	case JSON_OBJECT:
		return json_object_size(value) > 0;
	case JSON_INTEGER:
	case JSON_REAL:
		return json_number_value(value) != 0.0;
	case JSON_TRUE:
		break;
	}
	return true;
}

/* Ways to start the training that change the base's own weights: the adapter then fits only that changed
 * base. */
static bool changes_base(const json_t *init)
{
	static const char *const names[] = { "pissa", "olora", "corda", "loftq", "lora_ga" };
	const char *name = json_string_value(init);
	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static enum err_code check_features(const json_t *root, const char *what, struct err *err)
{
	static const char *const features[] = {
		"use_dora",   "modules_to_save",	 "layer_replication", "trainable_token_indices",
		"lora_bias",  "target_parameters",	 "fan_in_fan_out",    "use_qalora",
		"use_bdlora", "alora_invocation_tokens", "arrow_config",
	};
	if (json_object_get(root, "fine_tune_type") || json_object_get(root, "lora_parameters"))
		return err_set(err, ERR_UNSUPPORTED, "err_adapter_mlx", "path=%s", what);
	const char *type = json_string_value(json_object_get(root, "peft_type"));
	if (!type || strcmp(type, "LORA") != 0)
		return err_set(err, ERR_UNSUPPORTED, "err_adapter_type", "path=%s|type=%.60s", what,
			       type ? type : "?");
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (is_set(json_object_get(root, features[i])))
			return bad_feature(err, what, features[i]);
	const char *bias = json_string_value(json_object_get(root, "bias"));
	if (bias && strcmp(bias, "none") != 0)
		return bad_feature(err, what, "bias");
	if (changes_base(json_object_get(root, "init_lora_weights")))
		return bad_feature(err, what, "init_lora_weights");
	return ERR_OK;
}

/* Characters of module names, "^" in front, "$" at the end, ".", ".*" and an escaped point.  PEFT takes any
 * Python pattern; what goes beyond this is refused rather than read differently. */
static bool is_simple_pattern(const char *key)
{
	int stars = 0;
	for (const char *p = key; *p; p++) {
		bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			    (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' || *p == '.';
		if (word || (*p == '^' && p == key) || (*p == '$' && p[1] == 0))
			continue;
		if (*p == '\\' && p[1] == '.')
			p++;
		else if (*p == '*' && p > key && p[-1] == '.' && (p < key + 2 || p[-2] != '\\') &&
			 ++stars <= MAX_STARS)
			continue;
		else
			return false;
	}
	return *key && strlen(key) <= LIMIT_NAME_BYTES;
}

static enum err_code read_patterns(struct arena *a, const json_t *map, const char *what, double min,
				   struct peft_pattern **out, size_t *n, struct err *err)
{
	const char *key;
	json_t *value;
	*n = 0;
	if (!map || json_is_null(map))
		return ERR_OK;
	if (!json_is_object(map) || json_object_size(map) > MAX_PATTERNS)
		return err_set(err, ERR_DATA, "err_adapter_config",
			       "path=%s|field=rank_pattern, alpha_pattern", what);
	*out = arena_array(a, json_object_size(map) + 1, sizeof((*out)[0]));
	json_object_foreach ((json_t *)map, key, value) {
		double number = json_number_value(value);
		if (!is_simple_pattern(key))
			return err_set(err, ERR_UNSUPPORTED, "err_adapter_pattern", "path=%s|pattern=%.200s",
				       what, key);
		if (!json_is_number(value) || !(number >= min) || number > 1e6)
			return err_set(err, ERR_DATA, "err_adapter_config", "path=%s|field=%.200s", what,
				       key);
		(*out)[(*n)++] = (struct peft_pattern){ arena_strdup(a, key), number };
	}
	return ERR_OK;
}

static enum err_code read_numbers(const json_t *root, const char *what, struct peft_config *out,
				  struct err *err)
{
	const json_t *rank = json_object_get(root, "r"), *alpha = json_object_get(root, "lora_alpha");
	out->rank = rank ? (int64_t)json_integer_value(rank) : 8; /* PEFT's defaults */
	out->alpha = alpha ? json_number_value(alpha) : 8;
	out->rslora = json_is_true(json_object_get(root, "use_rslora"));
	if ((rank && !json_is_integer(rank)) || out->rank < 1 || out->rank > PEFT_MAX_RANK)
		return err_set(err, ERR_DATA, "err_adapter_config", "path=%s|field=r", what);
	/* llama.cpp reads an alpha of 0 as "do not scale", PEFT as "no effect". */
	if ((alpha && !json_is_number(alpha)) || !(fabs(out->alpha) > 1e-9) || !(fabs(out->alpha) < 1e9))
		return err_set(err, ERR_DATA, "err_adapter_config", "path=%s|field=lora_alpha", what);
	return ERR_OK;
}

enum err_code peft_parse(struct arena *a, struct str text, const char *what, struct peft_config *out,
			 struct err *err)
{
	*out = (struct peft_config){ .base_name = "" };
	json_t *root = json_parse_python(text, what, err);
	if (!root)
		return ERR_DATA;
	enum err_code rc = ERR_OK;
	if (!json_is_object(root))
		rc = err_set(err, ERR_DATA, "err_adapter_config", "path=%s|field={}", what);
	else
		out->base_name = label_make(
			a, str_of(json_string_value(json_object_get(root, "base_model_name_or_path"))));
	if (rc == ERR_OK)
		rc = check_features(root, what, err);
	if (rc == ERR_OK)
		rc = read_numbers(root, what, out, err);
	if (rc == ERR_OK)
		rc = read_patterns(a, json_object_get(root, "rank_pattern"), what, 1, &out->ranks,
				   &out->n_ranks, err);
	if (rc == ERR_OK)
		rc = read_patterns(a, json_object_get(root, "alpha_pattern"), what, 1e-9, &out->alphas,
				   &out->n_alphas, err);
	json_decref(root);
	return rc;
}

enum err_code peft_read(struct arena *a, const char *dir, struct peft_config *out, struct err *err)
{
	char *path = fs_join(dir, "adapter_config.json");
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);
	enum err_code rc = fs_read(path, &text, err);
	if (rc == ERR_OK)
		rc = peft_parse(a, buf_str(&text), path, out, err);
	buf_release(&text);
	mem_free(path);
	return rc;
}

/* Matches all of `text`; a key has at most MAX_STARS stars, which bounds the work. */
static bool match_here(const char *key, struct str text)
{
	if (*key == 0 || (*key == '$' && key[1] == 0))
		return text.len == 0;
	if (key[0] == '.' && key[1] == '*') {
		for (size_t i = 0; i <= text.len; i++)
			if (match_here(key + 2, (struct str){ text.ptr + i, text.len - i }))
				return true;
		return false;
	}
	bool any = *key == '.';
	if (*key == '\\')
		key++;
	return text.len > 0 && (any || text.ptr[0] == *key) &&
	       match_here(key + 1, (struct str){ text.ptr + 1, text.len - 1 });
}

bool peft_pattern_match(const char *key, struct str module)
{
	if (*key == '^')
		return match_here(key + 1, module);
	if (match_here(key, module))
		return true;
	for (size_t i = 0; i < module.len; i++)
		if (module.ptr[i] == '.' &&
		    match_here(key, (struct str){ module.ptr + i + 1, module.len - i - 1 }))
			return true;
	return false;
}

static const struct peft_pattern *first_match(const struct peft_pattern *patterns, size_t n,
					      struct str module)
{
	for (size_t i = 0; i < n; i++)
		if (peft_pattern_match(patterns[i].key, module))
			return &patterns[i];
	return NULL;
}

int64_t peft_rank(const struct peft_config *c, struct str module)
{
	const struct peft_pattern *found = first_match(c->ranks, c->n_ranks, module);
	return found ? (int64_t)found->value : c->rank;
}

double peft_alpha(const struct peft_config *c, struct str module)
{
	const struct peft_pattern *found = first_match(c->alphas, c->n_alphas, module);
	return found ? found->value : c->alpha;
}
