/* SPDX-License-Identifier: Apache-2.0
 *
 * err - one failure: what kind it is, and a sentence for a person in any of our languages.
 *
 * An error names a message of messages/{en,zh-TW}.json by its key and carries the values that stand in it, so that the
 * same failure can be stored, sent by a worker, and shown later in the reader's own language (base/msg.h renders it).
 * The message "err_gguf_truncated" says what failed and why; "err_gguf_truncated_hint" says what to do about it.
 *
 *     return err_set(err, ERR_DATA, "err_gguf_truncated", "path=%s|at=%llu", path, at);
 *
 * A function that can fail returns `enum err_code` (ERR_OK is 0) and takes `struct err *err` last, which may be NULL.
 * Thread: any.  Nothing here allocates. */
#ifndef ASSAY_BASE_ERR_H
#define ASSAY_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum err_code {
	ERR_OK = 0,
	ERR_INVALID,     /* the caller's input is wrong (HTTP 400, exit 2 for arguments) */
	ERR_DATA,        /* a file's content is wrong (HTTP 422, exit 4) */
	ERR_NOT_FOUND,   /* HTTP 404, exit 4 */
	ERR_CONFLICT,    /* the state does not allow it (HTTP 409) */
	ERR_LIMIT,       /* over a limit of base/limits.h (HTTP 413) */
	ERR_DENIED,      /* not allowed (HTTP 403) */
	ERR_BUSY,        /* try again later (HTTP 503) */
	ERR_IO,          /* disk, socket, other process (HTTP 500, exit 3) */
	ERR_CANCELLED,   /* stopped on request (exit 5) */
	ERR_UNSUPPORTED, /* well-formed, but assay cannot do it (HTTP 422, exit 4) */
	ERR_INTERNAL,    /* a defect of assay (HTTP 500) */
};

struct err {
	enum err_code code;
	char key[64];   /* message key, "" where code is ERR_OK */
	char args[704]; /* "name=value" pairs separated by ERR_ARG_SEP */
};

#define ERR_ARG_SEP '\x1f'

/* Fills `err` (if not NULL) and returns `code`.  `args` is a printf format of "name=value" pairs separated by '|'
 * (values may contain '|': only those of the format separate), NULL for none.  Values are cut to fit; control characters
 * and bidirectional overrides in them are dropped (utf8_clean()). */
enum err_code err_set(struct err *err, enum err_code code, const char *key, const char *args, ...) PRINTF_LIKE(4, 5);

/* As err_set() with ERR_IO; adds the argument "reason" with the text of `errno_value`. */
enum err_code err_set_errno(struct err *err, int errno_value, const char *key, const char *args, ...) PRINTF_LIKE(4, 5);

/* The argument text of err_set() alone, for other users of messages (msg_format()). */
void err_args_format(char *out, size_t out_size, const char *args, va_list list);

/* Makes `err` from parts that came from a file or another process; cuts what is too long and drops control characters
 * other than ERR_ARG_SEP. */
enum err_code err_restore(struct err *err, enum err_code code, const char *key, const char *args);

/* Adds arguments, as err_set() takes them, to an error that is set. */
void err_add(struct err *err, const char *args, ...) PRINTF_LIKE(2, 3);

/* The value of argument `name`, copied NUL-terminated to `out`; false if there is none. */
bool err_arg(const struct err *err, const char *name, char *out, size_t out_size);

/* Stable lower-case name of a code for JSON ("not_found"). */
const char *err_code_name(enum err_code code);

/* Inverse of err_code_name(); ERR_INTERNAL for unknown names. */
enum err_code err_code_from_name(const char *name);

/* For what cannot happen: prints file, line and sentence, then aborts. */
#define BUG(...) bug_abort(__FILE__, __LINE__, __VA_ARGS__)
/* Behind BUG(); does not return. */
_Noreturn void bug_abort(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
