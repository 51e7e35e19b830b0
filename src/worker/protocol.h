/* SPDX-License-Identifier: Apache-2.0
 *
 * protocol - all that passes between the supervisor and an assay-worker, on one screen.
 *
 * The worker is started with its end of an AF_UNIX stream socket pair as descriptor 3 and an environment that only
 * GPU drivers read.
 * Frames: base/frame.h.  Bodies are JSON objects unless "raw".  Descriptors travel by SCM_RIGHTS with the first byte of
 * the frame that needs them.  A request names a stream (non-zero); every answer to it carries the same stream and exactly
 * one of its answers is final (marked *).  When the worker dies, the supervisor fails all its open streams.
 * Neither side trusts the other: lengths, kinds, ranges and order are checked; what is out of order ends the worker.
 *
 * What is no frame of the protocol (an unknown kind, a request without a stream, a body that is no JSON object) ends the
 * worker with exit code 65; a wrong value in a well-formed request is a MSG_FAILED.  Exit code 70: a chat template took too
 * long or crashed (its stream got a MSG_FAILED before).  71: this build cannot compute on this processor; the log says what the
 * processor lacks.  72: what "memory_limit" allows was used up where llama.cpp cannot say so.  0: the socket was closed.
 * Requests may be sent ahead; they are served in order.  Program arguments: --read-dir PATH (a folder or a file that may be
 * read, for "paths" and jobs; one part of a split model stands for all; at most 64 times), --write-dir DIR (the one folder
 * that jobs may write to), --cpu (GPUs are not looked for), --no-sandbox.
 *
 * Failures everywhere: {"code": err_code_name, "key": message key, "args": "name=value\x1f..."}. */
#ifndef ASSAY_WORKER_PROTOCOL_H
#define ASSAY_WORKER_PROTOCOL_H

#define WORKER_PROTOCOL_VERSION 5
#define WORKER_SOCKET_FD 3
#define WORKER_EXIT_CPU 71
#define WORKER_EXIT_MEMORY 72
#define WORKER_EXIT_THREADS 73
#define TEXT_HEAD_SIZE 9 /* of MSG_TEXT, before its text */

enum worker_request {
	/* Load the model.  fd: the GGUF, opened read-only (for split files: "paths" instead, the supervisor grants the folder).
	 * {"size": bytes, "n_threads": int, "n_gpu_layers": int, "paths": [..]?, "use_mmap": bool,
	 *  "memory_limit": bytes of private memory? (RLIMIT_DATA), "check_values": bool?,
	 *  "device": ids of MSG_READY with commas between them, "" for all GPUs (llama.cpp shares the layers out by what is free)?}
	 * check_values: the weights are read first, and refused (err_values) where one is no number.
	 * n_gpu_layers: -1 as many as fit into what is free now, 0 none: the processor alone.
	 * -> MSG_PROGRESS ..., MSG_LOADED* | MSG_FAILED* */
	REQ_LOAD = 1,
	/* Load an adapter; fd: a LoRA GGUF that adapter_convert() wrote.  {"adapter": id > 0}
	 * -> MSG_OK* | MSG_FAILED* */
	REQ_ADAPTER = 2,
	/* Find the best number of slots by short decodes.  {"max_slots": int, "kv_tokens": int, "budget_ms": int}
	 * -> MSG_CALIBRATED* | MSG_FAILED* */
	REQ_CALIBRATE = 3,
	/* Answer one group of one column.  The worker starts from a cleared cache and the prefix that the cells share, fills and refills
	 * its slots in the order of "cells"; the batch plan depends on this frame alone.
	 * {"adapter": id or 0, "slots": n, "kv_tokens": most KV cells it may use,
	 *  "system": text, "template": Jinja override or "", "thinking": bool,
	 *  "max_tokens": int, "temperature": num, "top_p": num, "top_k": int, "min_p": num, "repeat_penalty": num,
	 *  "stop": [texts that end an answer and are no part of it, at most LIMIT_STOPS]?,
	 *  "num_ctx": most tokens of a prompt and its answer, 0: what the model was made for?,
	 *  "drafts": bool?, "guesses": int?, "cells": [{"cell": id, "question": id?, "seed": int, "messages": [{"role","content"}...]}...]}
	 * "drafts": what was answered before to the same question, under any adapter, is a guess of what is said now; the batch plan
	 * then depends on that, and on how long steps take, but for "guesses": of each answer in each step (tests want the same each time).
	 * "slots" is at most LIMIT_SLOTS; fewer are filled where kv_tokens does not allow more.  temperature 0: the likeliest
	 * token, the lowest id among equals.
	 * -> for each cell MSG_TEXT ..., MSG_ANSWER | MSG_CELL_FAILED, in the order in which they end; MSG_PROGRESS as a sign of
	 * life where nothing else was sent for a second (CPU); then MSG_OK* | MSG_FAILED*, which also fails every cell that has
	 * had no answer */
	REQ_GROUP = 4,
	/* The prompt as it would be sent.  {"system", "template", "thinking", "messages"}
	 * -> MSG_PROMPT* | MSG_FAILED* */
	REQ_RENDER = 5,
	/* Stop the stream named by the frame soon; it still ends with its final answer: MSG_FAILED "cancelled"
	 * (each unfinished cell of a group has failed with it before).  A stream that has ended is ignored. */
	REQ_CANCEL = 6,

	/* Jobs, for a worker started with --read-dir and --write-dir.  Paths are absolute; "output" is made or overwritten, never
	 * an input; what is left after a failure is the caller's to remove.  MSG_PROGRESS comes at least every second. */

	/* Write base + adapter as one model, without loading either.  "base": any part of a split model; "adapter": a LoRA GGUF,
	 * "" for none; what is not F32 becomes "type"; matrices of an F32 model too.  "name" "": as in the base.
	 * "template" "": the base's; "template_suffix", a comment, is added to the chat template where there is one.  Private memory:
	 * metadata + the largest pair of the adapter as F32 + 8 MiB for each thread.
	 * {"base", "adapter", "output", "type": "F16|BF16", "name": text, "template": text, "template_suffix": text, "n_threads": int}
	 * -> MSG_PROGRESS (step "merge") ..., MSG_OK* | MSG_FAILED* */
	REQ_MERGE = 7,
	/* Quantize with llama.cpp.  "type": a name of model/quant_types.h; "imatrix": a file of REQ_IMATRIX or llama-imatrix, ""
	 * for none; "dry_run": only the reply; its size is exact but for the keys of an importance matrix.  A quantized "input" is
	 * refused unless "allow_requantize".
	 * Cancelled: MSG_FAILED, then the worker ends with exit code 0 (llama.cpp cannot stop).
	 * {"input", "output", "type": text, "imatrix", "n_threads": int, "allow_requantize": bool, "dry_run": bool}
	 * -> MSG_PROGRESS (step "quantize") ..., MSG_OK* | MSG_FAILED* */
	REQ_QUANTIZE = 8,
	/* Collect an importance matrix from given texts on the loaded model, under "adapter": which inputs of its matrices matter.
	 * "items" as in REQ_COMPARE; prompt and answer count.  "dataset" is a name for them.
	 * {"adapter": id or 0, "output", "dataset": text, "system", "template", "thinking", "items"}
	 * -> MSG_CELL_FAILED of items that cannot be used, MSG_PROGRESS (step "imatrix") ..., MSG_OK* | MSG_FAILED* */
	REQ_IMATRIX = 9,
	/* Compare a candidate with the loaded model, under "adapter": both are fed the same prompts (rendered by the loaded model's
	 * template) and answers, and each answer token's distributions are compared.  fd, "size", "n_threads", "n_gpu_layers",
	 * "device", "paths", "use_mmap", "memory_limit": the candidate and all that REQ_LOAD knows.  An item gives "messages" or
	 * "prompt_tokens", and "answer" or its "tokens".  "spool", a path in the folder that may be written to: where both models do
	 * not fit into memory; the loaded one goes first and is freed, its rows wait there (528 bytes a token), and the
	 * divergence is a close lower bound ("approximate").
	 * {..., "adapter": id or 0, "system", "template", "thinking", "spool": path?,
	 *  "items": [{"cell": id, "messages": [..] | "prompt_tokens": [ids], "answer": text | "tokens": [ids]}...]}
	 * -> MSG_PROGRESS while loading and then (step "compare") ..., for each item MSG_COMPARED | MSG_CELL_FAILED,
	 *    MSG_OK* | MSG_FAILED* */
	REQ_COMPARE = 10,

	/* How likely given texts are on the loaded model under "adapter": "items" as in REQ_COMPARE.
	 * {"adapter": id or 0, "system", "template", "thinking", "items"}
	 * -> MSG_PROGRESS (step "likelihood") ..., for each item MSG_LIKELIHOOD | MSG_CELL_FAILED, MSG_OK* | MSG_FAILED* */
	REQ_LIKELIHOOD = 11,
	/* What the loaded model is about to write: which of two labels.  The prompt is the chat template's with what begins an
	 * answer, then "lead".  "labels": pairs, of which the first is used whose two texts are each one token more than the lead
	 * alone, and the same tokens before it; without one the request fails with err_judge_labels.  "system" goes before the user's
	 * words where the template knows no such role.  What is told of an item depends on nothing but that item.
	 * {"adapter": id or 0, "labels": [[a, b]...], "template", "thinking", "items": [{"cell": id, "system", "user", "lead"}...]}
	 * -> MSG_PROGRESS (step "judge") ..., for each item MSG_JUDGED | MSG_CELL_FAILED, MSG_OK* | MSG_FAILED* */
	REQ_JUDGE = 12,

	/* One turn of a conversation.  The worker keeps the KV state of a few conversations and computes only what is new: the
	 * longest common beginning with what it has under the same adapter is reused.  That may change near-ties against a
	 * computation from scratch, as any other batch shape may.  Where the context is full the oldest turns are left out
	 * whole (a turn: a user's message and what follows it until the next); leading system messages and the last turn stay.
	 * {"chat": id whose state is kept for its next turn, 0: none, "adapter", "kv_tokens": KV cells for all conversations,
	 *  "system", "template", "thinking", "max_tokens", "temperature", "top_p", "top_k", "min_p", "repeat_penalty",
	 *  "stop", "num_ctx": as in REQ_GROUP, "seed", "messages": [{"role","content"}...], "n_left_out": of the turn before}
	 * -> MSG_PROGRESS (of reading the prompt) ..., MSG_TEXT (its cell is the chat's id) ..., MSG_CHAT* | MSG_FAILED*.
	 * After REQ_CANCEL it ends with MSG_CHAT too: the answer so far. */
	REQ_CHAT = 20,
};

enum worker_message {
	/* stream 0, first frame.  {"version", "build": llama.cpp version, "sandbox": "full|seccomp|rlimit|none",
	 * "sandbox_detail": text, "n_threads": int,
	 * "devices": at most 16 of {"id": of llama.cpp ("CUDA0"),"name","type": "cpu|gpu|igpu|accel","memory_total","memory_free"}} */
	MSG_READY = 64,
	MSG_PROGRESS = 65, /* {"fraction": 0..1}; of jobs also "step": text, "detail": tensor or item at hand */
	/* {"architecture","description","n_params","size_bytes","n_ctx_train","n_layer","n_vocab","has_template",
	 *  "template": text,"template_hash": hex,"kv_bytes_per_token": int,
	 *  "kv_host_bytes_per_token","weights_host_bytes": the part of it in main memory,"gpu_layers": layers on GPUs, the output
	 *  counted as one,"kv_room": KV cells that there is GPU memory for, absent where none are kept there} */
	MSG_LOADED = 66,
	/* {"stats": {...}?}
	 * of a merge: {"n_tensors","n_changed","n_params","base_type": most frequent ("Q4_1"),"base_quantized": bool,
	 *  "size_bytes","wall_us","peak_rss_bytes"}
	 * of a quantization: {"size_bytes","n_params","bits_per_weight": num,"tensors": {"Q4_K": count, ...},"n_fallback": tensors
	 *  whose shape allowed only another type,"needs_imatrix": bool,"used_imatrix": bool,"wall_us","peak_rss_bytes"}
	 * of an importance matrix: {"n_items","n_tokens","n_matrices","wall_us","peak_rss_bytes"}
	 * of a comparison, over all answer tokens: {"n_items","n_tokens","mean_kld","mean_kld_se": standard error by items,
	 *  "kld_p50","kld_p90","kld_p99","kld_max","same_top": rate,"same_top_se","rms_dp": of the answer token's probability,
	 *  "nll_ref","nll_cand": sums, natural log,"ln_ppl_ratio": mean of candidate - reference,"ln_ppl_ratio_se",
	 *  "ref_tokens_per_s","cand_tokens_per_s": writing alone,"approximate": bool,"wall_us","peak_rss_bytes"}
	 * of likelihoods and labels: {"n_items": that were told,"n_tokens": that were fed,"wall_us","peak_rss_bytes"} */
	MSG_OK = 67,     /* of a group: {"n_ctx","slots","prefix_tokens","prompt_tokens","generated_tokens",
			  *  "n_guessed","n_right","prompt_us","decode_us","wall_us"}: slots that were used, prompt tokens
			  *  beside the prefix, guesses of "drafts", and a step's time split by its prompt and answer tokens */
	MSG_FAILED = 68, /* a failure */
	MSG_CALIBRATED = 69, /* {"slots": best n, "rates": [{"slots","tokens_per_s"}...]} */
	/* raw: cell id (u64 LE), a byte that is 1 for thinking and 0 for the text, then valid UTF-8 that continues it (whole characters;
	 * tags are left out).  All pieces together are what MSG_ANSWER has. */
	MSG_TEXT = 70,
	/* {"cell","text","thinking","finish":"stop|length","n_prompt","n_generated","n_thinking","tokens":[ids],
	 *  "prompt_us": from entering its slot until its first token, "total_us": until its end,
	 *  "mean_ll": mean natural-log likelihood of "tokens" before temperature and the like, null where there are none}
	 * The token that ended the answer is not in "tokens". */
	MSG_ANSWER = 71,
	MSG_CELL_FAILED = 72, /* a failure with "cell" */
	MSG_PROMPT = 73,      /* {"prompt": text, "n_tokens", "prefix_tokens"} */
	/* {"text","thinking","finish":"stop|length|cancelled","n_prompt","n_reused": prompt tokens that were kept,"n_generated",
	 *  "n_thinking","n_left_out": messages that did not fit,"n_used","n_max": tokens of the context,
	 *  "prompt_us","total_us","tokens","mean_ll": as in MSG_ANSWER} */
	MSG_CHAT = 90,
	MSG_LOG = 74,         /* stream 0, raw: one line of llama.cpp's or our own log */
	/* {"cell","n_tokens","mean_kld","max_kld","same_top": rate,"nll_ref","nll_cand": sums} */
	MSG_COMPARED = 75,
	MSG_LIKELIHOOD = 76, /* {"cell","n_tokens","log_likelihood": sum of natural logarithms} */
	/* {"cell","labels": index of the pair,"log_a","log_b": natural logarithms of their probabilities among all tokens,
	 *  "n_prompt"} */
	MSG_JUDGED = 77,
};

#endif
