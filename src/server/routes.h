/* SPDX-License-Identifier: Apache-2.0
 *
 * routes - every address of the server in one table: method, path, who may, what body, which handler.
 *
 * Thread: loop. */
#ifndef ASSAY_SERVER_ROUTES_H
#define ASSAY_SERVER_ROUTES_H

#include "server/gate.h"
#include "server/request.h"

#define ROUTE_OPENAI "/v1/"

struct route {
	const char *method;
	const char *path; /* below /api/v1, or from ROUTE_OPENAI on; {id} is a positive integer, {upload} 32 hex digits */
	struct gate_rule rule;
	request_fn handler;
};

enum route_match { ROUTE_FOUND, ROUTE_WRONG_METHOD, ROUTE_UNKNOWN };

/* Finds the route of a decoded path.  `*id` and `*upload` (into `path`) are what stood in the braces.  ROUTE_WRONG_METHOD:
 * `*route` is one with this path, and `allow` (128 bytes) the methods it takes. */
enum route_match route_find(const char *method, const char *path, const struct route **route, int64_t *id,
			    const char **upload, char *allow);

/* The whole table, for the test that each route declares who may. */
const struct route *route_table(size_t *n);

/* Rules for what has no route: unknown API paths, and pages. */
extern const struct gate_rule rule_unknown_api, rule_unknown_openai, rule_page;

/* Handlers, by file. */
void api_login(struct request *r);
void api_get_session(struct request *r);
void api_logout(struct request *r);
void api_new_code(struct request *r);
void api_get_status(struct request *r);
void api_get_doctor(struct request *r);
void api_get_memory(struct request *r);
void api_free_memory(struct request *r);
void api_list_limits(struct request *r);
void api_list_audit(struct request *r);
void api_get_settings(struct request *r);
void api_set_settings(struct request *r);
void api_list_models(struct request *r);
void api_add_models(struct request *r);
void api_forget_refusal(struct request *r);
void api_find_models(struct request *r);
void api_get_model(struct request *r);
void api_model_changes(struct request *r);
void api_change_model(struct request *r);
void api_remove_model(struct request *r);
void api_change_family(struct request *r);
void api_remove_family(struct request *r);
void api_get_hub(struct request *r);
void api_look_hub(struct request *r);
void api_get_conversion(struct request *r);
void api_start_conversion(struct request *r);
void api_cancel_conversion(struct request *r);
void api_list_downloads(struct request *r);
void api_add_download(struct request *r);
void api_get_download(struct request *r);
void api_remove_download(struct request *r);
void api_cancel_download(struct request *r);
void api_resume_download(struct request *r);
void api_get_match(struct request *r);
void api_check_match(struct request *r);
void api_cancel_match(struct request *r);
void api_choose_family_template(struct request *r);
void api_choose_model_template(struct request *r);
void api_get_model_template(struct request *r);
void api_choose_gpu(struct request *r);
void api_upload(struct request *r);
void api_preview_upload(struct request *r);
void api_list_question_sets(struct request *r);
void api_add_question_set(struct request *r);
void api_get_question_set(struct request *r);
void api_remove_question_set(struct request *r);
void api_list_runs(struct request *r);
void api_add_run(struct request *r);
void api_get_run(struct request *r);
void api_change_run(struct request *r);
void api_remove_run(struct request *r);
void api_get_run_page(struct request *r);
void api_add_run_questions(struct request *r);
void api_stop_run(struct request *r);
void api_resume_run(struct request *r);
void api_replay_run(struct request *r);
void api_retry_run(struct request *r);
void api_export_run(struct request *r);
void api_get_standing(struct request *r);
void api_list_panels(struct request *r);
void api_list_all_panels(struct request *r);
void api_add_panel(struct request *r);
void api_renew_panel(struct request *r);
void api_close_panel(struct request *r);
void api_remove_rater(struct request *r);
void api_join_panel(struct request *r);
void api_get_rating(struct request *r);
void api_get_rating_question(struct request *r);
void api_rate_question(struct request *r);
void api_open_viewing(struct request *r);
void api_get_viewing(struct request *r);
void api_list_viewing_questions(struct request *r);
void api_list_selections(struct request *r);
void api_add_selection(struct request *r);
void api_preview_selection(struct request *r);
void api_get_selection(struct request *r);
void api_remove_selection(struct request *r);
void api_stop_selection(struct request *r);
void api_resume_selection(struct request *r);
void api_list_selection_questions(struct request *r);
void api_list_selection_rating(struct request *r);
void api_report_selection(struct request *r);
void api_list_formats(struct request *r);
void api_list_creations(struct request *r);
void api_add_creation(struct request *r);
void api_estimate_creation(struct request *r);
void api_get_creation(struct request *r);
void api_remove_creation(struct request *r);
void api_cancel_creation(struct request *r);
void api_retry_creation(struct request *r);
void api_list_artifacts(struct request *r);
void api_get_artifact(struct request *r);
void api_remove_artifact(struct request *r);
void api_get_cell(struct request *r);
void api_vote(struct request *r);
void api_get_prompt(struct request *r);
void api_preview_prompt(struct request *r);
void api_list_workspaces(struct request *r);
void api_add_workspace(struct request *r);
void api_get_workspace(struct request *r);
void api_change_workspace(struct request *r);
void api_remove_workspace(struct request *r);
void api_list_documents(struct request *r);
void api_add_document(struct request *r);
void api_search_workspace(struct request *r);
void api_get_document(struct request *r);
void api_remove_document(struct request *r);
void api_list_chats(struct request *r);
void api_add_chat(struct request *r);
void api_get_chat(struct request *r);
void api_change_chat(struct request *r);
void api_remove_chat(struct request *r);
void api_get_message(struct request *r);
void api_add_message(struct request *r);
void api_regenerate(struct request *r);
void api_stop_message(struct request *r);
void api_vote_message(struct request *r);
void api_list_keys(struct request *r);
void api_add_key(struct request *r);
void api_remove_key(struct request *r);
void openai_list_models(struct request *r);
void openai_complete(struct request *r);
void api_events(struct request *r);
void api_list_providers(struct request *r);
void api_add_provider(struct request *r);
void api_change_provider(struct request *r);
void api_remove_provider(struct request *r);
void api_list_provider_models(struct request *r);
void api_use_provider_model(struct request *r);
void api_remove_provider_model(struct request *r);
void api_unload_provider_model(struct request *r);
void api_load_provider_adapters(struct request *r);
void api_test_provider(struct request *r);

#endif
