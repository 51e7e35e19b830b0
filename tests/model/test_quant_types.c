/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "model/ggml_type.h"
#include "model/quant_types.h"
#include "support/model_files.h"

static void names_are_found_as_llama_quantize_finds_them(void **state)
{
	(void)state;
	assert_string_equal(quant_type_find("q4_k_m")->name, "Q4_K_M");
	assert_string_equal(quant_type_find("Q4_K")->name, "Q4_K_M");
	assert_string_equal(quant_type_find("Q3_K")->name, "Q3_K_M");
	assert_string_equal(quant_type_find("iq2_xxs")->name, "IQ2_XXS");
	assert_null(quant_type_find("Q4"));
	assert_null(quant_type_find(""));
	assert_null(quant_type_find("COPY"));
}

/* Each row names types that exist, and a file type that no other has. */
static void the_table_is_sound(void **state)
{
	(void)state;
	const struct quant_type *q, *other;
	size_t n = 0;
	for (; (q = quant_type_at(n)); n++) {
		const char *const parts[] = { q->type,	q->head,      q->embed,	   q->q_k,	      q->v.type,
					      q->v_gqa, q->down.type, q->out.type, q->gate_up.type };
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			if (parts[i] && !ggml_type_named(parts[i]))
				fail_msg("%s: there is no type %s", q->name, parts[i]);
		}
		for (size_t k = 0; (other = quant_type_at(k)) && k < n; k++)
			assert_int_not_equal(other->file_type, q->file_type);
		const char *name = ggml_file_type_name(q->file_type);
		assert_non_null(name);
		assert_int_equal(strncmp(name, q->name, strlen(name)), 0); /* MXFP4 is MXFP4_MOE */
		assert_true(q->bits > 1 && q->bits <= 32);
	}
	assert_int_equal(n, 35);
}

/* The shapes of Llama-3-8B as a file of zeros that are never written. */
static const char *llama_3_8b(struct temp *t)
{
	static const struct {
		const char *name;
		uint64_t in, out;
	} parts[] = { { "attn_q", 4096, 4096 },	    { "attn_k", 4096, 1024 },	{ "attn_v", 4096, 1024 },  { "attn_output", 4096, 4096 },
		      { "ffn_gate", 4096, 14336 }, { "ffn_up", 4096, 14336 }, { "ffn_down", 14336, 4096 } };
	struct tiny_file f = { .w = gguf_writer_new() };
	struct tiny_model m = { 0 };
	tiny_defaults(&m);
	gguf_writer_text(f.w, "general.architecture", "llama");
	tiny_key(f.w, &m, "attention.head_count", 32);
	tiny_key(f.w, &m, "attention.head_count_kv", 8);
	tiny_tensor(&f, "token_embd.weight", GGML_ID_F16, 4096, 128256);
	tiny_tensor(&f, "output.weight", GGML_ID_F16, 4096, 128256);
	for (int layer = 0; layer < 32; layer++) {
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			char name[64];
			snprintf(name, sizeof(name), "blk.%d.%s.weight", layer, parts[i].name);
			tiny_tensor(&f, name, GGML_ID_F16, parts[i].in, parts[i].out);
		}
	}
	return tiny_finish(&f, temp_path(t, "llama-3-8b.gguf"));
}

/* What llama-quantize's help says of Llama-3-8B, in GiB; `bits` must agree as well. */
static void an_8b_model_gets_the_published_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		double gib;
	} published[] = {
		{ "Q4_0", 4.34 },   { "Q4_1", 4.78 },	{ "Q5_0", 5.21 },   { "Q5_1", 5.65 },	{ "Q2_K", 2.96 },
		{ "Q3_K_S", 3.41 }, { "Q3_K_M", 3.74 }, { "Q3_K_L", 4.03 }, { "Q4_K_S", 4.37 }, { "Q4_K_M", 4.58 },
		{ "Q5_K_S", 5.21 }, { "Q5_K_M", 5.33 }, { "Q6_K", 6.14 },   { "Q8_0", 7.96 },
	};
	struct temp t;
	struct err err = { 0 };
	temp_open(&t);
	struct gguf *g = gguf_open(llama_3_8b(&t), &err);
	assert_err(&err, "");
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		const struct quant_type *q = quant_type_find(published[i].name);
		double bytes = (double)quant_estimate(g, q), ratio = bytes / (double)GIB / published[i].gib;
		if (ratio < 0.98 || ratio > 1.02)
			fail_msg("%s: %.2f GiB, published %.2f", q->name, bytes / (double)GIB, published[i].gib);
	}
	const struct quant_type *q;
	for (size_t i = 0; (q = quant_type_at(i)); i++) {
		double bits = (double)quant_estimate(g, q) * 8 / 8.03e9;
		if (bits / q->bits < 0.98 || bits / q->bits > 1.02)
			fail_msg("%s: %.2f bits, the table says %.2f", q->name, bits, q->bits);
	}
	gguf_close(g);
	temp_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_as_llama_quantize_finds_them),
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(an_8b_model_gets_the_published_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
