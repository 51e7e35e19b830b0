/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unicode/uchar.h>
#include <unicode/uversion.h>

#include "cli/command.h"

#define LINE_MAX_BYTES 256

/* What `assay-worker --version` says after "llama.cpp "; "" if the program is not beside this one. */
static void llama_version(char out[LINE_MAX_BYTES])
{
	char path[4096], line[LINE_MAX_BYTES] = "";
	int ends[2];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "/assay-worker");
	out[0] = '\0';
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (!slash || pipe(ends) != 0)
		return;
	memcpy(slash, "/assay-worker", sizeof "/assay-worker");
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(path, path, "--version", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	n = pid > 0 ? read(ends[0], line, sizeof line - 1) : 0;
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	line[n > 0 ? n : 0] = '\0';
	const char *found = strstr(line, "llama.cpp ");
	if (found)
		(void)str_format(out, LINE_MAX_BYTES, "%.*s", (int)strcspn(found + 10, "\n"), found + 10);
}

static int exec_version(struct cli *cli)
{
	char llama[LINE_MAX_BYTES], icu[U_MAX_VERSION_STRING_LENGTH];
	UVersionInfo icu_version;
	u_getVersion(icu_version);
	u_versionToString(icu_version, icu);
	llama_version(llama);
	json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "assay", ASSAY_VERSION, "llama.cpp", llama, "sqlite",
				sqlite3_libversion(), "libmicrohttpd", MHD_get_version(), "curl",
				curl_version_info(CURLVERSION_NOW)->version, "jansson", jansson_version_str(), "openssl",
				OpenSSL_version(OPENSSL_VERSION_STRING), "icu", icu);
	const char *name;
	json_t *value;
	if (cli->json)
		cli_print_json(out);
	else
		json_object_foreach(out, name, value)
			printf("%-14s %s\n", name, *json_string_value(value) ? json_string_value(value) : "-");
	json_decref(out);
	return EXIT_DONE;
}

const struct command cmd_version = { "version", "", "cli_version_summary", NULL, NULL, 0, 0, exec_version, NULL };
