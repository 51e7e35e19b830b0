/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unicode/uchar.h>
#include <unicode/uversion.h>
#include <yaml.h>

#include "base/mem.h"
#include "cli/command.h"
#include "engine/worker_probe.h"

static int exec_version(struct cli *cli)
{
	char icu[U_MAX_VERSION_STRING_LENGTH];
	struct worker_facts facts;
	UVersionInfo icu_version;
	u_getVersion(icu_version);
	u_versionToString(icu_version, icu);
	char *worker = worker_program();
	(void)worker_probe(worker, true, &facts);
	mem_free(worker);
	json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "assay", ASSAY_VERSION, "llama.cpp", facts.build, "sqlite",
				sqlite3_libversion(), "libmicrohttpd", MHD_get_version(), "curl",
				curl_version_info(CURLVERSION_NOW)->version, "jansson", jansson_version_str(), "libyaml",
				yaml_get_version_string(), "openssl", OpenSSL_version(OPENSSL_VERSION_STRING), "icu", icu);
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
