/* SPDX-License-Identifier: Apache-2.0 */
#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#define OWNER(kind) { .role = GATE_OWNER, .body = (kind) }
#define RATER(kind) { .role = GATE_RATER, .body = (kind) }
#define VIEWER(kind) { .role = GATE_VIEWER, .body = (kind) }

const struct gate_rule rule_unknown_api = OWNER(GATE_MAYBE_JSON);
const struct gate_rule rule_unknown_openai = { .role = GATE_KEY, .body = GATE_MAYBE_JSON };
const struct gate_rule rule_page = { .is_page = true, .role = GATE_PUBLIC, .body = GATE_NO_BODY };

static const struct route table[] = {
	{ "POST", "/session", { .role = GATE_LOCAL, .body = GATE_JSON }, api_login },
	{ "GET", "/session", OWNER(GATE_NO_BODY), api_get_session },
	{ "DELETE", "/session", OWNER(GATE_NO_BODY), api_logout },
	{ "POST", "/session/code", { .role = GATE_UNIX, .body = GATE_NO_BODY }, api_new_code },
	{ "GET", "/status", OWNER(GATE_NO_BODY), api_get_status },
	{ "GET", "/doctor", OWNER(GATE_NO_BODY), api_get_doctor },
	{ "GET", "/memory", OWNER(GATE_NO_BODY), api_get_memory },
	{ "POST", "/memory/free", OWNER(GATE_MAYBE_JSON), api_free_memory },
	{ "GET", "/limits", OWNER(GATE_NO_BODY), api_list_limits },
	{ "GET", "/audit", OWNER(GATE_NO_BODY), api_list_audit },
	{ "GET", "/settings", OWNER(GATE_NO_BODY), api_get_settings },
	{ "PATCH", "/settings", OWNER(GATE_JSON), api_set_settings },
	{ "GET", "/models", OWNER(GATE_NO_BODY), api_list_models },
	{ "POST", "/models", OWNER(GATE_JSON), api_add_models },
	{ "DELETE", "/models/refusals", OWNER(GATE_NO_BODY), api_forget_refusal },
	{ "POST", "/models/find", OWNER(GATE_NO_BODY), api_find_models },
	{ "GET", "/models/{id}", OWNER(GATE_NO_BODY), api_get_model },
	{ "GET", "/models/{id}/changes", OWNER(GATE_NO_BODY), api_model_changes },
	{ "PATCH", "/models/{id}", OWNER(GATE_JSON), api_change_model },
	{ "DELETE", "/models/{id}", OWNER(GATE_NO_BODY), api_remove_model },
	{ "GET", "/models/{id}/template", OWNER(GATE_NO_BODY), api_get_model_template },
	{ "PUT", "/models/{id}/template", OWNER(GATE_JSON), api_choose_model_template },
	{ "POST", "/models/{id}/prompt", OWNER(GATE_JSON), api_preview_prompt },
	{ "PUT", "/models/{id}/gpu", OWNER(GATE_JSON), api_choose_gpu },
	{ "PATCH", "/families/{id}", OWNER(GATE_JSON), api_change_family },
	{ "DELETE", "/families/{id}", OWNER(GATE_NO_BODY), api_remove_family },
	{ "GET", "/hub", OWNER(GATE_NO_BODY), api_get_hub },
	{ "POST", "/hub/look", OWNER(GATE_JSON), api_look_hub },
	{ "GET", "/conversion", OWNER(GATE_NO_BODY), api_get_conversion },
	{ "POST", "/conversion", OWNER(GATE_JSON), api_start_conversion },
	{ "DELETE", "/conversion", OWNER(GATE_NO_BODY), api_cancel_conversion },
	{ "GET", "/downloads", OWNER(GATE_NO_BODY), api_list_downloads },
	{ "POST", "/downloads", OWNER(GATE_JSON), api_add_download },
	{ "GET", "/downloads/{id}", OWNER(GATE_NO_BODY), api_get_download },
	{ "DELETE", "/downloads/{id}", OWNER(GATE_NO_BODY), api_remove_download },
	{ "POST", "/downloads/{id}/cancel", OWNER(GATE_NO_BODY), api_cancel_download },
	{ "POST", "/downloads/{id}/resume", OWNER(GATE_NO_BODY), api_resume_download },
	{ "PUT", "/families/{id}/template", OWNER(GATE_JSON), api_choose_family_template },
	{ "GET", "/families/{id}/match", OWNER(GATE_NO_BODY), api_get_match },
	{ "POST", "/families/{id}/match", OWNER(GATE_MAYBE_JSON), api_check_match },
	{ "DELETE", "/families/{id}/match", OWNER(GATE_NO_BODY), api_cancel_match },
	{ "POST", "/uploads", OWNER(GATE_BYTES), api_upload },
	{ "GET", "/uploads/{upload}", OWNER(GATE_NO_BODY), api_preview_upload },
	{ "GET", "/question-sets", OWNER(GATE_NO_BODY), api_list_question_sets },
	{ "POST", "/question-sets", OWNER(GATE_JSON), api_add_question_set },
	{ "GET", "/question-sets/{id}", OWNER(GATE_NO_BODY), api_get_question_set },
	{ "DELETE", "/question-sets/{id}", OWNER(GATE_NO_BODY), api_remove_question_set },
	{ "GET", "/runs", OWNER(GATE_NO_BODY), api_list_runs },
	{ "POST", "/runs", OWNER(GATE_JSON), api_add_run },
	{ "GET", "/runs/{id}", OWNER(GATE_NO_BODY), api_get_run },
	{ "PATCH", "/runs/{id}", OWNER(GATE_JSON), api_change_run },
	{ "DELETE", "/runs/{id}", OWNER(GATE_NO_BODY), api_remove_run },
	{ "GET", "/runs/{id}/questions", OWNER(GATE_NO_BODY), api_get_run_page },
	{ "POST", "/runs/{id}/questions", OWNER(GATE_JSON), api_add_run_questions },
	{ "POST", "/runs/{id}/stop", OWNER(GATE_NO_BODY), api_stop_run },
	{ "POST", "/runs/{id}/resume", OWNER(GATE_NO_BODY), api_resume_run },
	{ "POST", "/runs/{id}/replay", OWNER(GATE_NO_BODY), api_replay_run },
	{ "POST", "/runs/{id}/retry", OWNER(GATE_MAYBE_JSON), api_retry_run },
	{ "GET", "/runs/{id}/export", OWNER(GATE_NO_BODY), api_export_run },
	{ "GET", "/runs/{id}/standing", OWNER(GATE_NO_BODY), api_get_standing },
	{ "GET", "/runs/{id}/panels", OWNER(GATE_NO_BODY), api_list_panels },
	{ "POST", "/runs/{id}/panels", OWNER(GATE_JSON), api_add_panel },
	{ "GET", "/panels", OWNER(GATE_NO_BODY), api_list_all_panels },
	{ "POST", "/panels/{id}/link", OWNER(GATE_NO_BODY), api_renew_panel },
	{ "POST", "/panels/{id}/close", OWNER(GATE_NO_BODY), api_close_panel },
	{ "DELETE", "/raters/{id}", OWNER(GATE_NO_BODY), api_remove_rater },
	/* what people who were invited may: {id} is the number of a question of their own panel */
	{ "POST", "/rating/session", { .role = GATE_PUBLIC, .body = GATE_JSON }, api_join_panel },
	{ "GET", "/rating", RATER(GATE_NO_BODY), api_get_rating },
	{ "GET", "/rating/questions/{id}", RATER(GATE_NO_BODY), api_get_rating_question },
	{ "PUT", "/rating/questions/{id}", RATER(GATE_JSON), api_rate_question },
	/* what people may who have a share link: see the results of its run */
	{ "POST", "/viewing/session", { .role = GATE_PUBLIC, .body = GATE_JSON }, api_open_viewing },
	{ "GET", "/viewing", VIEWER(GATE_NO_BODY), api_get_viewing },
	{ "GET", "/viewing/questions", VIEWER(GATE_NO_BODY), api_list_viewing_questions },
	{ "GET", "/selections", OWNER(GATE_NO_BODY), api_list_selections },
	{ "POST", "/selections", OWNER(GATE_JSON), api_add_selection },
	{ "POST", "/selections/preview", OWNER(GATE_JSON), api_preview_selection },
	{ "GET", "/selections/{id}", OWNER(GATE_NO_BODY), api_get_selection },
	{ "DELETE", "/selections/{id}", OWNER(GATE_NO_BODY), api_remove_selection },
	{ "POST", "/selections/{id}/stop", OWNER(GATE_NO_BODY), api_stop_selection },
	{ "POST", "/selections/{id}/resume", OWNER(GATE_MAYBE_JSON), api_resume_selection },
	{ "GET", "/selections/{id}/questions", OWNER(GATE_NO_BODY), api_list_selection_questions },
	{ "GET", "/selections/{id}/rating", OWNER(GATE_NO_BODY), api_list_selection_rating },
	{ "GET", "/selections/{id}/report", OWNER(GATE_NO_BODY), api_report_selection },
	{ "GET", "/formats", OWNER(GATE_NO_BODY), api_list_formats },
	{ "GET", "/creations", OWNER(GATE_NO_BODY), api_list_creations },
	{ "POST", "/creations", OWNER(GATE_JSON), api_add_creation },
	{ "POST", "/creations/estimate", OWNER(GATE_JSON), api_estimate_creation },
	{ "GET", "/creations/{id}", OWNER(GATE_NO_BODY), api_get_creation },
	{ "DELETE", "/creations/{id}", OWNER(GATE_NO_BODY), api_remove_creation },
	{ "POST", "/creations/{id}/cancel", OWNER(GATE_NO_BODY), api_cancel_creation },
	{ "POST", "/creations/{id}/retry", OWNER(GATE_NO_BODY), api_retry_creation },
	{ "GET", "/artifacts", OWNER(GATE_NO_BODY), api_list_artifacts },
	{ "GET", "/artifacts/{id}", OWNER(GATE_NO_BODY), api_get_artifact },
	{ "DELETE", "/artifacts/{id}", OWNER(GATE_NO_BODY), api_remove_artifact },
	{ "GET", "/cells/{id}", OWNER(GATE_NO_BODY), api_get_cell },
	{ "PUT", "/cells/{id}/vote", OWNER(GATE_JSON), api_vote },
	{ "GET", "/cells/{id}/prompt", OWNER(GATE_NO_BODY), api_get_prompt },
	{ "GET", "/workspaces", OWNER(GATE_NO_BODY), api_list_workspaces },
	{ "POST", "/workspaces", OWNER(GATE_JSON), api_add_workspace },
	{ "GET", "/workspaces/{id}", OWNER(GATE_NO_BODY), api_get_workspace },
	{ "PATCH", "/workspaces/{id}", OWNER(GATE_JSON), api_change_workspace },
	{ "DELETE", "/workspaces/{id}", OWNER(GATE_NO_BODY), api_remove_workspace },
	{ "GET", "/workspaces/{id}/chats", OWNER(GATE_NO_BODY), api_list_chats },
	{ "POST", "/workspaces/{id}/chats", OWNER(GATE_MAYBE_JSON), api_add_chat },
	{ "GET", "/workspaces/{id}/documents", OWNER(GATE_NO_BODY), api_list_documents },
	{ "POST", "/workspaces/{id}/documents", OWNER(GATE_JSON), api_add_document },
	{ "GET", "/workspaces/{id}/search", OWNER(GATE_NO_BODY), api_search_workspace },
	{ "GET", "/documents/{id}", OWNER(GATE_NO_BODY), api_get_document },
	{ "DELETE", "/documents/{id}", OWNER(GATE_NO_BODY), api_remove_document },
	{ "GET", "/chats/{id}", OWNER(GATE_NO_BODY), api_get_chat },
	{ "PATCH", "/chats/{id}", OWNER(GATE_JSON), api_change_chat },
	{ "DELETE", "/chats/{id}", OWNER(GATE_NO_BODY), api_remove_chat },
	{ "GET", "/messages/{id}", OWNER(GATE_NO_BODY), api_get_message },
	{ "POST", "/chats/{id}/messages", OWNER(GATE_JSON), api_add_message },
	{ "POST", "/messages/{id}/regenerate", OWNER(GATE_NO_BODY), api_regenerate },
	{ "POST", "/messages/{id}/stop", OWNER(GATE_NO_BODY), api_stop_message },
	{ "PUT", "/messages/{id}/vote", OWNER(GATE_JSON), api_vote_message },
	{ "GET", "/api-keys", OWNER(GATE_NO_BODY), api_list_keys },
	{ "POST", "/api-keys", OWNER(GATE_JSON), api_add_key },
	{ "DELETE", "/api-keys/{id}", OWNER(GATE_NO_BODY), api_remove_key },
	{ "GET", "/providers", OWNER(GATE_NO_BODY), api_list_providers },
	{ "POST", "/providers", OWNER(GATE_JSON), api_add_provider },
	{ "PATCH", "/providers/{id}", OWNER(GATE_JSON), api_change_provider },
	{ "DELETE", "/providers/{id}", OWNER(GATE_NO_BODY), api_remove_provider },
	{ "GET", "/providers/{id}/models", OWNER(GATE_NO_BODY), api_list_provider_models },
	{ "DELETE", "/providers/{id}/models", OWNER(GATE_MAYBE_JSON), api_remove_provider_model },
	{ "POST", "/providers/{id}/models/use", OWNER(GATE_JSON), api_use_provider_model },
	{ "POST", "/providers/{id}/models/unload", OWNER(GATE_JSON), api_unload_provider_model },
	{ "POST", "/providers/{id}/adapters", OWNER(GATE_JSON), api_load_provider_adapters },
	{ "POST", "/providers/{id}/test", OWNER(GATE_JSON), api_test_provider },
	{ "GET", "/events", OWNER(GATE_NO_BODY), api_events },
	/* not below /api/v1: where clients of OpenAI look */
	{ "GET", ROUTE_OPENAI "models", { .role = GATE_KEY, .body = GATE_NO_BODY }, openai_list_models },
	{ "POST", ROUTE_OPENAI "chat/completions", { .role = GATE_KEY, .body = GATE_JSON }, openai_complete },
};

const struct route *route_table(size_t *n)
{
	*n = sizeof table / sizeof table[0];
	return table;
}

static bool is_upload_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789abcdef", s.ptr[i]) || !s.ptr[i])
			return false;
	return s.len == 32;
}

static bool is_part(struct str pattern, struct str part, int64_t *id, const char **upload)
{
	if (str_eq_text(pattern, "{id}"))
		return str_to_i64(part, id) && *id > 0;
	if (!str_eq_text(pattern, "{upload}"))
		return str_eq(pattern, part);
	*upload = part.ptr;
	return is_upload_name(part);
}

static bool is_path(const char *pattern, const char *path, int64_t *id, const char **upload)
{
	struct str wanted = str_of(pattern), given = str_of(path);
	while (wanted.ptr && given.ptr)
		if (!is_part(str_split(&wanted, '/'), str_split(&given, '/'), id, upload))
			return false;
	return !wanted.ptr && !given.ptr;
}

enum route_match route_find(const char *method, const char *path, const struct route **route, int64_t *id,
			    const char **upload, char *allow)
{
	*route = NULL;
	allow[0] = 0;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		*id = 0;
		*upload = NULL;
		if (!is_path(table[i].path, path, id, upload))
			continue;
		*route = &table[i];
		if (!strcmp(table[i].method, method))
			return ROUTE_FOUND;
		size_t len = strlen(allow);
		snprintf(allow + len, 128 - len, "%s%s", len ? ", " : "", table[i].method);
	}
	return *route ? ROUTE_WRONG_METHOD : ROUTE_UNKNOWN;
}
