/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as CSV: no crash, records whose fields lie inside what was read, lines that never go back. */
#include <stddef.h>

#include "base/err.h"
#include "model/csv.h"
#include "model/json_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_csv(struct str text, char separator)
{
	struct csv_reader reader;
	struct csv_record record;
	int64_t line = 0;
	size_t total = 0;

	csv_reader_init(&reader, text, separator);
	while (csv_reader_next(&reader, &record)) {
		if (!record.n || record.n > LIMIT_FIELDS || record.n > record.n_found || record.line <= line)
			BUG("record of line %lld", (long long)record.line);
		line = record.line;
		for (size_t i = 0; i < record.n; i++)
			total += record.fields[i].len;
	}
	if (total > text.len)
		BUG("more text than there is");
	csv_reader_release(&reader);
}

/* The scanner of JSON shares this target: it takes the same bytes. */
static void split_json(struct str text, enum json_split_kind kind)
{
	struct json_split split;
	struct json_element element;
	size_t end = 0;

	if (kind == JSON_SPLIT_ARRAY)
		json_split_array(&split, text, 0, true);
	else if (kind == JSON_SPLIT_OBJECT)
		json_split_object(&split, text, 0);
	else
		json_split_lines(&split, text);
	while (json_split_next(&split, &element)) {
		if (element.start < end || element.start + element.len > text.len || element.line < 1)
			BUG("element at %zu", element.start);
		end = element.start + element.len;
	}
	if (split.end == JSON_SPLIT_MORE || split.end_line < 1)
		BUG("no end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	static const char separators[] = { ',', ';', '\t', '\0' };

	for (size_t i = 0; i < sizeof(separators); i++)
		read_csv(text, separators[i]);
	(void)csv_sniff(text);
	if (size) {
		split_json(text, JSON_SPLIT_ARRAY);
		split_json(text, JSON_SPLIT_OBJECT);
		split_json(text, JSON_SPLIT_LINES);
	}
	return 0;
}
