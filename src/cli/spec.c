/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/spec.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/column_label.h"
#include "cli/settings.h"

#define EPOCH_SLACK 0.05 /* trainers write 3.98 for the end of epoch 4 */
#define LIST_MAX 400 /* bytes of names in an error */

void spec_release(struct spec *s)
{
	mem_free(s->name);
	mem_free(s->adapter);
	json_decref(s->params);
	*s = (struct spec){ 0 };
}

static char *text_of(struct str s)
{
	return mem_printf("%.*s", (int)s.len, s.ptr);
}

/* Length of "word=" at the start of `s`, without the '='; 0 if it does not begin so. */
static size_t setting_name(struct str s)
{
	size_t n = 0;
	while (n < s.len && (islower((unsigned char)s.ptr[n]) || s.ptr[n] == '_' || s.ptr[n] == '-'))
		n++;
	return n > 0 && n < s.len && s.ptr[n] == '=' ? n : 0;
}

/* Where the settings begin: at the comma before the first "word=", or at the end. */
static size_t settings_start(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == ',' && setting_name((struct str){ s.ptr + i + 1, s.len - i - 1 }))
			return i;
	return s.len;
}

/* A free text goes on until the next known setting, so that it may hold commas. */
static size_t value_end(struct str s, bool is_text)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != ',')
			continue;
		struct str rest = { s.ptr + i + 1, s.len - i - 1 };
		size_t n = setting_name(rest);
		if (!is_text || (n && setting_exists((struct str){ rest.ptr, n }, NULL)))
			return i;
	}
	return s.len;
}

static enum err_code parse_settings(struct str s, json_t *params, struct err *err)
{
	while (s.len) {
		s = (struct str){ s.ptr + 1, s.len - 1 }; /* the comma */
		size_t n = setting_name(s);
		if (!n)
			return err_set(err, ERR_INVALID, "err_spec_setting", "found=%.*s", (int)s.len, s.ptr);
		struct str name = { s.ptr, n };
		bool is_text;
		(void)setting_exists(name, &is_text);
		s = (struct str){ s.ptr + n + 1, s.len - n - 1 };
		struct str value = { s.ptr, value_end(s, is_text) };
		s = (struct str){ s.ptr + value.len, s.len - value.len };
		char *key = text_of(name);
		bool again = json_object_get(params, key) != NULL;
		mem_free(key);
		if (again && !str_eq_text(name, "stop"))
			return err_set(err, ERR_INVALID, "err_spec_twice", "name=%.*s", (int)n, name.ptr);
		if (setting_put(params, name, value, err) != ERR_OK)
			return err ? err->code : ERR_INVALID;
	}
	return ERR_OK;
}

static bool ends_gguf(struct str s)
{
	return s.len >= 5 && strncasecmp(s.ptr + s.len - 5, ".gguf", 5) == 0;
}

/* Position of the '+' after the first ".gguf", or s.len. */
static size_t find_plus(struct str s)
{
	for (size_t i = 5; i + 1 < s.len; i++)
		if (s.ptr[i] == '+' && ends_gguf((struct str){ s.ptr, i }))
			return i;
	return s.len;
}

static bool looks_like_path(struct str s)
{
	return ends_gguf(s) || memchr(s.ptr, '/', s.len) || s.ptr[0] == '~' || str_eq_text(s, ".") || str_eq_text(s, "..");
}

static enum err_code parse_selector(struct spec *out, struct str whole, size_t at, struct err *err)
{
	struct str selector = { whole.ptr + at + 1, whole.len - at - 1 };
	struct str family = { whole.ptr, at };
	if (!family.len)
		return err_set(err, ERR_INVALID, "err_spec_no_family", "spec=%.*s", (int)whole.len, whole.ptr);
	if (str_eq_nocase(selector, "base")) {
		out->kind = SPEC_BASE;
	} else if (str_starts(selector, "step:")) {
		out->kind = SPEC_STEP;
		if (!str_to_i64((struct str){ selector.ptr + 5, selector.len - 5 }, &out->number) || out->number < 0)
			return err_set(err, ERR_INVALID, "err_spec_step", "spec=%.*s", (int)whole.len, whole.ptr);
	} else {
		out->kind = SPEC_EPOCH;
		if (!str_to_double(selector, &out->epoch) || out->epoch < 0)
			return err_set(err, ERR_INVALID, "err_spec_epoch", "spec=%.*s|found=%.*s", (int)whole.len, whole.ptr,
				       (int)selector.len, selector.ptr);
	}
	out->name = text_of(family);
	return ERR_OK;
}

static enum err_code parse_name(struct spec *out, struct str s, struct err *err)
{
	size_t plus = find_plus(s);
	const char *at = memrchr(s.ptr, '@', s.len);
	if (plus < s.len) {
		out->kind = SPEC_PAIR;
		out->name = text_of((struct str){ s.ptr, plus });
		out->adapter = text_of((struct str){ s.ptr + plus + 1, s.len - plus - 1 });
		return ERR_OK;
	}
	if (at && !looks_like_path((struct str){ at, s.len - (size_t)(at - s.ptr) }))
		return parse_selector(out, s, (size_t)(at - s.ptr), err);
	if (str_starts(s, "id:")) {
		out->kind = SPEC_ID;
		out->name = mem_strdup("");
		if (str_to_i64((struct str){ s.ptr + 3, s.len - 3 }, &out->number) && out->number > 0)
			return ERR_OK;
		return err_set(err, ERR_INVALID, "err_spec_id", "spec=%.*s", (int)s.len, s.ptr);
	}
	out->kind = looks_like_path(s) ? SPEC_FILE : SPEC_NAME;
	out->name = text_of(s);
	return ERR_OK;
}

enum err_code spec_parse(const char *text, struct spec *out, struct err *err)
{
	struct str all = str_trim(str_of(text));
	*out = (struct spec){ .params = json_object() };
	if (!utf8_valid(all, NULL))
		return err_set(err, ERR_INVALID, "err_spec_utf8", NULL);
	size_t cut = settings_start(all);
	struct str name = str_trim((struct str){ all.ptr, cut });
	if (!name.len)
		return err_set(err, ERR_INVALID, "err_spec_empty", "spec=%s", text);
	enum err_code code = parse_name(out, name, err);
	if (code == ERR_OK)
		code = parse_settings((struct str){ all.ptr + cut, all.len - cut }, out->params, err);
	return code;
}

/* --- matching --- */

static const char *name_of(const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "name"));
	return name ? name : "";
}

static int64_t id_of(const json_t *object)
{
	return json_integer_value(json_object_get(object, "id"));
}

/* 2: the same name, 1: begins so, 0: neither. */
static int fits(const char *name, const char *wanted)
{
	if (strcasecmp(name, wanted) == 0)
		return 2;
	return strncasecmp(name, wanted, strlen(wanted)) == 0;
}

struct found {
	const json_t *object; /* the best match */
	int quality;
	size_t n;             /* objects of that quality */
	struct buf names;     /* of these */
};

static void add_name(struct buf *names, const char *name)
{
	if (names->len + strlen(name) + 2 < LIST_MAX)
		buf_printf(names, "%s%s", names->len ? ", " : "", name);
}

static void search(struct found *f, const json_t *array, const char *wanted)
{
	size_t i;
	const json_t *object;
	json_array_foreach(array, i, object) {
		int quality = fits(name_of(object), wanted);
		if (quality > f->quality) {
			f->quality = quality;
			f->n = 0;
			buf_clear(&f->names);
		}
		if (quality && quality == f->quality) {
			f->object = object;
			f->n++;
			add_name(&f->names, name_of(object));
		}
	}
}

static void add_all_names(struct buf *names, const json_t *array)
{
	size_t i;
	const json_t *object;
	json_array_foreach(array, i, object)
		add_name(names, name_of(object));
}

/* The one match, or NULL with an error that lists the choices. */
static const json_t *one_match(const struct found *f, const char *wanted, const json_t *models, const json_t *families,
			       struct err *err)
{
	if (f->n == 1)
		return f->object;
	if (f->n > 1) {
		err_set(err, ERR_NOT_FOUND, "err_spec_ambiguous", "name=%s|names=%s", wanted, buf_text(&f->names));
		return NULL;
	}
	struct buf all = BUF_INIT(LIST_MAX);
	add_all_names(&all, families);
	add_all_names(&all, models);
	if (all.len)
		err_set(err, ERR_NOT_FOUND, "err_spec_no_model", "name=%s|names=%s", wanted, buf_text(&all));
	else
		err_set(err, ERR_NOT_FOUND, "err_spec_no_models", "name=%s", wanted);
	buf_release(&all);
	return NULL;
}

/* "@base, @1, ..." */
static void add_choices(struct buf *out, const json_t *family)
{
	size_t i;
	const json_t *checkpoint;
	if (json_is_integer(json_object_get(family, "base_model_id")))
		add_name(out, "@base");
	json_array_foreach(json_object_get(family, "checkpoints"), i, checkpoint) {
		const json_t *step = json_object_get(checkpoint, "step");
		char text[48], number[32];
		column_epoch(checkpoint, number);
		if (*number && !column_epoch_is_shared(family, checkpoint)) {
			snprintf(text, sizeof text, "@%s", number);
		} else if (json_is_integer(step)) {
			snprintf(text, sizeof text, "@step:%lld", (long long)json_integer_value(step));
		} else {
			snprintf(text, sizeof text, "id:%lld", (long long)id_of(checkpoint));
		}
		add_name(out, text);
	}
}

static enum err_code family_error(const char *key, const struct spec *s, const json_t *family, struct err *err)
{
	struct buf choices = BUF_INIT(LIST_MAX);
	char wanted[48] = "";
	if (s->kind == SPEC_EPOCH)
		snprintf(wanted, sizeof wanted, "@%.4g", s->epoch);
	else if (s->kind == SPEC_STEP)
		snprintf(wanted, sizeof wanted, "@step:%lld", (long long)s->number);
	add_choices(&choices, family);
	enum err_code code = err_set(err, ERR_NOT_FOUND, key, "name=%s|wanted=%s|names=%s", name_of(family), wanted,
				     buf_text(&choices));
	buf_release(&choices);
	return code;
}

static enum err_code match_checkpoint(const struct spec *s, const json_t *family, int64_t *model_id, struct err *err)
{
	size_t i;
	const json_t *checkpoint;
	if (s->kind == SPEC_BASE) {
		const json_t *base = json_object_get(family, "base_model_id");
		*model_id = json_integer_value(base);
		return json_is_integer(base) ? ERR_OK : family_error("err_spec_no_base", s, family, err);
	}
	double nearest = INFINITY;
	json_array_foreach(json_object_get(family, "checkpoints"), i, checkpoint) {
		const json_t *epoch = json_object_get(checkpoint, "epoch"), *step = json_object_get(checkpoint, "step");
		double distance = INFINITY;
		if (s->kind == SPEC_STEP && json_is_integer(step) && json_integer_value(step) == s->number)
			distance = 0;
		else if (s->kind == SPEC_EPOCH && json_is_number(epoch))
			distance = fabs(json_number_value(epoch) - s->epoch);
		if (distance <= EPOCH_SLACK && distance < nearest) {
			nearest = distance;
			*model_id = id_of(checkpoint);
		}
	}
	if (nearest <= EPOCH_SLACK)
		return ERR_OK;
	return family_error("err_spec_no_epoch", s, family, err);
}

static enum err_code match_id(const struct spec *s, const json_t *models, const json_t *families, int64_t *model_id,
			      struct err *err)
{
	size_t i, k;
	const json_t *model, *family;
	*model_id = s->number;
	json_array_foreach(models, i, model)
		if (id_of(model) == s->number)
			return ERR_OK;
	json_array_foreach(families, i, family)
		json_array_foreach(json_object_get(family, "checkpoints"), k, model)
			if (id_of(model) == s->number)
				return ERR_OK;
	return err_set(err, ERR_NOT_FOUND, "err_model_not_found", "id=%lld", (long long)s->number);
}

enum err_code spec_match(const struct spec *s, const json_t *model_list, int64_t *model_id, struct err *err)
{
	const json_t *models = json_object_get(model_list, "models"), *families = json_object_get(model_list, "families");
	if (s->kind == SPEC_ID)
		return match_id(s, models, families, model_id, err);
	struct found f = { .names = BUF_INIT(LIST_MAX) };
	const json_t *none = NULL;
	search(&f, families, s->name);
	if (s->kind == SPEC_NAME)
		search(&f, models, s->name);
	const json_t *object = one_match(&f, s->name, s->kind == SPEC_NAME ? models : none, families, err);
	buf_release(&f.names);
	if (!object)
		return ERR_NOT_FOUND;
	if (s->kind != SPEC_NAME)
		return match_checkpoint(s, object, model_id, err);
	*model_id = id_of(object);
	return json_object_get(object, "checkpoints") ? family_error("err_spec_family", s, object, err) : ERR_OK;
}

int64_t spec_match_family(const char *name, const json_t *model_list)
{
	struct found f = { .names = BUF_INIT(LIST_MAX) };
	search(&f, json_object_get(model_list, "families"), name);
	search(&f, json_object_get(model_list, "models"), name);
	buf_release(&f.names);
	return f.n == 1 && json_object_get(f.object, "checkpoints") ? id_of(f.object) : -1;
}
