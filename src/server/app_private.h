/* SPDX-License-Identifier: Apache-2.0
 *
 * app_private - the parts of the supervisor, for the files of this room only.  Thread: loop. */
#ifndef ASSAY_SERVER_APP_PRIVATE_H
#define ASSAY_SERVER_APP_PRIVATE_H

#include "base/http_client.h"
#include "base/loop.h"
#include "base/queue.h"
#include "engine/engine.h"
#include "server/app.h"
#include "server/lan.h"
#include "server/session.h"
#include "server/sse.h"
#include "store/db.h"

struct request;

struct app {
	struct app_options options; /* texts are owned by the app */
	struct loop *loop;
	struct queue *home;
	struct loop_fd *home_watch;
	struct store *store;
	struct executor *work, *hash, *values, *export, *create;
	struct engine *engine;
	struct sessions *sessions;
	struct sessions *raters;         /* of people who were invited; an id is a rater's */
	struct sessions *viewers;        /* of browsers that opened a share link; an id is a viewer's */
	struct hub *hub;
	struct live *live;
	struct creations *creations;
	struct row_feed *creation_feed;
	struct downloads *downloads;     /* from a hub */
	struct conversion *conversion;   /* by llama.cpp's converter */
	struct selections *selections;
	struct row_feed *selection_feed;
	struct match_checks *matches;
	struct keys *keys;
	struct talk *talk;
	struct completion *completions; /* openai.c: answers for programs under way */
	struct http *http;
	struct http_client *http_client; /* requests to providers */
	struct job *export_jobs;
	struct loop_timer *beat;         /* heartbeat of the event streams */
	struct chore {
		struct task task;
		bool is_running;
	} cleaning, backup;              /* of old uploads; of the database, where one is due */
	struct loop_timer *free_timer;   /* api_memory.c: when it looks again whether Ollama has let go, */
	struct request *freeing;	 /* and for whom; NULL: for nobody */
	struct task *finding;            /* found_models.c: under way since the start; NULL: not */
	int beats;
	struct loop_timer *housekeeping; /* each hour */
	struct loop_timer *last_call;    /* end of the grace period of a stop */
	char *worker_path;
	char *socket_path;
	char *url;                /* "" without TCP */
	struct lan lan;           /* zeroed without --lan */
	int port;
	char cookie_name[48];
	char rater_cookies[56];   /* how the names of raters' cookies begin; a panel's number follows */
	char viewer_cookies[56];  /* the same of viewers */
	enum lang lang;           /* of requests that name none */
	char language[16];        /* the setting: "", "en", "zh-TW" */
	int64_t n_threads, n_gpu_layers; /* as the settings say: of the next start */
	bool find_at_start;              /* the same: look for models of other programs */
	char gpu_device[GPU_DEVICES_SIZE];
	struct gpu_use gpu_used; /* of this start */
	char gpu_device_used[GPU_DEVICES_SIZE];
	bool closing;
};

/* For a call whose failure already stands in the `err` that somebody looks at later. */
static inline void err_kept(enum err_code code)
{
	(void)code;
}

/* Tells every client that something changed; `data` NULL is {}. */
void app_publish(struct app *app, const char *event, const char *data);

#endif
