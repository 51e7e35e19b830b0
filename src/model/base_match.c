/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue_base_match() of catalogue.h: names of one model differ by owner, quantization, separators and
 * case. */
#include <ctype.h>

#include "base/str.h"
#include "model/catalogue.h"
#include "model/ggml_type.h"
#include "model/gguf.h"

#define NAME_MAX_LEN 255

static bool cut_suffix(struct str *s, const char *suffix)
{
	size_t n = strlen(suffix);
	if (s->len <= n || !str_eq_nocase((struct str){ s->ptr + s->len - n, n }, suffix))
		return false;
	s->len -= n;
	return true;
}

static bool is_quantization(struct str s)
{
	static const char *const more[] = {
		"FP16",	   "FP32",   "Q4_K",	"Q5_K",	   "Q3_K",    "Q8_K",	 "MXFP4_MOE",
		"int4",	   "int8",   "Q2_K_XL", "Q3_K_XL", "Q4_K_XL", "Q5_K_XL", "Q6_K_XL",
		"Q8_K_XL", "Q2_K_L", "Q4_K_L",	"Q5_K_L",  "Q6_K_L",
	};
	for (uint64_t type = 0; type < 64; type++)
		if (ggml_file_type_name(type) && str_eq_nocase(s, ggml_file_type_name(type)))
			return true;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (str_eq_nocase(s, more[i]))
			return true;
	return false;
}

/* "Name.Q4_1", "Name-q4_k_m", "Name-UD-Q4_K_XL" lose what stands behind the name. */
static struct str without_quantization(struct str s)
{
	for (size_t i = s.len; i > 1; i--) {
		char c = s.ptr[i - 1];
		if (c != '.' && c != '-' && c != '_')
			continue;
		if (!is_quantization((struct str){ s.ptr + i, s.len - i }))
			continue;
		s.len = i - 1;
		cut_suffix(&s, "-UD");
		return s;
	}
	return s;
}

/* Lower case without separators, and without the marks of other packings of the same weights. */
static void normalize(struct str s, char out[NAME_MAX_LEN + 1])
{
	static const char *const marks[] = { "-bnb-4bit", "-unsloth", "-gguf", "-hf",  "-gptq",
					     "-awq",	  "-mlx",     "-4bit", "-8bit" };
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
			again |= cut_suffix(&s, marks[i]);
	}
	size_t n = 0;
	for (size_t i = 0; i < s.len && n < NAME_MAX_LEN; i++)
		if (isalnum((unsigned char)s.ptr[i]) || (s.ptr[i] & 0x80))
			out[n++] = (char)tolower((unsigned char)s.ptr[i]);
	out[n] = 0;
}

/* "Name:Q4_K_M" is "Name"; of "Repository:file" the file is meant. */
static struct str of_a_store(struct str s)
{
	struct str rest = s, name = str_split(&rest, ':');
	if (!rest.ptr)
		return s;
	struct str tag = rest;
	if (tag.len > 3 && str_eq_nocase((struct str){ tag.ptr, 3 }, "UD-"))
		tag = (struct str){ tag.ptr + 3, tag.len - 3 };
	return is_quantization(tag) ? name : rest;
}

static int match_name(struct str wanted, struct str candidate)
{
	if (wanted.len == 0 || candidate.len == 0)
		return 0;
	struct str plain = without_quantization(candidate);
	if (str_eq(wanted, plain) || str_eq(wanted, candidate))
		return 2;
	char a[NAME_MAX_LEN + 1], b[NAME_MAX_LEN + 1];
	normalize(without_quantization(wanted), a);
	normalize(plain, b);
	return a[0] && strcmp(a, b) == 0 ? 1 : 0;
}

int catalogue_base_match(const char *wanted_base_name, const char *candidate_name, const char *candidate_path)
{
	if (!wanted_base_name || !*wanted_base_name)
		return 0;
	if (candidate_path && strcmp(wanted_base_name, candidate_path) == 0)
		return 3;
	struct str wanted = gguf_stem(wanted_base_name);
	int by_name = candidate_name ? match_name(wanted, of_a_store(gguf_stem(candidate_name))) : 0;
	int by_path = candidate_path ? match_name(wanted, gguf_stem(candidate_path)) : 0;
	return by_name > by_path ? by_name : by_path;
}
