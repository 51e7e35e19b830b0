/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "model/finite.h"
#include "support/model_files.h"

static struct temp temp;

/* Where a type keeps what may be no number, as ggml-common.h of llama.cpp lays it out. */
static const struct {
	const char *type;
	size_t places[2], n;
} scales[] = {
	{ "Q4_0", { 0 }, 1 },	 { "Q4_1", { 0, 2 }, 2 }, { "Q5_0", { 0 }, 1 },	     { "Q5_1", { 0, 2 }, 2 }, { "Q8_0", { 0 }, 1 },
	{ "Q2_K", { 80, 82 }, 2 }, { "Q3_K", { 108 }, 1 }, { "Q4_K", { 0, 2 }, 2 },    { "Q5_K", { 0, 2 }, 2 }, { "Q6_K", { 208 }, 1 },
	{ "IQ2_XXS", { 0 }, 1 }, { "IQ2_XS", { 0 }, 1 },  { "IQ2_S", { 0 }, 1 },     { "IQ3_XXS", { 0 }, 1 }, { "IQ3_S", { 0 }, 1 },
	{ "IQ1_S", { 0 }, 1 },	 { "IQ4_NL", { 0 }, 1 },  { "IQ4_XS", { 0 }, 1 },    { "TQ1_0", { 52 }, 1 },  { "TQ2_0", { 64 }, 1 },
	{ "Q1_0", { 0 }, 1 },	 { "Q2_0", { 0 }, 1 },
};

static void a_scale_that_is_no_number_is_found_in_every_block(void **state)
{
	static const uint16_t wrong[] = { 0x7E00, 0xFE00, 0x7C00, 0xFC00, 0x7C01 };
	(void)state;
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		const struct ggml_type_info *type = ggml_type_named(scales[i].type);
		size_t size = 5 * (size_t)type->block_bytes;
		uint8_t *bytes = mem_alloc(size);
		for (size_t block = 0; block < 5; block++) {
			for (size_t k = 0; k < scales[i].n; k++) {
				uint8_t *at = bytes + block * type->block_bytes + scales[i].places[k];
				for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
					memcpy(at, &wrong[w], 2);
					if (finite_values(type->id, bytes, size))
						fail_msg("%04x in block %zu of %s", wrong[w], block, type->name);
				}
				at[0] = 0xff;
				at[1] = 0x7b; /* the largest half */
				assert_true(finite_values(type->id, bytes, size));
			}
		}
		/* All that is no scale may be anything. */
		for (size_t at = 0; at < size; at++) {
			size_t in = at % type->block_bytes;
			bool is_scale = (in - scales[i].places[0]) < 2 || (scales[i].n == 2 && in - scales[i].places[1] < 2);
			bytes[at] = is_scale ? 0 : 0xff;
		}
		if (!finite_values(type->id, bytes, size))
			fail_msg("the bits of %s are no scale", type->name);
		mem_free(bytes);
	}
}

static void plain_values_and_exponents_are_judged(void **state)
{
	uint32_t floats[3] = { 0x3f800000, 0x7F7FFFFF, 0 };
	uint16_t halves[3] = { 0x3c00, 0x7bff, 0 };
	uint8_t blocks[2 * 17] = { 0 };
	(void)state;
	assert_true(finite_values(GGML_ID_F32, floats, sizeof(floats)));
	floats[2] = 0xFF800000;
	assert_false(finite_values(GGML_ID_F32, floats, sizeof(floats)));
	assert_true(finite_values(GGML_ID_F16, halves, sizeof(halves)));
	halves[2] = 0x7C01;
	assert_false(finite_values(GGML_ID_F16, halves, sizeof(halves)));
	assert_true(finite_values(GGML_ID_BF16, halves, sizeof(halves)));
	halves[2] = 0x7F80;
	assert_false(finite_values(GGML_ID_BF16, halves, sizeof(halves)));
	memset(blocks + 1, 0xff, 16);
	assert_true(finite_values(GGML_ID_MXFP4, blocks, sizeof(blocks)));
	blocks[17] = 0xff;
	assert_false(finite_values(GGML_ID_MXFP4, blocks, sizeof(blocks)));
	assert_true(finite_values(GGML_ID_I64, floats, 8));
}

static bool note(void *user, double fraction)
{
	*(double *)user = fraction;
	return true;
}

static bool stop(void *user, double fraction)
{
	(void)fraction;
	++*(int *)user;
	return false;
}

static void a_file_is_read_to_its_end(void **state)
{
	static const uint16_t nan = 0x7E00;
	struct tiny_file f = { .w = gguf_writer_new() };
	double done = 0;
	int asked = 0;
	struct err err = { 0 };
	(void)state;
	gguf_writer_text(f.w, "general.architecture", "llama");
	tiny_tensor(&f, "first.weight", GGML_ID_F32, 32, 48);
	tiny_tensor(&f, "last.weight", 12, 256, 9000); /* Q4_K of more than a step */
	const char *path = tiny_finish(&f, temp_path(&temp, "m.gguf"));
	struct gguf *g = gguf_open(path, &err);
	assert_non_null(g);
	assert_ok(finite_check(g, note, &done, &err));
	assert_true(done == 1);
	assert_int_equal(finite_check(g, stop, &asked, &err), ERR_CANCELLED);
	assert_int_equal(asked, 1); /* not after the rest was read */
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t last_block = lseek(fd, 0, SEEK_END) - 144;
	assert_int_equal(pwrite(fd, &nan, 2, last_block + 2), 2);
	close(fd);
	assert_int_equal(finite_check(g, NULL, NULL, &err), ERR_DATA);
	assert_err(&err, "err_values");
	assert_string_equal(err.args, "tensor=last.weight");
	gguf_close(g);
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scale_that_is_no_number_is_found_in_every_block),
		cmocka_unit_test(plain_values_and_exponents_are_judged),
		cmocka_unit_test(a_file_is_read_to_its_end),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
