/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/python_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "convert/child.h"

#define SCRIPT "convert_hf_to_gguf.py"
#define REQUIREMENTS "requirements/requirements-convert_hf_to_gguf.txt"
#define BASE_REQUIREMENTS "requirements/requirements-convert_legacy_llama.txt" /* which the other one includes */
#define MARK "assay-ready" /* holds the digest of the requirements */
#define ENV_MAX 512

extern char **environ;

static char *place(const char *data_dir, const char *name)
{
	return mem_printf("%s/cache/python/%s", data_dir, name);
}

/* --- the converter --- */

static char *if_converter(char *dir)
{
	char *script = fs_join(dir, SCRIPT);
	bool is = fs_exists(script);
	mem_free(script);
	if (is)
		return dir;
	mem_free(dir);
	return NULL;
}

char *python_converter(struct err *err)
{
	const char *given = getenv("ASSAY_CONVERTER");
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = 0;
	char *bin = fs_dirname(self), *prefix = fs_dirname(bin);
	char *found = given && *given ? if_converter(mem_strdup(given)) : if_converter(fs_join(prefix, "share/assay/converter"));
	if (!found)
		err_set(err, ERR_NOT_FOUND, "err_python_no_converter", "path=%s/share/assay/converter", prefix);
	mem_free(prefix);
	mem_free(bin);
	return found;
}

/* --- whether it is there --- */

static bool add_file(struct hash *h, const char *dir, const char *name)
{
	struct buf text = BUF_INIT(1 * MIB);
	char *path = fs_join(dir, name);
	bool read = fs_read(path, &text, NULL) == ERR_OK;
	hash_add(h, text.len ? text.ptr : "", text.len);
	buf_release(&text);
	mem_free(path);
	return read;
}

static bool wanted_mark(const char *converter, char hex[HASH_HEX_SIZE])
{
	uint8_t digest[HASH_SIZE];
	struct hash *h = hash_new();
	bool read = add_file(h, converter, REQUIREMENTS) && add_file(h, converter, BASE_REQUIREMENTS);
	hash_finish(h, digest);
	hash_hex(digest, hex);
	return read;
}

bool python_env_ready(const char *data_dir)
{
	char wanted[HASH_HEX_SIZE];
	struct buf text = BUF_INIT(1 * KIB);
	char *mark = place(data_dir, "env/" MARK), *program = python_env_program(data_dir), *converter = python_converter(NULL);
	bool ready = converter && wanted_mark(converter, wanted) && access(program, X_OK) == 0 && fs_exists(mark) &&
		     fs_read(mark, &text, NULL) == ERR_OK && str_eq_text(str_trim(buf_str(&text)), wanted);
	buf_release(&text);
	mem_free(converter);
	mem_free(program);
	mem_free(mark);
	return ready;
}

char *python_env_program(const char *data_dir)
{
	return place(data_dir, "env/bin/python");
}

/* --- making it --- */

/* Held as long as somebody makes or removes it; -1 with `err`. */
static int take_lock(const char *data_dir, struct err *err)
{
	char *dir = place(data_dir, ""), *path = place(data_dir, "lock");
	int fd = fs_make_dirs(dir, err) == ERR_OK ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (fd < 0 && (!err || err->code == ERR_OK)) {
		fs_error(err, errno, "err_fs_write", path);
	} else if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		err_set(err, ERR_BUSY, "err_python_running", "path=%s", dir);
		close(fd);
		fd = -1;
	}
	mem_free(path);
	mem_free(dir);
	return fd;
}

struct making {
	const char *data_dir, *converter, *python;
	const struct python_watch *watch;
	enum python_phase phase;
	char *env[ENV_MAX + 8];
};

static void on_line(void *user, struct str line)
{
	struct making *m = user;
	if (m->watch->progress)
		m->watch->progress(m->watch->user, m->phase, -1, line);
}

/* This process's, for the settings of pip and the proxies, but without what would lead to another Python, and without tokens. */
static void set_environment(struct making *m)
{
	static const char *const left_out[] = { "PYTHONPATH=", "PYTHONHOME=", "VIRTUAL_ENV=", "PIP_TARGET=", "PIP_PREFIX=", "PIP_USER=",
						"HF_TOKEN=", "HUGGING_FACE_HUB_TOKEN=", "ASSAY_" };
	static char own[][40] = { "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PYTHONNOUSERSITE=1", "PYTHONUNBUFFERED=1" };
	size_t n = 0;
	for (char **e = environ; *e && n < ENV_MAX; e++) {
		bool keep = true;
		for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
			keep = keep && !str_starts(str_of(*e), left_out[i]);
		if (keep)
			m->env[n++] = *e;
	}
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		m->env[n++] = own[i];
	m->env[n] = NULL;
}

static enum err_code run_step(struct making *m, const char *const *argv, const char *key, struct err *err)
{
	struct child_end end;
	struct child_options o = { .argv = argv, .env = m->env, .line = on_line, .user = m, .cancel = m->watch->cancel };
	on_line(m, STR(""));
	enum err_code code = child_run(&o, &end, err);
	if (code != ERR_OK || end.exit_code == 0)
		return code;
	log_warn("convert", "%s failed exit=%d signal=%d", argv[2], end.exit_code, end.signal);
	return err_set(err, ERR_IO, key, "reason=%.300s", end.last[0] ? end.last : "?");
}

static enum err_code check_space(const char *data_dir, struct err *err)
{
	uint64_t room = fs_free_space(data_dir);
	if (room == UINT64_MAX || room >= PYTHON_DISK_MIB * MIB)
		return ERR_OK;
	return err_set(err, ERR_IO, "err_python_space", "path=%s|need=%d|free=%llu", data_dir, PYTHON_DISK_MIB,
		       (unsigned long long)(room / MIB));
}

static enum err_code install(struct making *m, const char *dir, const char *program, struct err *err)
{
	char hex[HASH_HEX_SIZE];
	char *requirements = fs_join(m->converter, REQUIREMENTS), *mark = fs_join(dir, MARK);
	const char *venv[] = { m->python, "-m", "venv", dir, NULL };
	const char *pip[] = { program, "-m", "pip", "install", "--no-input", "--progress-bar", "off", "-r", requirements, NULL };
	m->phase = PYTHON_MAKING;
	enum err_code code = run_step(m, venv, "err_python_venv", err);
	if (code == ERR_OK && access(program, X_OK) != 0)
		code = err_set(err, ERR_IO, "err_python_venv", "reason=%s", program);
	m->phase = PYTHON_INSTALLING;
	if (code == ERR_OK)
		code = run_step(m, pip, "err_python_pip", err);
	if (code == ERR_OK && wanted_mark(m->converter, hex))
		code = fs_write(mark, hex, strlen(hex), err);
	mem_free(mark);
	mem_free(requirements);
	return code;
}

static enum err_code make(struct making *m, struct err *err)
{
	char *dir = place(m->data_dir, "env"), *program = python_env_program(m->data_dir);
	enum err_code code = ERR_OK;
	if (!python_env_ready(m->data_dir)) {
		(void)fs_remove_tree(dir);
		set_environment(m);
		code = check_space(m->data_dir, err);
		if (code == ERR_OK)
			code = install(m, dir, program, err);
		if (code != ERR_OK)
			(void)fs_remove_tree(dir);
		else
			log_info("convert", "Python environment made path=%s", dir);
	}
	mem_free(program);
	mem_free(dir);
	return code;
}

enum err_code python_env_make(const char *data_dir, const struct python_watch *watch, struct err *err)
{
	struct err own = { 0 };
	err = err ? err : &own;
	struct making *m = mem_alloc(sizeof *m);
	char *converter = python_converter(err), *python = converter ? child_find("python3") : NULL;
	enum err_code code = converter ? ERR_OK : err->code;
	*m = (struct making){ .data_dir = data_dir, .converter = converter, .python = python, .watch = watch };
	if (code == ERR_OK && !python)
		code = err_set(err, ERR_NOT_FOUND, "err_python_missing", NULL);
	int lock = code == ERR_OK ? take_lock(data_dir, err) : -1;
	if (code == ERR_OK)
		code = lock < 0 ? err->code : make(m, err);
	if (lock >= 0)
		close(lock);
	mem_free(python);
	mem_free(converter);
	mem_free(m);
	return code;
}

/* --- removing it --- */

static bool add_size(void *user, const char *name, bool is_dir);

struct sizing {
	const char *dir;
	uint64_t bytes;
	int depth;
};

static void size_of(const char *dir, struct sizing *s, int depth)
{
	struct sizing inner = { .dir = dir, .depth = depth };
	if (fs_list(dir, SIZE_MAX, add_size, &inner, NULL) == ERR_OK)
		s->bytes += inner.bytes;
}

static bool add_size(void *user, const char *name, bool is_dir)
{
	struct sizing *s = user;
	struct stat st;
	char *path = fs_join(s->dir, name);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		s->bytes += (uint64_t)st.st_blocks * 512;
	else if (is_dir && !S_ISLNK(st.st_mode) && s->depth < 32)
		size_of(path, s, s->depth + 1);
	mem_free(path);
	return true;
}

enum err_code python_env_remove(const char *data_dir, uint64_t *bytes, struct err *err)
{
	char *dir = place(data_dir, "env");
	struct sizing s = { 0 };
	struct stat st;
	struct err own = { 0 };
	err = err ? err : &own;
	enum err_code code = ERR_OK;
	if (lstat(dir, &st) == 0) {
		int lock = take_lock(data_dir, err);
		code = lock < 0 ? err->code : ERR_OK;
		if (code == ERR_OK && S_ISDIR(st.st_mode))
			size_of(dir, &s, 0);
		if (code == ERR_OK && !fs_remove_tree(dir))
			code = fs_error(err, errno, "err_fs_write", dir);
		if (lock >= 0)
			close(lock);
	}
	if (bytes)
		*bytes = s.bytes;
	mem_free(dir);
	return code;
}
