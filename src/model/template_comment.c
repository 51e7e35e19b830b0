/* SPDX-License-Identifier: Apache-2.0 */
#include "model/template_comment.h"

#include <string.h>

void template_add_comment(struct buf *text, const char *comment)
{
	const char *whole = buf_text(text);
	size_t len = text->len, end = 0;

	if (strstr(whole, comment))
		return;
	if (len > end && whole[len - 1] == '\n')
		end++;
	if (len > end && end > 0 && whole[len - 1 - end] == '\r')
		end++;
	char tail[2] = { 0 };
	memcpy(tail, whole + len - end, end);
	text->len = len - end;
	buf_add_text(text, comment);
	buf_add(text, tail, end);
}
