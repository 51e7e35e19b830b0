/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/mem.h"
#include "selection/result.h"

static void check(const char *candidates, const char *begin)
{
	char *text = mem_printf("{\"candidates\":[{\"label\":\"base\",\"epoch\":null,\"is_base\":true},%s],"
				"\"decision\":{\"sentence\":{\"key\":\"decision_overfitting\",\"args\":\"n=@2\"}}}", candidates);
	json_t *said = result_in_words(text, LANG_EN);
	const char *sentence = json_string_value(json_object_get(json_object_get(json_object_get(said, "decision"), "sentence"), "text"));
	assert_non_null(sentence);
	if (strncmp(sentence, begin, strlen(begin)) != 0)
		fail_msg("%s", sentence);
	json_decref(said);
	mem_free(text);
}

/* Trainers end an epoch a little before or behind it. */
static void a_recommendation_names_an_epoch_as_it_is_shown_everywhere(void **state)
{
	(void)state;
	check("{\"label\":\"bird\",\"epoch\":1,\"is_base\":false},{\"label\":\"bird\",\"epoch\":3.98,\"is_base\":false}", "Use epoch 4.");
	check("{\"label\":\"bird\",\"epoch\":1,\"is_base\":false},{\"label\":\"bird\",\"epoch\":2.4631,\"is_base\":false}", "Use epoch 2.5.");
	check("{\"label\":\"owl\",\"epoch\":1,\"is_base\":false},{\"label\":\"bird\",\"epoch\":3.98,\"is_base\":false}",
	      "Use bird · epoch 4.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recommendation_names_an_epoch_as_it_is_shown_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
