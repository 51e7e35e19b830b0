// SPDX-License-Identifier: Apache-2.0
#include "worker/llama_shim.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "chat.h"
#include "ggml-alloc.h"
#include "ggml-cpu.h"
#include "llama-adapter.h"
#include "llama-context.h"
#include "llama-ext.h"
#include "log.h"

namespace {

const double GPU_MARGIN = 256.0 * 1024 * 1024; // of each GPU, for what others take meanwhile

void explain(shim_why *why, const char *text)
{
	if (why)
		snprintf(why->text, sizeof(why->text), "%s", text ? text : "");
}

// Runs `call`; an exception becomes `failed` with its text in `why`.
template <typename F, typename T> T guarded(shim_why *why, T failed, F call)
{
	explain(why, "");
	try {
		return call();
	} catch (const std::bad_alloc &) {
		explain(why, "out of memory");
	} catch (const std::exception &e) {
		explain(why, e.what());
	} catch (...) {
		explain(why, "unknown exception");
	}
	return failed;
}

const char *device_kind(enum ggml_backend_dev_type type)
{
	switch (type) {
	case GGML_BACKEND_DEVICE_TYPE_CPU:
		return "cpu";
	case GGML_BACKEND_DEVICE_TYPE_GPU:
		return "gpu";
	case GGML_BACKEND_DEVICE_TYPE_IGPU:
		return "igpu";
	default:
		return "accel";
	}
}

// Cells that fit onto the GPU of `type` beside a context for larger steps than the small one that is there.
size_t room_of(ggml_backend_buffer_type_t type, const llama_memory_breakdown_data &small, double cell, double growth)
{
	size_t free = 0, total = 0;
	ggml_backend_dev_memory(ggml_backend_buft_get_device(type), &free, &total);
	double bytes = (double)free + (double)small.context + (double)small.compute - growth * (double)small.compute - GPU_MARGIN;
	return bytes > 0 ? (size_t)(bytes / cell) : 0;
}

// Sets or clears the reference attention of every CPU backend of the context (see shim_decode()).
void use_reference(llama_context *ctx, bool on)
{
	ggml_backend_sched_t sched = ctx->get_sched();
	for (int i = 0; i < ggml_backend_sched_get_n_backends(sched); i++) {
		ggml_backend_t backend = ggml_backend_sched_get_backend(sched, i);
		if (ggml_backend_is_cpu(backend))
			ggml_backend_cpu_set_use_ref(backend, on);
	}
}

// The CPU's fast matrix product takes rows whose length is a multiple of 16; shorter ranks go number by number, which made a
// rank 4 adapter cost 15 % of a step and costs 5 % when filled up with zeros.
const int64_t RANK_STEP = 16;

bool can_pad(const llama_adapter_lora_weight &w)
{
	auto plain = [](const ggml_tensor *t) {
		return (t->type == GGML_TYPE_F32 || t->type == GGML_TYPE_F16) && ggml_is_contiguous(t) &&
		       ggml_n_dims(t) <= 2 && t->buffer && ggml_backend_buffer_is_host(t->buffer);
	};
	// Not for embeddings, whose A lies the other way round.
	return plain(w.a) && plain(w.b) && w.a->ne[1] == w.b->ne[0] && strstr(w.a->name, "token_embd") == nullptr;
}

float value_at(const ggml_tensor *t, int64_t i)
{
	return t->type == GGML_TYPE_F32 ? ((const float *)t->data)[i]
					: ggml_fp16_to_fp32(((const ggml_fp16_t *)t->data)[i]);
}

// Copies `from` into the corner of `to` (F32, zeroed), times `factor`.
void copy_corner(const ggml_tensor *from, ggml_tensor *to, float factor)
{
	for (int64_t row = 0; row < from->ne[1]; row++)
		for (int64_t i = 0; i < from->ne[0]; i++)
			((float *)to->data)[row * to->ne[0] + i] = factor * value_at(from, row * from->ne[0] + i);
}

// Fills ranks up to a multiple of RANK_STEP.  llama.cpp scales by alpha / rank, so B takes the quotient of the ranks: exact
// where it is a power of two.
void pad_ranks(llama_adapter_lora *adapter)
{
	size_t n = adapter->ab_map.size();
	ggml_context_ptr ctx{ ggml_init({ ggml_tensor_overhead() * (2 * n + 1), nullptr, true }) };
	std::vector<std::pair<llama_adapter_lora_weight *, llama_adapter_lora_weight>> padded;
	for (auto &[name, w] : adapter->ab_map) {
		int64_t rank = w.b->ne[0], full = (rank + RANK_STEP - 1) / RANK_STEP * RANK_STEP;
		if (rank == full || !can_pad(w))
			continue;
		llama_adapter_lora_weight p(ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, w.a->ne[0], full),
					    ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, full, w.b->ne[1]));
		ggml_set_name(p.a, w.a->name);
		ggml_set_name(p.b, w.b->name);
		padded.emplace_back(&w, p);
	}
	if (padded.empty())
		return;
	ggml_backend_buffer_ptr buf{ ggml_backend_alloc_ctx_tensors_from_buft(ctx.get(), ggml_backend_cpu_buffer_type()) };
	if (!buf)
		return;
	ggml_backend_buffer_clear(buf.get(), 0);
	for (auto &[old, p] : padded) {
		float grown = adapter->alpha != 0 ? (float)p.b->ne[0] / (float)old->b->ne[0] : 1.0f;
		copy_corner(old->a, p.a, 1.0f);
		copy_corner(old->b, p.b, grown);
		*old = p;
	}
	if (padded.size() == n) {
		adapter->ctxs.clear();
		adapter->bufs.clear();
	}
	adapter->ctxs.push_back(std::move(ctx));
	adapter->bufs.push_back(std::move(buf));
}

} // namespace

extern "C" {

void shim_start(ggml_log_callback log, void *user)
{
	common_log_set_verbosity_thold(-1);
	llama_log_set(log, user);
	guarded(nullptr, false, [] {
#ifdef GGML_BACKEND_DL
		// Only those that were installed beside this program, wherever it was started.
		std::error_code failed;
		auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
		ggml_backend_load_all_from_path(self.parent_path().c_str());
#endif
		llama_backend_init();
		return true;
	});
}

size_t shim_devices(shim_device *out, size_t max)
{
	return guarded(nullptr, size_t(0), [&] {
		size_t n = ggml_backend_dev_count();
		for (size_t i = 0; i < n && i < max; i++) {
			ggml_backend_dev_t dev = ggml_backend_dev_get(i);
			out[i] = {};
			out[i].handle = dev;
			out[i].id = ggml_backend_dev_name(dev);
			out[i].name = ggml_backend_dev_description(dev);
			out[i].kind = device_kind(ggml_backend_dev_type(dev));
			out[i].gpu = strstr(out[i].kind, "gpu") != nullptr;
			ggml_backend_dev_memory(dev, &out[i].memory_free, &out[i].memory_total);
		}
		return n;
	});
}

bool shim_has_gpu_backend(void)
{
	return guarded(nullptr, false, [] {
		static const char *const names[] = { "CUDA", "ROCm", "HIP", "MUSA", "Vulkan", "SYCL", "Metal", "OpenCL" };
		for (const char *name : names)
			if (ggml_backend_reg_by_name(name))
				return true;
		return false;
	});
}

llama_model *shim_load(FILE *file, const char **paths, size_t n_paths, llama_model_params params, shim_why *why)
{
	return guarded(why, (llama_model *)nullptr, [&] {
		return file ? llama_model_load_from_file_ptr(file, params)
			    : llama_model_load_from_splits(paths, n_paths, params);
	});
}

llama_adapter_lora *shim_adapter(llama_model *model, FILE *file, shim_why *why)
{
	return guarded(why, (llama_adapter_lora *)nullptr, [&] {
		llama_adapter_lora *adapter = llama_adapter_lora_init_from_file_ptr(model, file);
		if (adapter)
			pad_ranks(adapter);
		return adapter;
	});
}

llama_context *shim_context(llama_model *model, llama_context_params params, shim_why *why)
{
	return guarded(why, (llama_context *)nullptr, [&] { return llama_init_from_model(model, params); });
}

size_t shim_kv_bytes(const llama_context *ctx)
{
	return guarded(nullptr, size_t(0), [&] {
		size_t sum = 0;
		for (const auto &[type, data] : llama_get_memory_breakdown(ctx))
			sum += data.context;
		return sum;
	});
}

void shim_place(const llama_context *ctx, size_t probe_tokens, size_t step_tokens, shim_places *out)
{
	*out = {};
	out->room = SIZE_MAX;
	guarded(nullptr, false, [&] {
		double cells = llama_n_ctx(ctx), growth = (double)step_tokens / (double)probe_tokens;
		for (const auto &[type, data] : llama_get_memory_breakdown(ctx)) {
			ggml_backend_dev_t dev = ggml_backend_buft_get_device(type);
			bool host = !dev || ggml_backend_buft_is_host(type) || strcmp(device_kind(ggml_backend_dev_type(dev)), "cpu") == 0 ||
				    strcmp(device_kind(ggml_backend_dev_type(dev)), "accel") == 0;
			if (host) {
				out->weights_host += data.model;
				out->kv_host += data.context;
				continue;
			}
			out->kv_gpu += data.context;
			if (data.context > 0)
				out->room = std::min(out->room, room_of(type, data, (double)data.context / cells, growth));
		}
		return true;
	});
}

bool shim_set_adapter(llama_context *ctx, llama_adapter_lora *adapter, shim_why *why)
{
	return guarded(why, false, [&] {
		float scale = 1.0f;
		return llama_set_adapters_lora(ctx, adapter ? &adapter : nullptr, adapter ? 1 : 0,
					       adapter ? &scale : nullptr) == 0;
	});
}

int shim_decode(llama_context *ctx, llama_batch batch, shim_why *why)
{
	return guarded(why, SHIM_THREW, [&] {
		bool single = batch.n_tokens == 1;
		if (single)
			use_reference(ctx, true);
		int rc = llama_decode(ctx, batch);
		if (single) {
			llama_synchronize(ctx);
			use_reference(ctx, false);
		}
		return rc;
	});
}

float *shim_logits(llama_context *ctx, int index)
{
	return guarded(nullptr, (float *)nullptr, [&] { return llama_get_logits_ith(ctx, index); });
}

bool shim_clear(llama_context *ctx)
{
	return guarded(nullptr, false, [&] {
		llama_memory_clear(llama_get_memory(ctx), true);
		return true;
	});
}

bool shim_seq_copy(llama_context *ctx, int from, int to, int end)
{
	return guarded(nullptr, false, [&] {
		llama_memory_seq_cp(llama_get_memory(ctx), from, to, -1, end);
		return true;
	});
}

bool shim_seq_remove(llama_context *ctx, int seq)
{
	return guarded(nullptr, false, [&] { return llama_memory_seq_rm(llama_get_memory(ctx), seq, -1, -1); });
}

bool shim_seq_cut(llama_context *ctx, int seq, int from)
{
	return guarded(nullptr, false, [&] { return llama_memory_seq_rm(llama_get_memory(ctx), seq, from, -1); });
}

size_t shim_state_size(llama_context *ctx, int seq)
{
	return guarded(nullptr, size_t(0), [&] { return llama_state_seq_get_size(ctx, seq); });
}

bool shim_state_get(llama_context *ctx, int seq, uint8_t *out, size_t size)
{
	return guarded(nullptr, false, [&] { return llama_state_seq_get_data(ctx, out, size, seq) == size; });
}

bool shim_state_set(llama_context *ctx, int seq, const uint8_t *state, size_t size)
{
	return guarded(nullptr, false, [&] { return llama_state_seq_set_data(ctx, state, size, seq) == size; });
}

bool shim_quantize(const char *input, const char *output, const llama_model_quantize_params *params, shim_why *why)
{
	return guarded(why, false, [&] { return llama_model_quantize(input, output, params) == 0; });
}

int32_t shim_tokenize(const llama_vocab *vocab, str text, llama_token *out, int32_t max, bool add_special,
		      bool parse_special)
{
	if (text.len > INT32_MAX)
		return INT32_MIN;
	return guarded(nullptr, INT32_MIN, [&] {
		return llama_tokenize(vocab, text.len ? text.ptr : "", (int32_t)text.len, out, max, add_special, parse_special);
	});
}

bool shim_piece(const llama_vocab *vocab, llama_token token, bool special, buf *out)
{
	return guarded(nullptr, false, [&] {
		char small[64];
		int32_t n = llama_token_to_piece(vocab, token, small, sizeof(small), 0, special);
		if (n >= 0) {
			buf_add(out, small, (size_t)n);
			return true;
		}
		std::vector<char> big((size_t)-n);
		n = llama_token_to_piece(vocab, token, big.data(), (int32_t)big.size(), 0, special);
		if (n > 0)
			buf_add(out, big.data(), (size_t)n);
		return n >= 0;
	});
}

// --- chat template ---

struct shim_chat {
	common_chat_templates_ptr templates;
};

static common_chat_templates_inputs chat_inputs(const shim_message *messages, size_t n, bool thinking)
{
	common_chat_templates_inputs in;
	for (size_t i = 0; i < n; i++) {
		common_chat_msg m;
		m.role = messages[i].role;
		m.content = std::string(messages[i].content.len ? messages[i].content.ptr : "", messages[i].content.len);
		in.messages.push_back(std::move(m));
	}
	in.add_generation_prompt = true;
	in.use_jinja = true;
	in.enable_thinking = thinking;
	return in;
}

shim_chat *shim_chat_new(llama_model *model, const char *override, shim_why *why)
{
	return guarded(why, (shim_chat *)nullptr, [&] {
		auto templates = common_chat_templates_init(model, override);
		return !templates ? nullptr : new shim_chat{ std::move(templates) };
	});
}

void shim_chat_free(shim_chat *chat)
{
	delete chat;
}

bool shim_chat_render(shim_chat *chat, const shim_message *messages, size_t n, bool thinking, buf *out, shim_why *why)
{
	return guarded(why, false, [&] {
		auto in = chat_inputs(messages, n, thinking);
		in.force_pure_content = true;
		auto params = common_chat_templates_apply(chat->templates.get(), in);
		buf_add(out, params.prompt.data(), params.prompt.size());
		return true;
	});
}

void shim_chat_traits(shim_chat *chat, bool thinking, buf *stops, buf *think_start, buf *think_end)
{
	guarded(nullptr, false, [&] {
		shim_message hello = { "user", { "Hello", 5 } };
		auto in = chat_inputs(&hello, 1, thinking);
		in.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
		auto params = common_chat_templates_apply(chat->templates.get(), in);
		for (const auto &stop : params.additional_stops)
			buf_add(stops, stop.c_str(), stop.size() + 1);
		if (params.thinking_start_tag.empty())
			return true;
		buf_add(think_start, params.thinking_start_tag.c_str(), params.thinking_start_tag.size() + 1);
		for (const auto &tag : params.thinking_end_tags)
			buf_add(think_end, tag.c_str(), tag.size() + 1);
		return true;
	});
}

// --- sampling ---

llama_sampler *shim_sampler(const llama_vocab *vocab, const shim_sampling *s)
{
	return guarded(nullptr, (llama_sampler *)nullptr, [&] {
		auto chain_params = llama_sampler_chain_default_params();
		chain_params.no_perf = true;
		llama_sampler *chain = llama_sampler_chain_init(chain_params);
		int32_t n_vocab = llama_vocab_n_tokens(vocab), n_suppress = 0;
		const llama_token *suppress = llama_vocab_get_suppress_tokens(vocab, &n_suppress);
		std::vector<llama_logit_bias> bias;
		for (int32_t i = 0; i < n_suppress; i++)
			bias.push_back({ suppress[i], -INFINITY });
		if (n_suppress > 0)
			llama_sampler_chain_add(chain, llama_sampler_init_logit_bias(n_vocab, n_suppress, bias.data()));
		if (s->repeat_penalty != 1.0f)
			llama_sampler_chain_add(chain, llama_sampler_init_penalties(n_vocab, 64, s->repeat_penalty, 0.0f, 0.0f));
		if (s->temperature <= 0.0f) {
			llama_sampler_chain_add(chain, llama_sampler_init_greedy());
			return chain;
		}
		if (s->top_k > 0)
			llama_sampler_chain_add(chain, llama_sampler_init_top_k(s->top_k));
		if (s->top_p < 1.0f)
			llama_sampler_chain_add(chain, llama_sampler_init_top_p(s->top_p, 1));
		if (s->min_p > 0.0f)
			llama_sampler_chain_add(chain, llama_sampler_init_min_p(s->min_p, 1));
		llama_sampler_chain_add(chain, llama_sampler_init_temp(s->temperature));
		llama_sampler_chain_add(chain, llama_sampler_init_dist(s->seed));
		return chain;
	});
}

llama_token shim_sample(llama_sampler *sampler, llama_context *ctx, int index)
{
	return guarded(nullptr, (llama_token)LLAMA_TOKEN_NULL,
		       [&] { return llama_sampler_sample(sampler, ctx, index); });
}

void shim_sampler_accept(llama_sampler *sampler, llama_token token)
{
	guarded(nullptr, false, [&] {
		llama_sampler_accept(sampler, token);
		return true;
	});
}

void shim_sampler_free(llama_sampler *sampler)
{
	if (sampler)
		llama_sampler_free(sampler);
}

} // extern "C"
