/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>

#include "cli/command.h"


static int exec_version(struct cli *cli)
{
	const char *curl = curl_version_info(CURLVERSION_NOW)->version;

	if (cli->json) {
		json_t *out = json_pack("{s:s, s:s, s:s}", "version", ASSAY_VERSION, "jansson",
					jansson_version_str(), "curl", curl);
		cli_print_json(out);
		json_decref(out);
	} else {
		printf("assay %s (jansson %s, curl %s)\n", ASSAY_VERSION,
		       jansson_version_str(), curl);
	}
	return EXIT_DONE;
}

const struct command cmd_version = { "version", "", "cli_version_summary", NULL, NULL, 0, 0, exec_version, NULL };
