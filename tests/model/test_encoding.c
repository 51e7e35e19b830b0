/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "model/encoding.h"

struct encoding_case {
	const char *what, *bytes;
	size_t len;
	const char *name, *key; /* one of them is "" */
	const char *text;       /* in UTF-8, if it can be read */
};

static const struct encoding_case cases[] = {
	{ "UTF-8", "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201\243\346\234"
	  "\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345\272"
	  "\247\357\274\237\012",
	  68, "utf-8", "",
	  "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201\243\346\234"
	  "\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345\272"
	  "\247\357\274\237\012" },
	{ "UTF-8 with BOM", "\357\273\277\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200"
	  "\351\272\274\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201"
	  "\243\346\234\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270"
	  "\200\345\272\247\357\274\237\012",
	  71, "utf-8-bom", "",
	  "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201\243\346\234"
	  "\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345\272"
	  "\247\357\274\237\012" },
	{ "UTF-16 LE", "\377\376\031\220\360S_jhV(u\300N\274\236U\206\006thV\037\377\012\000\360Scp\000g\330"
	  "\232\204vq\134/f\352T\000N\247^\037\377\012\000",
	  50, "utf-16le", "",
	  "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201\243\346\234"
	  "\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345\272"
	  "\247\357\274\237\012" },
	{ "UTF-16 BE", "\376\377\220\031S\360j_Vhu(N\300\236\274\206Ut\006Vh\377\037\000\012S\360pcg\000\232"
	  "\330v\204\134qf/T\352N\000^\247\377\037\000\012",
	  50, "utf-16be", "",
	  "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201\243\346\234"
	  "\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345\272"
	  "\247\357\274\237\012" },
	{ "Big5", "\263o\245x\276\367\276\271\245\316\244\260\273\362\263B\262z\276\271\241H\012\245x"
	  "\306W\263\314\260\252\252\272\244s\254O\255\376\244@\256y\241H\012",
	  46, "big5", "",
	  "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201\243\346\234"
	  "\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345\272"
	  "\247\357\274\237\012" },
	{ "CP950 with its euro sign", "\273\371\256\346 \243\3415\241H\012\263o\245x\276\367\276\271\245\316\244\260\273"
	  "\362\263B\262z\276\271\241H\012\245x\306W\263\314\260\252\252\272\244s\254O\255\376"
	  "\244@\256y\241H\012",
	  57, "big5", "",
	  "\345\203\271\346\240\274 \342\202\2545\357\274\237\012\351\200\231\345\217\260\346"
	  "\251\237\345\231\250\347\224\250\344\273\200\351\272\274\350\231\225\347\220\206\345"
	  "\231\250\357\274\237\012\345\217\260\347\201\243\346\234\200\351\253\230\347\232\204"
	  "\345\261\261\346\230\257\345\223\252\344\270\200\345\272\247\357\274\237\012" },
	{ "Big5 CRLF", "\263o\245x\276\367\276\271\245\316\244\260\273\362\263B\262z\276\271\241H\015\012"
	  "\245x\306W\263\314\260\252\252\272\244s\254O\255\376\244@\256y\241H\015\012",
	  48, "big5", "",
	  "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\015\012\345\217\260\347\201\243\346"
	  "\234\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345"
	  "\272\247\357\274\237\015\012" },
	{ "UTF-16 LE with a pair", "\377\376B\330\267\337\316\221\266[\037\377",
	  12, "utf-16le", "",
	  "\360\240\256\267\351\207\216\345\256\266\357\274\237" },
	{ "ASCII", "Which CPU\077\012",
	  11, "utf-8", "",
	  "Which CPU\077\012" },
	{ "GB18030", "\325\342\314\250\273\372\306\367\323\303\312\262\303\264\264\246\300\355\306\367\243"
	  "\277\012\314\250\315\345\327\356\270\337\265\304\311\275\312\307\304\304\322\273\327"
	  "\371\243\277\012",
	  46, "", "err_question_encoding_other",
	  "" },
	{ "GB18030 that is well-formed as Big5", "\307\353\316\312\315\313\273\365\320\350\322\252\266\340\311\331\314\354",
	  18, "", "err_question_encoding_other",
	  "" },
	{ "PNG", "\211PNG\015\012\032\012\000\000\000\015IHDR",
	  16, "", "err_question_binary",
	  "" },
	{ "JPEG", "\377\330\377\340",
	  4, "", "err_question_binary",
	  "" },
	{ "Shift_JIS", "\202\261\202\314\203}\203V\203\223\202\314\203v\203\215\203Z\203b\203T\202\315\211"
	  "\275\202\305\202\267\202\251\201H\012\223\372\226{\202\305\210\352\224\324\215\202"
	  "\202\242\216R\202\315\201H\012",
	  56, "", "err_question_encoding_other",
	  "" },
	{ "EUC-JP", "\244\263\244\316\245\336\245\267\245\363\244\316\245\327\245\355\245\273\245\303\245"
	  "\265\244\317\262\277\244\307\244\271\244\253\241\251\012\306\374\313\334\244\307\260"
	  "\354\310\326\271\342\244\244\273\263\244\317\241\251\012",
	  56, "", "err_question_encoding_other",
	  "" },
	{ "EUC-KR", "\300\314 \261\342\260\350\300\307 \307\301\267\316\274\274\274\255\264\302 \271\253"
	  "\276\371\300\324\264\317\261\356\077\012\307\321\261\271\277\241\274\255 \260\241"
	  "\300\345 \263\364\300\272 \273\352\300\272\077\012",
	  58, "", "err_question_encoding_other",
	  "" },
	{ "Latin-1", "O\371 est le caf\351 \340 Gen\350ve\077\012\307a va tr\350s bien, se\361or\077\012",
	  49, "", "err_question_encoding",
	  "" },
	{ "KOI8-R", "\353\301\313\317\312 \320\322\317\303\305\323\323\317\322 \311\323\320\317\314\330"
	  "\332\325\305\324\323\321 \327 \334\324\317\312 \315\301\333\311\316\305\077\012",
	  44, "", "err_question_encoding",
	  "" },
	{ "windows-1251", "\312\340\352\356\351 \357\360\356\366\345\361\361\356\360 \350\361\357\356\353\374"
	  "\347\363\345\362\361\377 \342 \375\362\356\351 \354\340\370\350\355\345\077\012",
	  44, "", "err_question_encoding",
	  "" },
	{ "windows-1252", "What\222s \223this\224\077\012",
	  15, "", "err_question_encoding",
	  "" },
	{ "UTF-16 LE without BOM", "W\000h\000i\000c\000h\000 \000C\000P\000U\000\077\000",
	  20, "", "err_question_nul",
	  "" },
	{ "UTF-16 with half a pair", "\377\376A\000\000\330B\000",
	  8, "", "err_question_encoding",
	  "" },
	{ "UTF-16 with an odd byte", "\377\376A\000B",
	  5, "", "err_question_encoding",
	  "" },
	{ "UTF-32 LE", "\377\376\000\000\031\220\000\000\360S\000\000_j\000\000hV\000\000(u\000\000\300N\000"
	  "\000\274\236\000\000U\206\000\000\006t\000\000hV\000\000\037\377\000\000\012\000\000"
	  "\000\360S\000\000cp\000\000\000g\000\000\330\232\000\000\204v\000\000q\134\000\000/f"
	  "\000\000\352T\000\000\000N\000\000\247^\000\000\037\377\000\000\012\000\000\000",
	  100, "", "err_question_binary",
	  "" },
	{ "overlong UTF-8", "a\300\200b",
	  4, "", "err_question_encoding",
	  "" },
	{ "surrogate in UTF-8", "a\355\240\200b",
	  5, "", "err_question_encoding",
	  "" },
	{ "CESU-8", "\355\241\202\355\276\267",
	  6, "", "err_question_encoding",
	  "" },
	{ "UTF-8 cut off", "\351\200\231\345\217\260\346\251\237\345\231\250\347\224\250\344\273\200\351\272\274"
	  "\350\231\225\347\220\206\345\231\250\357\274\237\012\345\217\260\347\201\243\346\234"
	  "\200\351\253\230\347\232\204\345\261\261\346\230\257\345\223\252\344\270\200\345\272"
	  "\247\357\274",
	  66, "", "err_question_encoding",
	  "" },
	{ "UTF-8 BOM and Big5", "\357\273\277\263o\245x\276\367\276\271\245\316\244\260\273\362\263B\262z\276\271\241"
	  "H\012\245x\306W\263\314\260\252\252\272\244s\254O\255\376\244@\256y\241H\012",
	  49, "", "err_question_encoding",
	  "" },
	{ "gzip", "\037\213\010",
	  3, "", "err_question_binary",
	  "" },
	{ "PDF", "%PDF-1.7",
	  8, "", "err_question_binary",
	  "" },
};

static void encodings_are_recognized_or_refused_by_name_and_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *a = arena_new();
		struct str out = STR("");
		const char *name = "";
		struct err err = { 0 };
		enum err_code code = encoding_decode(a, (struct str){ cases[i].bytes, cases[i].len }, &out, &name, NULL, &err);

		print_message("  %s\n", cases[i].what);
		assert_err(&err, cases[i].key);
		assert_int_equal(code, *cases[i].key ? ERR_DATA : ERR_OK);
		if (!code) {
			assert_string_equal(name, cases[i].name);
			assert_int_equal(out.len, strlen(cases[i].text));
			assert_memory_equal(out.ptr, cases[i].text, out.len);
		}
		arena_free(a);
	}
}

/* Two characters are too few to tell the encodings apart; longer text of Taiwan has bytes that GB 2312 does not know. */
static void short_text_of_two_encodings_is_doubtful(void **state)
{
	(void)state;
	assert_true(encoding_is_doubtful(STR("\304\343\272\303")));
	assert_false(encoding_is_doubtful(STR("\263o\245x\276\367\276\271\245\316\244\260\273\362")));
	assert_false(encoding_is_doubtful(STR("Which CPU?")));
	assert_false(encoding_is_doubtful(STR("\304")));
}

static void a_wrong_byte_is_named_with_its_line_and_place(void **state)
{
	struct arena *a = arena_new();
	struct str out;
	const char *name;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(encoding_decode(a, STR("one\r\ntwo\nab\xFF" "c"), &out, &name, NULL, &err), ERR_DATA);
	assert_arg(&err, "line", "3");
	assert_arg(&err, "column", "3");
	assert_arg(&err, "byte", "FF");
	assert_int_equal(encoding_decode(a, STR("\xFF\xFE" "a\0\n\0\0\xDC"), &out, &name, NULL, &err), ERR_DATA);
	assert_arg(&err, "line", "2");
	arena_free(a);
}

static void a_character_across_two_slices_is_read(void **state)
{
	struct arena *a = arena_new();
	struct buf text = BUF_INIT(4 * MIB);
	struct str out;
	const char *name;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		buf_clear(&text);
		while (text.len < MIB - shift)
			buf_add_char(&text, 'x');
		buf_add_text(&text, "𠮷山𠮷");
		assert_int_equal(encoding_decode(a, buf_str(&text), &out, &name, NULL, NULL), ERR_OK);
		assert_int_equal(out.len, text.len);
	}
	buf_release(&text);
	arena_free(a);
}

static void cancelling_stops_the_reading(void **state)
{
	struct arena *a = arena_new();
	atomic_bool cancel = true;
	struct str out;
	const char *name;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(encoding_decode(a, STR("abc"), &out, &name, &cancel, &err), ERR_CANCELLED);
	assert_int_equal(encoding_decode(a, STR("\xFF\xFE" "a\0"), &out, &name, &cancel, &err), ERR_CANCELLED);
	arena_free(a);
}

static void text_is_composed(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "caf\xC3\xA9", "caf\xC3\xA9" },
		{ "cafe\xCC\x81", "caf\xC3\xA9" },
		{ "\xE1\x84\x80\xE1\x85\xA1", "\xEA\xB0\x80" }, /* Hangul ga */
		{ "\xEF\xA4\x80", "\xE8\xB1\x88" },             /* compatibility ideograph U+F900 */
		{ "ＡＢ　１２", "ＡＢ　１２" },                 /* full-width forms stay */
		{ "𠮷e\xCC\x81", "𠮷\xC3\xA9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct buf out = BUF_INIT(KIB);

		encoding_nfc(str_of(pairs[i][0]), &out);
		assert_string_equal(buf_text(&out), pairs[i][1]);
		buf_release(&out);
	}
}

static void line_breaks_of_all_kinds_are_counted(void **state)
{
	struct str text = STR("a\nb\r\nc\rd\n\re\r");

	(void)state;
	assert_int_equal(encoding_count_lines(text, 0, text.len), 6);
	assert_int_equal(encoding_count_lines(text, 2, 4), 0); /* up to the CR of a CR LF */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings_are_recognized_or_refused_by_name_and_place),
		cmocka_unit_test(short_text_of_two_encodings_is_doubtful),
		cmocka_unit_test(a_wrong_byte_is_named_with_its_line_and_place),
		cmocka_unit_test(a_character_across_two_slices_is_read),
		cmocka_unit_test(cancelling_stops_the_reading),
		cmocka_unit_test(text_is_composed),
		cmocka_unit_test(line_breaks_of_all_kinds_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
