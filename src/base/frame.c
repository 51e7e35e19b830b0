/* SPDX-License-Identifier: Apache-2.0 */
#include "base/frame.h"

#include "base/mem.h"

struct frame_reader {
	struct buf data;
	size_t taken;    /* bytes at the start of `data` that belong to frames already given out */
	size_t max_body;
	uint32_t bad_length;
	bool broken;
};

struct frame_reader *frame_reader_new(size_t max_body)
{
	struct frame_reader *r = mem_alloc(sizeof *r);
	buf_init(&r->data, SIZE_MAX / 2); /* bounded by max_body and by what one feed brings */
	r->max_body = max_body;
	return r;
}

void frame_reader_free(struct frame_reader *r)
{
	if (!r)
		return;
	buf_release(&r->data);
	mem_free(r);
}

void frame_reader_feed(struct frame_reader *r, const void *data, size_t len)
{
	if (r->broken)
		return;
	buf_consume(&r->data, r->taken);
	r->taken = 0;
	buf_add(&r->data, data, len);
}

static uint32_t read_u32le(const char *at)
{
	const unsigned char *p = (const unsigned char *)at;
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

enum err_code frame_reader_next(struct frame_reader *r, struct frame *out, bool *got, struct err *err)
{
	*got = false;
	if (r->data.overflow)
		return err_set(err, ERR_LIMIT, "err_frame_memory", NULL);
	const char *head = r->data.ptr ? r->data.ptr + r->taken : NULL;
	size_t left = r->data.len - r->taken;
	if (!r->broken && left < FRAME_HEAD_SIZE)
		return ERR_OK;
	uint32_t length = r->broken ? r->bad_length : read_u32le(head);
	if (length > r->max_body) {
		r->broken = true;
		r->bad_length = length;
		return err_set(err, ERR_DATA, "err_frame_too_long", "found=%u|limit=%zu", length, r->max_body);
	}
	if (left - FRAME_HEAD_SIZE < length)
		return ERR_OK;
	out->kind = (uint8_t)head[4];
	out->stream = read_u32le(head + 5);
	out->body = (struct str){ head + FRAME_HEAD_SIZE, length };
	r->taken += FRAME_HEAD_SIZE + length;
	*got = true;
	return ERR_OK;
}

void frame_write(struct buf *out, uint8_t kind, uint32_t stream, struct str body)
{
	if (body.len > UINT32_MAX)
		BUG("frame of %zu bytes", body.len);
	/* Reserved as a whole, so that a full buffer never holds half a frame. */
	if (!buf_reserve(out, FRAME_HEAD_SIZE + body.len))
		return;
	buf_add_u32le(out, (uint32_t)body.len);
	buf_add_char(out, (char)kind);
	buf_add_u32le(out, stream);
	buf_add_str(out, body);
}
