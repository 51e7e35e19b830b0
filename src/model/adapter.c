/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter_check() and adapter_convert() of catalogue.h, for PEFT folders (model/lora.h) and for GGUF LoRA
 * files. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/catalogue.h"
#include "model/finite.h"
#include "model/ggml_type.h"
#include "model/gguf.h"
#include "model/gguf_write.h"
#include "model/label.h"
#include "model/lora.h"

#define COPY_STEP (1 * MIB)

/* --- a LoRA that is already GGUF --- */

static bool text_is(const struct gguf *g, const char *key, const char *wanted, struct arena *a)
{
	return strcmp(gguf_get_label(g, key, a), wanted) == 0;
}

static enum err_code check_gguf_keys(const struct gguf *g, const char *path, const char *architecture,
				     struct arena *a, struct err *err)
{
	if (!text_is(g, "general.type", "adapter", a) || !text_is(g, "adapter.type", "lora", a))
		return err_set(err, ERR_DATA, "err_adapter_not_lora", "path=%s", path);
	if (!text_is(g, "general.architecture", architecture, a))
		return err_set(err, ERR_DATA, "err_adapter_other_arch", "a=%s|b=%s",
			       gguf_get_label(g, "general.architecture", a), architecture);
	/* llama.cpp aborts the process on an alpha of another type. */
	double alpha = 0;
	if (gguf_key_type(g, "adapter.lora.alpha") != GGUF_F32 ||
	    !gguf_get_f64(g, "adapter.lora.alpha", &alpha) || !(alpha > -1e9 && alpha < 1e9))
		return err_set(err, ERR_DATA, "err_adapter_config", "path=%s|field=adapter.lora.alpha", path);
	if (gguf_key_type(g, "adapter.alora.invocation_tokens") != GGUF_VALUE_NONE)
		return err_set(err, ERR_UNSUPPORTED, "err_adapter_feature", "path=%s|feature=alora", path);
	return ERR_OK;
}

/* The other half of a pair and the base tensor, with the shapes that llm_build_lora_mm() needs. */
static enum err_code check_gguf_pair(const struct gguf *g, const struct gguf *base,
				     const struct gguf_tensor *a_tensor, const char *name, struct arena *a,
				     struct err *err)
{
	const struct gguf_tensor *b = gguf_tensor_find(g, arena_printf(a, "%s.lora_b", name));
	const struct gguf_tensor *w = gguf_tensor_find(base, name);
	if (!b)
		return err_set(err, ERR_DATA, "err_adapter_pair", "tensor=%s", name);
	if (!w)
		return err_set(err, ERR_DATA, "err_adapter_no_tensor", "tensor=%s", name);
	bool embedding = strcmp(name, "token_embd.weight") == 0;
	uint64_t row = embedding ? b->ne[1] : a_tensor->ne[0], rows = embedding ? a_tensor->ne[1] : b->ne[1];
	uint64_t rank = embedding ? a_tensor->ne[0] : a_tensor->ne[1];
	if (w->ne[0] != row || w->ne[1] != rows || a_tensor->n_dims != 2 || b->n_dims != 2)
		return err_set(err, ERR_DATA, "err_adapter_shape", "tensor=%s|a=%s|b=%s", name,
			       lora_shape(a, row, rows), lora_shape(a, w->ne[0], w->ne[1]));
	if (rank != b->ne[0])
		return err_set(err, ERR_DATA, "err_adapter_rank", "tensor=%s|a=%llu|b=%llu", name,
			       (unsigned long long)rank, (unsigned long long)b->ne[0]);
	return ERR_OK;
}

static enum err_code check_gguf_tensors(const struct gguf *g, const struct gguf *base, struct arena *a,
					struct err *err)
{
	size_t n_a = 0, n_b = 0;
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		struct str name = str_of(t->name);
		if (t->type != GGML_ID_F32 && t->type != GGML_ID_F16 && t->type != GGML_ID_BF16)
			return err_set(err, ERR_UNSUPPORTED, "err_adapter_quantized", "tensor=%s|type=%s",
				       t->name, ggml_type_find(t->type)->name);
		if (str_ends(name, ".lora_b")) {
			n_b++;
			continue;
		}
		if (!str_ends(name, ".lora_a"))
			return err_set(err, ERR_UNSUPPORTED, "err_adapter_tensor", "tensor=%s", t->name);
		n_a++;
		enum err_code rc =
			check_gguf_pair(g, base, t, arena_strndup(a, name.ptr, name.len - 7), a, err);
		if (rc != ERR_OK)
			return rc;
	}
	if (n_a == 0 || n_a != n_b)
		return err_set(err, ERR_DATA, n_a == 0 ? "err_adapter_empty" : "err_adapter_pair",
			       "path=|tensor=*.lora_a");
	return ERR_OK;
}

static enum err_code check_gguf(const char *adapter_path, const char *base_path, struct err *err)
{
	struct arena *a = arena_new();
	const char *architecture = "";
	struct gguf *g = gguf_open(adapter_path, err);
	struct gguf *base = g ? lora_base_open(base_path, &architecture, a, err) : NULL;
	enum err_code rc = base ? check_gguf_keys(g, adapter_path, architecture, a, err) : err->code;
	if (rc == ERR_OK)
		rc = check_gguf_tensors(g, base, a, err);
	gguf_close(g);
	gguf_close(base);
	arena_free(a);
	return rc;
}

static bool goes_on(void *cancel, double fraction)
{
	(void)fraction;
	return !atomic_load_explicit((const atomic_bool *)cancel, memory_order_relaxed);
}

/* Only where the adapter is about to be used: it reads the whole file. */
static enum err_code check_gguf_values(const char *adapter_path, const atomic_bool *cancel, struct err *err)
{
	struct gguf *g = gguf_open(adapter_path, err);
	enum err_code rc = g ? finite_check(g, cancel ? goes_on : NULL, (void *)cancel, err) : err->code;
	gguf_close(g);
	return rc;
}

/* --- both kinds --- */

enum err_code adapter_check(const char *adapter_path, const char *base_path, struct err *err)
{
	struct err local = { 0 };
	struct err *to = err ? err : &local;
	if (!fs_is_dir(adapter_path))
		return check_gguf(adapter_path, base_path, to);
	struct lora_plan plan;
	enum err_code rc = lora_plan_open(adapter_path, base_path, &plan, to);
	if (rc == ERR_OK)
		lora_plan_close(&plan);
	return rc;
}

static bool cancelled(const atomic_bool *cancel)
{
	return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

static enum err_code copy_gguf(const char *adapter_path, int out, const atomic_bool *cancel, struct err *err)
{
	uint64_t size = 0;
	int in = fs_open(adapter_path, &size, err);
	if (in < 0)
		return ERR_IO;
	char *step = mem_alloc(COPY_STEP);
	enum err_code rc = ERR_OK;
	for (uint64_t at = 0; rc == ERR_OK && at < size;) {
		size_t n = size - at < COPY_STEP ? (size_t)(size - at) : COPY_STEP;
		rc = cancelled(cancel) ? err_set(err, ERR_CANCELLED, "err_cancelled", NULL)
				       : fs_pread(in, step, n, at, err);
		for (size_t done = 0; rc == ERR_OK && done < n;) {
			ssize_t w = write(out, step + done, n - done);
			if (w < 0 && errno != EINTR)
				rc = err_set_errno(err, errno, "err_gguf_write", NULL);
			done += w > 0 ? (size_t)w : 0;
		}
		at += n;
	}
	mem_free(step);
	close(in);
	return rc;
}

static void declare(struct gguf_writer *w, const struct lora_plan *plan, const char *name)
{
	gguf_writer_text(w, "general.architecture", plan->architecture);
	gguf_writer_text(w, "general.type", "adapter");
	gguf_writer_text(w, "adapter.type", "lora");
	gguf_writer_text(w, "general.name", label_make(plan->arena, str_of(name)));
	if (*plan->config.base_name) {
		gguf_writer_u32(w, "general.base_model.count", 1);
		gguf_writer_text(w, "general.base_model.0.name", plan->config.base_name);
	}
	gguf_writer_f32(w, "adapter.lora.alpha", plan->alpha);
	gguf_writer_u32(w, "general.quantization_version", 2);
	for (size_t i = 0; i < plan->n_pairs; i++) {
		const struct lora_pair *p = &plan->pairs[i];
		char tensor[TENSOR_NAME_SIZE + 16];
		/* GGUF lists the row length first: [r, in] is ne = {in, r}. */
		uint64_t ne_a[2] = { p->a->shape[1], p->a->shape[0] },
			 ne_b[2] = { p->b->shape[1], p->b->shape[0] };
		uint64_t ne_a_transposed[2] = { ne_a[1], ne_a[0] };
		snprintf(tensor, sizeof(tensor), "%s.lora_a", p->name);
		gguf_writer_tensor(w, tensor, plan->type, 2, p->embedding ? ne_a_transposed : ne_a);
		snprintf(tensor, sizeof(tensor), "%s.lora_b", p->name);
		gguf_writer_tensor(w, tensor, lora_b_type(plan, p), 2, ne_b);
	}
}

static enum err_code write_half(struct gguf_writer *w, const struct lora_plan *plan,
				const struct lora_pair *p, bool is_b, struct err *err)
{
	void *values = NULL;
	size_t size = 0;
	enum err_code rc = lora_values(plan, p, is_b, &values, &size, err);
	if (rc == ERR_OK)
		rc = gguf_writer_data(w, values, size, err);
	mem_free(values);
	return rc;
}

static enum err_code convert_peft(const char *adapter_path, const char *base_path, int out,
				  const atomic_bool *cancel, struct err *err)
{
	struct lora_plan plan;
	enum err_code rc = lora_plan_open(adapter_path, base_path, &plan, err);
	if (rc != ERR_OK)
		return rc;
	struct gguf_writer *w = gguf_writer_new();
	declare(w, &plan, fs_basename(adapter_path));
	rc = gguf_writer_begin(w, out, err);
	for (size_t i = 0; rc == ERR_OK && i < plan.n_pairs; i++) {
		if (cancelled(cancel))
			rc = err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
		if (rc == ERR_OK)
			rc = write_half(w, &plan, &plan.pairs[i], false, err);
		if (rc == ERR_OK)
			rc = write_half(w, &plan, &plan.pairs[i], true, err);
	}
	if (rc == ERR_OK)
		gguf_writer_end(w);
	gguf_writer_free(w);
	lora_plan_close(&plan);
	return rc;
}

enum err_code adapter_convert(const char *adapter_path, const char *base_path, const char *out_path,
			      const atomic_bool *cancel, struct err *err)
{
	struct err local = { 0 };
	struct err *to = err ? err : &local;
	bool peft = fs_is_dir(adapter_path);
	enum err_code rc = peft ? ERR_OK : adapter_check(adapter_path, base_path, to);
	if (!peft && rc == ERR_OK)
		rc = check_gguf_values(adapter_path, cancel, to);
	if (rc != ERR_OK)
		return rc;
	static atomic_uint counter; /* two conversions to one place must not write one file */
	char *part = mem_printf("%s.%ld.%u.part", out_path, (long)getpid(), atomic_fetch_add(&counter, 1));
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = err_set_errno(to, errno, "err_fs_write", "path=%s", part);
		goto out;
	}
	rc = peft ? convert_peft(adapter_path, base_path, fd, cancel, to)
		  : copy_gguf(adapter_path, fd, cancel, to);
	if (rc == ERR_OK) {
		rc = fs_publish(fd, part, out_path, to);
	} else {
		close(fd);
		unlink(part);
	}
out:
	mem_free(part);
	return rc;
}
