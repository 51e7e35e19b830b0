/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/python_convert.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "convert/child.h"
#include "convert/hf_keys.h"
#include "convert/python_view.h"
#include "model/gguf.h"
#include "model/hf_weights.h"
#include "model/sniff.h"

#define SPARE_BYTES (64 * MIB)

struct work {
	const struct python_convert_options *o;
	const char *dir, *out_path;
	char *part, *view, *made; /* OUT.part, and in it the view and the result */
	uint64_t source_bytes;
	int lock;
};

bool python_convert_may_help(const struct err *why)
{
	struct str key = str_of(why->key);
	bool of_folder = str_starts(key, "err_hf_") || str_starts(key, "err_vocab_"); /* and not of adapters, shards and pickles */
	return why->code == ERR_UNSUPPORTED && of_folder && !str_eq_text(key, "err_hf_bitsandbytes") && !str_eq_text(key, "err_hf_quantized") &&
	       !str_eq_text(key, "err_hf_adapter");
}

/* --- before it --- */

static enum err_code check_place(const struct work *w, struct err *err)
{
	struct stat st;
	if (lstat(w->out_path, &st) != 0)
		return ERR_OK;
	if (!w->o->replace)
		return err_set(err, ERR_CONFLICT, "err_file_exists", "path=%s", w->out_path);
	enum file_kind kind = sniff_path(w->out_path);
	return kind == FILE_GGUF || kind == FILE_EMPTY ? ERR_OK :
							 err_set(err, ERR_CONFLICT, "err_convert_not_replaced", "path=%s", w->out_path);
}

/* 32 bits a value at most of what has 16, and that only where it is asked for. */
static enum err_code check_space(const struct work *w, struct err *err)
{
	uint64_t room = fs_free_space(w->out_path), need = w->source_bytes * (w->o->type == HF_F32 ? 2 : 1) + SPARE_BYTES;
	if (room == UINT64_MAX || room >= need)
		return ERR_OK;
	return err_set(err, ERR_IO, "err_convert_space", "path=%s|need=%llu|free=%llu", w->out_path,
		       (unsigned long long)(need / MIB + 1), (unsigned long long)(room / MIB));
}

/* Safetensors are there, and no pickles are needed. */
static enum err_code look_at_weights(struct work *w, struct err *err)
{
	struct hf_weights *weights = hf_weights_open(w->dir, err);
	if (!weights)
		return err->code;
	w->source_bytes = hf_weights_bytes(weights);
	hf_weights_close(weights);
	return ERR_OK;
}

/* An empty OUT.part/ that is ours as long as the lock is held. */
static enum err_code take_part(struct work *w, struct err *err)
{
	struct stat by_name = { 0 }, by_fd = { 0 };
	if (unlink(w->part) != 0 && errno != ENOENT && errno != EISDIR && errno != EPERM)
		return fs_error(err, errno, "err_fs_write", w->part);
	enum err_code code = fs_make_dirs(w->part, err);
	if (code != ERR_OK)
		return code;
	w->lock = open(w->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (w->lock < 0)
		return fs_error(err, errno, "err_fs_write", w->part);
	if (flock(w->lock, LOCK_EX | LOCK_NB) != 0 || stat(w->part, &by_name) != 0 || fstat(w->lock, &by_fd) != 0 ||
	    by_name.st_ino != by_fd.st_ino)
		return err_set(err, ERR_BUSY, "err_convert_running", "path=%s", w->out_path);
	char *views = fs_join(w->part, "view");
	(void)fs_remove_tree(views);
	(void)unlink(w->made);
	mem_free(views);
	return ERR_OK;
}

/* --- running it --- */

/* "Writing:  42%|####    | 1.2G/2.8G" of gguf-py. */
static double share_in(struct str line)
{
	struct str rest = line;
	uint64_t percent;
	if (!str_starts(line, "Writing:"))
		return -1;
	struct str before = str_split(&rest, '%');
	before = str_trim((struct str){ before.ptr + 8, before.len - 8 });
	return rest.ptr && str_to_u64(before, &percent) && percent <= 100 ? (double)percent / 100 : -1;
}

static void on_line(void *user, struct str line)
{
	const struct work *w = user;
	if (w->o->watch.progress)
		w->o->watch.progress(w->o->watch.user, PYTHON_CONVERTING, share_in(line), line);
}

static enum err_code run(struct work *w, struct err *err)
{
	char *converter = python_converter(err), *program = python_env_program(w->o->data_dir);
	char *script = converter ? fs_join(converter, "convert_hf_to_gguf.py") : NULL;
	char type[16], *home = mem_printf("HOME=%s", w->part), *temp = mem_printf("TMPDIR=%s", w->part);
	char *env[] = { home, temp, (char[]){ "PATH=/usr/bin:/bin" }, (char[]){ "LANG=C.UTF-8" }, (char[]){ "HF_HUB_OFFLINE=1" },
			(char[]){ "TRANSFORMERS_OFFLINE=1" }, (char[]){ "PYTHONNOUSERSITE=1" }, (char[]){ "PYTHONDONTWRITEBYTECODE=1" },
			(char[]){ "PYTHONUNBUFFERED=1" }, (char[]){ "TQDM_MININTERVAL=0.5" }, NULL };
	const char *argv[] = { program, script, w->view, "--outfile", w->made, "--outtype", type, NULL };
	struct child_options o = { .argv = argv, .env = env, .write_dir = w->part, .line = on_line, .user = w, .cancel = w->o->watch.cancel };
	struct child_end end = { 0 };
	str_format(type, sizeof type, "%s", hf_type_name(w->o->type));
	for (char *c = type; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	enum err_code code = converter ? ERR_OK : err->code;
	if (code == ERR_OK)
		on_line(w, STR(""));
	if (code == ERR_OK)
		code = child_run(&o, &end, err);
	if (code == ERR_OK && end.signal)
		code = err_set(err, ERR_IO, "err_python_killed", "path=%s|signal=%d", w->dir, end.signal);
	else if (code == ERR_OK && end.exit_code != 0)
		code = err_set(err, ERR_DATA, "err_python_failed", "path=%s|reason=%.300s", w->dir, end.last[0] ? end.last : "?");
	mem_free(temp);
	mem_free(home);
	mem_free(script);
	mem_free(program);
	mem_free(converter);
	return code;
}

/* --- what it made --- */

static enum hf_type type_of(const struct gguf *g)
{
	uint64_t file_type = UINT64_MAX;
	(void)gguf_get_u64(g, "general.file_type", &file_type);
	for (int type = HF_F32; type <= HF_Q8_0; type++)
		if (hf_type_file_type((enum hf_type)type) == file_type)
			return (enum hf_type)type;
	return HF_F16;
}

static uint64_t values_of(const struct gguf *g)
{
	uint64_t n_values = 0;
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		uint64_t n = 1;
		for (uint32_t k = 0; k < GGUF_MAX_DIMS; k++)
			n *= gguf_tensor_at(g, i)->ne[k];
		n_values += n;
	}
	return n_values;
}

static enum err_code check_made(const struct work *w, struct hf_convert_facts *facts, struct err *err)
{
	struct err why = { 0 };
	struct stat st = { 0 };
	struct arena *a = arena_new();
	struct gguf *g = lstat(w->made, &st) == 0 && S_ISREG(st.st_mode) ? gguf_open(w->made, &why) : NULL;
	const char *architecture = g ? gguf_get_label(g, "general.architecture", a) : "";
	bool good = g && *architecture && gguf_n_tensors(g) > 0 && gguf_array_len(g, "tokenizer.ggml.tokens") > 0;
	if (good && facts) {
		*facts = (struct hf_convert_facts){ .size_bytes = (uint64_t)st.st_size, .source_bytes = w->source_bytes,
						    .n_values = values_of(g), .n_tensors = gguf_n_tensors(g), .type = type_of(g) };
		(void)str_format(facts->architecture, sizeof facts->architecture, "%s", architecture);
	}
	if (g)
		gguf_close(g);
	if (!g && why.code != ERR_OK)
		log_warn("convert", "what the converter made is refused: %s", why.key);
	arena_free(a);
	return good ? ERR_OK : err_set(err, ERR_DATA, "err_python_output", "path=%s", w->dir);
}

static enum err_code publish(const struct work *w, struct err *err)
{
	int fd = open(w->made, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fs_error(err, errno, "err_fs_write", w->made);
	return w->o->replace ? fs_publish(fd, w->made, w->out_path, err) : fs_publish_new(fd, w->made, w->out_path, err);
}

static enum err_code work(struct work *w, struct hf_convert_facts *facts, struct err *err)
{
	enum err_code code = check_place(w, err);
	if (code == ERR_OK)
		code = look_at_weights(w, err);
	if (code == ERR_OK)
		code = check_space(w, err);
	if (code == ERR_OK)
		code = python_env_make(w->o->data_dir, &w->o->watch, err);
	if (code == ERR_OK)
		code = take_part(w, err);
	if (code == ERR_OK)
		code = python_view_make(w->view, w->dir, w->o->base, err);
	if (code == ERR_OK)
		code = run(w, err);
	if (code == ERR_OK)
		code = check_made(w, facts, err);
	return code == ERR_OK ? publish(w, err) : code;
}

enum err_code python_convert(const char *dir, const char *out_path, const struct python_convert_options *o,
			     struct hf_convert_facts *facts, struct err *err)
{
	struct err own = { 0 };
	struct arena *a = arena_new();
	struct work w = { .o = o, .dir = dir, .out_path = out_path, .lock = -1 };
	err = err ? err : &own;
	w.part = mem_printf("%s.part", out_path);
	w.view = mem_printf("%s/view/%s", w.part, hf_keys_folder_name(a, dir)); /* the model is named after it */
	w.made = fs_join(w.part, "made.gguf");
	enum err_code code = work(&w, facts, err);
	if (w.lock >= 0 && code != ERR_BUSY)
		(void)fs_remove_tree(w.part);
	if (w.lock >= 0)
		close(w.lock);
	mem_free(w.made);
	mem_free(w.view);
	mem_free(w.part);
	arena_free(a);
	return code;
}
