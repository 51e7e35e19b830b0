/* SPDX-License-Identifier: Apache-2.0 */
#include "model/sniff.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/str.h"

#define SNIFF_BYTES 512

static uint64_t load_u64(const char *p)
{
	uint64_t v = 0;
	for (int i = 7; i >= 0; i--)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

static bool is_html(struct str head)
{
	struct str text = str_trim(head);
	if (str_starts(text, "\xEF\xBB\xBF"))
		text = str_trim((struct str){ text.ptr + 3, text.len - 3 });
	static const char *const starts[] = { "<!doctype", "<html", "<head", "<?xml", "<!--" };
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		size_t n = strlen(starts[i]);
		if (text.len >= n && str_eq_nocase((struct str){ text.ptr, n }, starts[i]))
			return true;
	}
	return false;
}

/* A pickle starts with PROTO 2..5; torch.save() before 1.6 pickles a magic number first, which starts the
 * same way. */
static bool is_pickle(struct str head)
{
	return head.len >= 3 && (uint8_t)head.ptr[0] == 0x80 && head.ptr[1] >= 2 && head.ptr[1] <= 5;
}

static bool is_safetensors(struct str head, uint64_t size)
{
	if (head.len < 10 || head.ptr[8] != '{')
		return false;
	uint64_t n = load_u64(head.ptr);
	return n >= 2 && n <= size - 8;
}

static enum file_kind kind_of(struct str head, uint64_t size)
{
	if (size == 0)
		return FILE_EMPTY;
	if (str_starts(head, "GGUF"))
		return FILE_GGUF;
	if (str_starts(head, "version https://git-lfs") || str_starts(head, "version https://hawser"))
		return FILE_LFS_POINTER;
	if (str_starts(head, "PK\x03\x04") || str_starts(head, "PK\x05\x06"))
		return FILE_ZIP;
	if (is_pickle(head))
		return FILE_PICKLE;
	if (is_safetensors(head, size))
		return FILE_SAFETENSORS;
	if (is_html(head))
		return FILE_HTML;
	if (str_starts(head, "lmgg") || str_starts(head, "fmgg") || str_starts(head, "tjgg") ||
	    str_starts(head, "algg"))
		return FILE_GGML;
	struct str text = str_trim(head);
	if (str_starts(text, "{") || str_starts(text, "["))
		return FILE_JSON;
	return FILE_UNKNOWN;
}

enum file_kind sniff_fd(int fd, uint64_t size)
{
	char head[SNIFF_BYTES];
	size_t have = 0, want = size < sizeof(head) ? (size_t)size : sizeof(head);
	while (have < want) {
		ssize_t n = pread(fd, head + have, want - have, (off_t)have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return kind_of((struct str){ head, have }, size);
}

enum file_kind sniff_path(const char *path)
{
	uint64_t size = 0;
	int fd = fs_open(path, &size, NULL);
	if (fd < 0)
		return FILE_UNKNOWN;
	enum file_kind kind = sniff_fd(fd, size);
	close(fd);
	return kind;
}

enum err_code sniff_refuse(enum file_kind kind, const char *path, uint64_t size, const char *wanted,
			   struct err *err)
{
	unsigned long long n = size;
	switch (kind) {
	case FILE_EMPTY:
		return err_set(err, ERR_DATA, "err_file_empty", "path=%s", path);
	case FILE_LFS_POINTER:
		return err_set(err, ERR_DATA, "err_file_lfs_pointer", "path=%s|n=%llu", path, n);
	case FILE_HTML:
		return err_set(err, ERR_DATA, "err_file_html", "path=%s|n=%llu", path, n);
	case FILE_ZIP:
	case FILE_PICKLE:
		return err_set(err, ERR_UNSUPPORTED, "err_file_pickle", "path=%s", path);
	case FILE_SAFETENSORS:
		return err_set(err, ERR_UNSUPPORTED, "err_file_safetensors", "path=%s", path);
	case FILE_GGML:
		return err_set(err, ERR_UNSUPPORTED, "err_file_old_ggml", "path=%s", path);
	case FILE_GGUF:
	case FILE_JSON:
	case FILE_UNKNOWN:
		break;
	}
	return err_set(err, ERR_DATA, "err_file_not_wanted", "path=%s|wanted=%s", path, wanted);
}
