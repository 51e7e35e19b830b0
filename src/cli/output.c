/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

const struct arg_option output_options[] = {
	{ "csv", "FILE", "cli_opt_csv", false },
	{ "csv-plain", "FILE", "cli_opt_csv_plain", false },
	{ "jsonl", "FILE", "cli_opt_jsonl", false },
	{ "html", "FILE", "cli_opt_html", false },
	{ "junit", "FILE", "cli_opt_junit", false },
	{ NULL, NULL, NULL, false },
};

/* The API's names of the formats, in the order of the options. */
static const char *const formats[] = { "csv-excel", "csv", "jsonl", "html", "junit" };

size_t output_count(const struct args *args)
{
	size_t n = 0;
	for (size_t i = 0; output_options[i].name; i++)
		n += args_has(args, output_options[i].name);
	return n;
}

static size_t count_stdout(const struct args *args)
{
	size_t n = 0;
	for (size_t i = 0; output_options[i].name; i++)
		n += strcmp(args_text(args, output_options[i].name, ""), "-") == 0;
	return n;
}

bool output_to_stdout(const struct args *args)
{
	return count_stdout(args) > 0;
}

enum err_code output_check_path(const char *path, struct err *err)
{
	if (!*path)
		return err_set(err, ERR_INVALID, "err_cli_write_empty", NULL);
	if (strcmp(path, "-") == 0)
		return ERR_OK;
	char *dir = fs_dirname(path);
	enum err_code code = ERR_OK;
	if (fs_is_dir(path))
		code = err_set_errno(err, EISDIR, "err_cli_write", "path=%s", path);
	else if (access(dir, W_OK) != 0)
		code = err_set_errno(err, errno, "err_cli_write", "path=%s", path);
	mem_free(dir);
	return code;
}

enum err_code output_check(const struct cli *cli, struct err *err)
{
	if (count_stdout(cli->args) + (cli->json ? 1 : 0) > 1)
		return err_set(err, ERR_INVALID, "err_cli_stdout_twice", NULL);
	for (size_t i = 0; output_options[i].name; i++) {
		const char *path = args_text(cli->args, output_options[i].name, NULL);
		if (path && output_check_path(path, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

struct sink {
	int fd;
	const char *path;
	struct err *err;
};

static bool write_all(void *user, const void *data, size_t len)
{
	struct sink *s = user;
	const char *at = data;
	while (len > 0) {
		ssize_t n = write(s->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_set_errno(s->err, errno, "err_cli_write", "path=%s", s->path);
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* A device, a pipe or the like is written to as it is. */
static bool is_special(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

enum err_code output_write_file(struct client *c, const char *api_path, const char *path, struct err *err)
{
	bool direct = strcmp(path, "-") == 0 || is_special(path);
	char *part = mem_printf("%s.%d.part", path, (int)getpid());
	int fd;
	if (strcmp(path, "-") == 0) {
		fflush(stdout);
		fd = dup(STDOUT_FILENO);
	} else {
		fd = open(direct ? path : part, O_WRONLY | O_CLOEXEC | (direct ? 0 : O_CREAT | O_EXCL), 0666);
	}
	enum err_code code;
	struct sink sink = { fd, path, err };
	if (fd < 0) {
		code = err_set_errno(err, errno, "err_cli_write", "path=%s", path);
		goto out;
	}
	code = client_download(c, api_path, write_all, &sink, err);
	if (code == ERR_OK && !direct) {
		code = fs_publish(fd, part, path, err);
		goto out;
	}
	close(fd);
	if (!direct)
		unlink(part);
out:
	mem_free(part);
	return code;
}

enum err_code output_write(const struct cli *cli, struct client *c, int64_t run_id, struct err *err)
{
	enum err_code code = ERR_OK;
	for (size_t i = 0; output_options[i].name && code == ERR_OK; i++) {
		const char *path = args_text(cli->args, output_options[i].name, NULL);
		char api_path[128];
		if (!path)
			continue;
		snprintf(api_path, sizeof api_path, "/runs/%lld/export?format=%s&lang=%s", (long long)run_id, formats[i],
			 lang_name(cli->lang));
		code = output_write_file(c, api_path, path, err);
		if (code == ERR_OK && strcmp(path, "-") != 0 && !cli->json)
			cli_say(cli, stderr, "cli_written", "path=%s", path);
	}
	return code;
}
