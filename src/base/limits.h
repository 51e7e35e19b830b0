/* SPDX-License-Identifier: Apache-2.0
 *
 * limits - every limit of assay in one place; docs/limits.md and server/api_limits.c are the same list for users. */
#ifndef ASSAY_BASE_LIMITS_H
#define ASSAY_BASE_LIMITS_H

#define KIB 1024ULL
#define MIB (1024ULL * KIB)
#define GIB (1024ULL * MIB)

#define LIMIT_JSON_BODY (1 * MIB)
#define LIMIT_OPEN_BODY (4 * KIB) /* of a request that needs no owner: logging in, rating */
#define LIMIT_JSON_DEPTH 64
#define LIMIT_JSON_VALUES 4000000 /* in one document; about 0.4 GiB once parsed */
#define LIMIT_UPLOAD (64 * MIB)
#define LIMIT_JSON_ELEMENT (1 * MIB)
#define LIMIT_YAML_JSON (2 * LIMIT_UPLOAD) /* that a file in YAML stands for: JSON has a few more signs */
#define LIMIT_QUESTIONS 200000
#define LIMIT_QUESTION_BYTES (256 * KIB)
#define LIMIT_RECORD_BYTES (256 * KIB) /* of the other fields of a question's row */
#define LIMIT_RECORD_DEPTH (LIMIT_JSON_DEPTH - 8) /* of one of them: they are sent inside of something */
#define LIMIT_FIELDS 64 /* columns of a table in a question file; fields of its entries to choose from */
#define LIMIT_COLUMNS 16
#define LIMIT_TURNS 32 /* of a conversation in a question set */
#define LIMIT_MAX_TOKENS 32768
#define LIMIT_ANSWER_BYTES (8 * MIB)
#define LIMIT_NAME_BYTES 200
#define LIMIT_SYSTEM_BYTES (64 * KIB)
#define LIMIT_STOPS 32 /* texts that end an answer */
#define LIMIT_STOP_BYTES 256
#define LIMIT_NUM_CTX (1 << 24) /* tokens of question and answer that can be asked for */
#define LIMIT_SLOTS 64
#define LIMIT_METRIC_BYTES (256 * KIB) /* of an answer or a reference, that metrics compare */
#define LIMIT_JUDGE_TEXT (16 * KIB)     /* of a question, reference or answer, that a judge reads */
#define LIMIT_SELECTION_QUESTIONS 20000 /* of one automatic validation: their texts are held in memory */

#define LIMIT_PASSAGES 20              /* of documents given with one question */
#define LIMIT_DOCUMENT_BYTES (4 * MIB) /* of text in a document */
#define LIMIT_API_KEYS 100
#define LIMIT_RATERS 100      /* of one rating link */
#define LIMIT_VIEWERS 100     /* browsers that one share link is open in */
#define LIMIT_RATING_DAYS 90  /* that a rating or share link may be valid for */
#define LIMIT_PANELS 20       /* open rating and share links of one run */
#define LIMIT_REQUESTS_DEFAULT 10000    /* to a provider that is not of this network, in one validation, where nobody chose */
#define LIMIT_REQUESTS_CHOICE 10000000 /* the most that can be chosen */
#define LIMIT_CHAT_TOKENS 32768 /* of the context of a conversation, whatever the model could */

#define LIMIT_FRAME (16 * MIB)
#define LIMIT_FRAME_VALUES (2 * LIMIT_MAX_TOKENS) /* one for each token of an answer, and some */
#define LIMIT_GGUF_HEADER (256 * MIB)
#define LIMIT_GGUF_KEYS 65536
#define LIMIT_GGUF_TENSORS 65536
#define LIMIT_GGUF_STRING (4 * MIB)
#define LIMIT_GGUF_ARRAY (16 * MIB) /* elements */
#define LIMIT_GGUF_ALIGNMENT (64 * KIB)
#define LIMIT_VOCAB 1048576 /* tokens of a model that is converted; the largest in use have 262,208 */
#define LIMIT_TEMPLATE (256 * KIB)
#define LIMIT_TEMPLATE_MS 2000
#define LIMIT_PROMPT_BYTES (4 * MIB)
#define LIMIT_SAFETENSORS_HEADER (16 * MIB)
#define LIMIT_SAFETENSORS_TENSORS 65536
#define LIMIT_WEIGHT_FILES 1024 /* of one Hugging Face folder */
#define LIMIT_FOLDER_ENTRIES 20000
#define LIMIT_SCAN_ENTRIES 200000 /* of all folders of one scan */
#define LIMIT_MODEL_CACHE (200 * GIB) /* of converted models; those unused for longest go first */

#define LIMIT_STREAM_LINE (1 * MIB) /* of what a provider sends */
#define LIMIT_REMOTE_MODELS 10000   /* of one provider */
#define LIMIT_ADAPTERS 64           /* of a fine-tuned model, loaded into a provider at once */
#define LIMIT_REMOTE_TRIES 6        /* of one question */
#define LIMIT_KEY_BYTES 4096        /* of a provider */
#define LIMIT_CA_FILE (4 * MIB)     /* certificates of authorities for one provider */
#define LIMIT_HUB_REPLY (16 * MIB)  /* of what a hub tells of a model */
#define LIMIT_HUB_FILES 20000       /* of a model on a hub */
#define LIMIT_HUB_CHOICES 1000      /* of what can be had of it */
#define LIMIT_HUB_FILE_BYTES (64 * 1024 * GIB)
#define LIMIT_DOWNLOADS 100         /* unfinished or told of */
#define LIMIT_SSE_CLIENTS 200
#define LIMIT_SSE_QUEUE (256 * KIB)
#define LIMIT_HEAD_BYTES (32 * KIB) /* request line and header fields; also the library's buffer for a connection */
#define LIMIT_HEAD_FIELDS 64
#define LIMIT_ADDRESS_CONNECTIONS 300 /* of one address, of those of a listener */
#define LIMIT_GUEST_REQUESTS 20      /* a second, of one who was invited; ten times as many at once */
#define LIMIT_ADDRESS_REQUESTS 200   /* the same of one address of the network */
#define LIMIT_CONNECTIONS 512 /* of a listener; all together leave a quarter of the descriptors to files and workers, and at least: */
#define LIMIT_OWN_FILES 40
#define LIMIT_FILES_LEAST 64 /* descriptors that there must be */

#endif
