/* SPDX-License-Identifier: Apache-2.0 */
#include "model/template_source.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/modelfile.h"
#include "model/template_preset.h"

#define CONFIG_BYTES (8 * MIB) /* a tokenizer_config.json lists every special token */
#define MODELFILE_BYTES (1 * MIB)

/* The text as a C string in the arena; what is too long or no text is a problem. */
static const char *keep_text(struct arena *a, struct str text, size_t max, const char *path, struct err *err)
{
	if (text.len > max)
		err_set(err, ERR_LIMIT, "err_template_file_size", "path=%s|limit=%zu|found=%zu", path, max, text.len);
	else if (!utf8_valid(text, NULL) || memchr(text.ptr ? text.ptr : "", 0, text.len))
		err_set(err, ERR_DATA, "err_template_text", "path=%s", path);
	else
		return arena_strndup(a, text.ptr ? text.ptr : "", text.len);
	return "";
}

/* --- the trainer's tokenizer files --- */

static const char *read_jinja(struct arena *a, const char *path, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_TEMPLATE);
	const char *kept = fs_read(path, &text, err) == ERR_OK ? keep_text(a, buf_str(&text), LIMIT_TEMPLATE, path, err) : "";

	buf_release(&text);
	return kept;
}

/* A text, or a list of named ones of which "default" is for chats. */
static const json_t *default_template(const json_t *value)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(value))
		return value;
	json_array_foreach(value, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		if (name && strcmp(name, "default") == 0)
			return json_object_get(item, "template");
	}
	return NULL;
}

static const char *read_config(struct arena *a, const char *path, struct err *err)
{
	struct buf text = BUF_INIT(CONFIG_BYTES);
	const char *kept = "";
	json_t *root = fs_read(path, &text, err) == ERR_OK ? json_parse_python(buf_str(&text), path, err) : NULL;
	const json_t *value = default_template(json_object_get(root, "chat_template"));

	if (json_is_string(value))
		kept = keep_text(a, (struct str){ json_string_value(value), json_string_length(value) }, LIMIT_TEMPLATE, path, err);
	else if (value && !json_is_null(value))
		err_set(err, ERR_DATA, "err_template_text", "path=%s", path);
	json_decref(root);
	buf_release(&text);
	return kept;
}

static const char *join(struct arena *a, const char *folder, const char *name)
{
	char *path = fs_join(folder, name);
	const char *kept = arena_strdup(a, path);

	mem_free(path);
	return kept;
}

static struct template_source source_of(enum template_origin origin, const char *path)
{
	return (struct template_source){ .origin = origin, .path = path, .text = "", .preset = "", .system = "" };
}

/* False where the folder has none of the files, or none of them says anything of a template. */
static bool read_tokenizer(struct arena *a, const char *folder, struct template_source *out)
{
	static const struct {
		const char *name;
		const char *(*read)(struct arena *a, const char *path, struct err *err);
	} files[] = { { "chat_template.jinja", read_jinja }, { "chat_template.json", read_config }, { "tokenizer_config.json", read_config } };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const char *path = join(a, folder, files[i].name);
		if (!fs_exists(path))
			continue;
		*out = source_of(TEMPLATE_OF_CHECKPOINT, path);
		out->text = files[i].read(a, path, &out->problem);
		if (*out->text || out->problem.code != ERR_OK)
			return true;
	}
	return false;
}

/* --- Modelfile --- */

/* `names`: the file that it has to be of; NULL: any. */
static bool read_modelfile(struct arena *a, const char *folder, const char *names, struct template_source *out)
{
	struct buf text = BUF_INIT(MODELFILE_BYTES);
	struct modelfile *m = arena_alloc(a, sizeof *m);
	const char *path = join(a, folder, "Modelfile");

	if (!fs_exists(path))
		return false;
	*out = source_of(TEMPLATE_OF_MODELFILE, path);
	enum err_code code = fs_read(path, &text, &out->problem);
	const char *kept = code == ERR_OK ? keep_text(a, buf_str(&text), MODELFILE_BYTES, path, &out->problem) : "";
	buf_release(&text);
	if (out->problem.code == ERR_OK)
		code = modelfile_parse(a, str_of(kept), path, m, &out->problem);
	if (out->problem.code != ERR_OK)
		return !names;
	if (names && strcmp(fs_basename(m->from), names) != 0)
		return false;
	const struct template_preset *preset = template_preset_recognize(m->template);
	if (*m->template && !preset)
		err_set(&out->problem, ERR_UNSUPPORTED, "err_modelfile_template", "path=%s", path);
	if (preset) {
		out->preset = preset->name;
		out->text = preset->jinja;
	}
	if (strlen(m->system) > LIMIT_SYSTEM_BYTES)
		err_set(&out->problem, ERR_LIMIT, "err_template_file_size", "path=%s|limit=%llu|found=%zu", path, LIMIT_SYSTEM_BYTES,
			strlen(m->system));
	else
		out->system = m->system;
	out->modelfile = m;
	return true;
}

/* --- both, in order --- */

const struct template_sources *template_sources_of_folder(struct arena *a, const char *folder, const char *run)
{
	struct template_sources *s = arena_alloc(a, sizeof *s);

	if (read_tokenizer(a, folder, &s->items[s->n]) || (run && read_tokenizer(a, run, &s->items[s->n])))
		s->n++;
	if (read_modelfile(a, folder, NULL, &s->items[s->n]) || (run && read_modelfile(a, run, NULL, &s->items[s->n])))
		s->n++;
	return s;
}

const struct template_sources *template_sources_of_gguf(struct arena *a, const struct gguf *g, const char *path)
{
	struct template_sources *s = arena_alloc(a, sizeof *s);
	struct buf text = BUF_INIT(LIMIT_TEMPLATE);
	char *folder = fs_dirname(path);

	if (read_modelfile(a, folder, fs_basename(path), &s->items[s->n]))
		s->n++;
	struct template_source *own = &s->items[s->n++];
	*own = source_of(TEMPLATE_OF_GGUF, arena_strdup(a, path));
	if (gguf_get_text(g, "tokenizer.chat_template", &text))
		own->text = keep_text(a, buf_str(&text), LIMIT_TEMPLATE, path, &own->problem);
	mem_free(folder);
	buf_release(&text);
	return s;
}
