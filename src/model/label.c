/* SPDX-License-Identifier: Apache-2.0 */
#include "model/label.h"

#include "base/buf.h"
#include "base/limits.h"

static bool is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x061C ||
	       (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
	       c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

const char *label_make(struct arena *a, struct str text)
{
	char out[LIMIT_NAME_BYTES + 8];
	size_t len = 0;
	bool blank = false;
	for (size_t pos = 0; pos < text.len;) {
		uint32_t c = utf8_next(text, &pos);
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			blank = len > 0;
			continue;
		}
		if (is_hidden(c))
			continue;
		char bytes[4];
		size_t n = utf8_put(c, bytes);
		if (len + blank + n > LIMIT_NAME_BYTES)
			break;
		if (blank)
			out[len++] = ' ';
		blank = false;
		memcpy(out + len, bytes, n);
		len += n;
	}
	return arena_strndup(a, out, len);
}
