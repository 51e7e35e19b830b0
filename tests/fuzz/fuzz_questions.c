/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a question file of any name: no crash; what is taken is not empty, is UTF-8 and has a line; what fails
 * has a cause.  The first byte chooses the file name and the options. */
#include <stddef.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/questions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct str text)
{
	if (!utf8_valid(text, NULL))
		BUG("not UTF-8");
}

/* Whoever reads an export or the API must be able to read it. */
static void check_record(struct str record)
{
	json_t *value = record.len ? json_parse(record, "record", NULL) : NULL;

	if (record.len && (!json_object_size(value) || record.len > LIMIT_RECORD_BYTES || memchr(record.ptr, '\n', record.len)))
		BUG("record");
	json_decref(value);
}

static void check_import(const struct question_import *import, size_t max_preview)
{
	if (import->n_questions > import->n_total || import->n_with_reference > import->n_total ||
	    import->n_fields > LIMIT_FIELDS || (max_preview && import->n_questions > max_preview))
		BUG("counts");
	if (!import->n_total)
		BUG("nothing read, and no error");
	for (size_t i = 0; i < import->n_questions; i++) {
		const struct question *q = &import->questions[i];

		if (!str_trim(q->text).len || q->line < 1)
			BUG("question %zu", i);
		check_text(q->text);
		check_text(q->reference);
		check_text(q->other_references);
		check_text(q->system);
		check_text(q->tags);
		check_text(q->id);
		check_record(q->record);
	}
	for (size_t i = 0; i < import->n_problems && i < 100; i++) {
		if (!str_starts(str_of(import->problems[i].err.key), "err_question_") || import->problems[i].line < 1)
			BUG("problem %zu: %s", i, import->problems[i].err.key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "", "q.json", "q.jsonl", "q.csv", "q.tsv", "q.txt" };
	static const char *const fields[] = { NULL, "question", "answer", "" };
	struct question_options options = { .file_name = "" };
	struct question_import import;
	struct arena *a = arena_new();
	struct err err = { 0 };

	if (size) {
		options.file_name = names[data[0] % 6];
		options.max_preview = data[0] / 6 % 2 ? 2 : 0;
		options.question_field = fields[data[0] / 12 % 3];
		options.reference_field = fields[data[0] / 36 % 4];
		if (data[0] >= 216)
			options.file_name = "q.yaml";
		data++;
		size--;
	}
	if (questions_read(a, (struct str){ (const char *)data, size }, &options, &import, NULL, &err) == ERR_OK)
		check_import(&import, options.max_preview);
	else if (!err.key[0])
		BUG("refused without a cause");
	arena_free(a);
	return 0;
}
