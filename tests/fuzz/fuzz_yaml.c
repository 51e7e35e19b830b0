/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as YAML: no crash; what is taken is one JSON document that begins no later than the text ends; what is not
 * has a sentence with a line of the text. */
#include <stddef.h>

#include "base/json.h"
#include "base/limits.h"
#include "model/encoding.h"
#include "model/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct str json)
{
	json_error_t error;
	json_t *value;

	if (!json.len)
		return;
	value = json_loadb(json.ptr, json.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	/* Numbers are left as they are written, and two names may differ in what follows a NUL. */
	if (!value && json_error_code(&error) != json_error_numeric_overflow && json_error_code(&error) != json_error_duplicate_key)
		BUG("no JSON: %s", error.text);
	json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct buf out = BUF_INIT(MIB);
	struct err err = { 0 };
	char line[32];
	uint64_t n;

	if (yaml_to_json(text, &out, NULL, &err) == ERR_OK) {
		check_json(buf_str(&out));
		if (encoding_count_lines(buf_str(&out), 0, out.len) > (int64_t)size)
			BUG("more lines than bytes");
	} else if (!str_starts(str_of(err.key), "err_yaml_") || !err_arg(&err, "line", line, sizeof(line)) ||
		   !str_to_u64(str_of(line), &n) || !n || n > size + 1) {
		BUG("refused as %s", err.key);
	}
	buf_release(&out);
	return 0;
}
