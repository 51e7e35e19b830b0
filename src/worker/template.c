/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/template.h"

#include "base/limits.h"
#include "base/mem.h"
#include "worker/guard.h"

#define MESSAGES_MAX 1024
#define COLUMNS_MAX 64
#define STATE_BYTES_MAX (256 * MIB)
#define SENTINEL "zQx7assay%zuk9Vw"

struct chat_input {
	struct shim_message messages[MESSAGES_MAX];
	size_t n, bytes;
};

void tokens_release(struct tokens *t)
{
	mem_free(t->ids);
	*t = (struct tokens){ 0 };
}

/* --- messages --- */

static enum err_code read_messages(const struct column *c, const json_t *messages, struct chat_input *in,
				   struct err *err)
{
	size_t n = json_array_size(messages), i;
	const json_t *item;
	in->n = 0;
	in->bytes = strlen(c->system);
	if (n == 0 || n >= MESSAGES_MAX)
		return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "messages");
	if (c->system[0])
		in->messages[in->n++] = (struct shim_message){ "system", str_of(c->system) };
	json_array_foreach(messages, i, item) {
		const char *role = json_string_value(json_object_get(item, "role"));
		const json_t *content = json_object_get(item, "content");
		if (!role || !role[0] || strlen(role) > 32 || !json_is_string(content))
			return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "messages");
		struct str text = { json_string_value(content), json_string_length(content) };
		in->messages[in->n++] = (struct shim_message){ role, text };
		in->bytes += text.len;
	}
	if (in->bytes > LIMIT_PROMPT_BYTES)
		return err_set(err, ERR_LIMIT, "err_prompt_bytes", "bytes=%zu|limit=%llu", in->bytes, LIMIT_PROMPT_BYTES);
	return ERR_OK;
}

static enum err_code render(struct column *c, struct loaded *m, uint32_t stream, const struct chat_input *in,
			    struct buf *out, struct err *err)
{
	struct shim_why why;
	guard_begin(stream, m->memory_limit);
	bool ok = shim_chat_render(c->chat, in->messages, in->n, c->thinking, out, &why);
	guard_end();
	if (!ok)
		return err_set(err, ERR_DATA, "err_template_failed", "reason=%s", why.text);
	if (out->overflow)
		return err_set(err, ERR_LIMIT, "err_prompt_bytes", "bytes=%llu|limit=%llu", LIMIT_PROMPT_BYTES + 1,
			       LIMIT_PROMPT_BYTES);
	return ERR_OK;
}

/* --- tokens --- */

enum err_code tokens_add(struct tokens *t, const struct loaded *m, struct str text, bool add_special, bool parse_special,
			 struct err *err)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int32_t n = shim_tokenize(m->vocab, text, t->ids + t->n, t->cap - t->n, add_special, parse_special);
		if (n == INT32_MIN)
			break;
		if (n >= 0) {
			t->n += n;
			return ERR_OK;
		}
		t->cap = t->n - n;
		t->ids = mem_grow(t->ids, (size_t)t->cap * sizeof(*t->ids));
	}
	return err_set(err, ERR_DATA, "err_tokenize", "%s", "");
}

static void tokens_reserve(struct tokens *t, size_t n)
{
	if ((size_t)t->cap < n) {
		t->cap = (int)n;
		t->ids = mem_grow(t->ids, n * sizeof(*t->ids));
	}
}

/* True when `s` holds the text of a control token, or begins or ends like one, so that its neighbour could complete it. */
static bool holds_special(const struct loaded *m, struct str s)
{
	bool may = false;
	for (size_t i = 0; i < s.len && !may; i++)
		may = m->special_first[(unsigned char)s.ptr[i]];
	for (size_t k = 0; k < m->n_specials; k++) {
		struct str special = m->specials[k];
		if (may && s.len >= special.len && memmem(s.ptr, s.len, special.ptr, special.len))
			return true;
		for (size_t part = 1; part < special.len && part <= s.len; part++) {
			bool starts = memcmp(s.ptr, special.ptr + special.len - part, part) == 0;
			bool ends = memcmp(s.ptr + s.len - part, special.ptr, part) == 0;
			/* One character alone ("<", ">") is in many harmless questions and completes nothing. */
			if (part > 1 && (starts || ends))
				return true;
		}
	}
	return false;
}

/* Reads the number of a sentinel at `at`; false if there is none. */
static bool sentinel_at(struct str s, size_t at, size_t *index, size_t *len)
{
	struct str rest = { s.ptr + at, s.len - at };
	char name[40];
	for (size_t i = 0; str_starts(rest, "zQx7assay") && i < MESSAGES_MAX; i++) {
		str_format(name, sizeof(name), SENTINEL, i);
		if (str_starts(rest, name)) {
			*index = i;
			*len = strlen(name);
			return true;
		}
	}
	return false;
}

static bool starts_with(struct str s, size_t at, struct str part)
{
	return s.len - at >= part.len && memcmp(s.ptr + at, part.ptr, part.len) == 0;
}

/* Tokenizes `prompt` so that what came from the messages can give no control token.  `marked` is the prompt with a
 * sentinel in place of each content: what lies between sentinels is the template's own. */
static enum err_code tokenize_pieces(const struct loaded *m, const struct chat_input *in, struct str prompt,
				     struct str marked, struct tokens *out, struct err *err)
{
	size_t at = 0, literal = 0, index = 0, len = 0;
	if (llama_vocab_get_add_bos(m->vocab)) {
		tokens_reserve(out, 1);
		out->ids[out->n++] = llama_vocab_bos(m->vocab);
	}
	for (size_t i = 0; i <= marked.len; i++) {
		bool end = i == marked.len;
		if (!end && !sentinel_at(marked, i, &index, &len))
			continue;
		struct str own = { marked.ptr + literal, i - literal };
		if (!starts_with(prompt, at, own))
			return err_set(err, ERR_UNSUPPORTED, "err_content_special", "%s", "");
		if (tokens_add(out, m, own, false, true, err) != ERR_OK)
			return err->code;
		at += own.len;
		if (end)
			break;
		struct str content = in->messages[index].content;
		if (!starts_with(prompt, at, content))
			content = str_trim(content);
		if (!starts_with(prompt, at, content))
			return err_set(err, ERR_UNSUPPORTED, "err_content_special", "%s", "");
		if (tokens_add(out, m, content, false, false, err) != ERR_OK)
			return err->code;
		at += content.len;
		i += len - 1;
		literal = i + 1;
	}
	if (at != prompt.len)
		return err_set(err, ERR_UNSUPPORTED, "err_content_special", "%s", "");
	return ERR_OK;
}

static enum err_code tokenize_hostile(struct column *c, struct loaded *m, uint32_t stream, const struct chat_input *in,
				      struct str prompt, struct tokens *out, struct err *err)
{
	struct chat_input *marked_in = mem_alloc(sizeof(*marked_in));
	char(*names)[40] = mem_array(in->n, sizeof(*names));
	marked_in->n = in->n;
	for (size_t i = 0; i < in->n; i++) {
		str_format(names[i], sizeof(names[i]), SENTINEL, i);
		/* The system text is the owner's, but may be as wrong as a question. */
		marked_in->messages[i] = (struct shim_message){ in->messages[i].role, str_of(names[i]) };
	}
	struct buf marked = BUF_INIT(LIMIT_PROMPT_BYTES);
	enum err_code code = render(c, m, stream, marked_in, &marked, err);
	if (code == ERR_OK)
		code = tokenize_pieces(m, in, prompt, buf_str(&marked), out, err);
	buf_release(&marked);
	mem_free(names);
	mem_free(marked_in);
	return code;
}

static enum err_code bare_prompt(struct loaded *m, const struct chat_input *in, struct tokens *out, struct buf *text,
				 struct err *err)
{
	for (size_t i = 0; i < in->n; i++) {
		if (i > 0)
			buf_add_text(text, "\n\n");
		buf_add_str(text, in->messages[i].content);
	}
	return tokens_add(out, m, buf_str(text), true, false, err);
}

enum err_code column_prompt(struct column *c, struct loaded *m, uint32_t stream, const json_t *messages,
			    struct tokens *out, struct buf *text, struct err *err)
{
	struct buf own = BUF_INIT(LIMIT_PROMPT_BYTES), *prompt = text ? text : &own;
	struct chat_input *in = mem_alloc(sizeof(*in));
	bool special = false;
	out->n = 0;
	if (read_messages(c, messages, in, err) != ERR_OK)
		goto out;
	tokens_reserve(out, in->bytes / 2 + 256);
	if (!c->chat) {
		bare_prompt(m, in, out, prompt, err);
		goto out;
	}
	if (render(c, m, stream, in, prompt, err) != ERR_OK)
		goto out;
	for (size_t i = 0; i < in->n && !special; i++)
		special = holds_special(m, in->messages[i].content);
	if (special)
		tokenize_hostile(c, m, stream, in, buf_str(prompt), out, err);
	else if (tokens_add(out, m, buf_str(prompt), true, true, err) != ERR_OK)
		goto out;
out:
	if (err->code == ERR_OK && out->n == 0)
		err_set(err, ERR_DATA, "err_tokenize", "%s", "");
	mem_free(in);
	buf_release(&own);
	return err->code;
}

/* --- columns --- */

static void column_free(struct column *c)
{
	shim_chat_free(c->chat);
	buf_release(&c->rules.stops);
	buf_release(&c->rules.think_start);
	buf_release(&c->rules.think_end);
	tokens_release(&c->prefix);
	mem_free(c->state);
	mem_free(c->system);
	mem_free(c->override);
	mem_free(c);
}

static void add_tag_token(struct column *c, struct loaded *m, const char *tag)
{
	llama_token id;
	if (c->n_tag_tokens < COLUMN_TAG_TOKENS && shim_tokenize(m->vocab, str_of(tag), &id, 1, false, true) == 1 &&
	    llama_vocab_is_control(m->vocab, id))
		c->tag_tokens[c->n_tag_tokens++] = id;
}

/* Stops and thinking tags; `prompt` tells whether the template opens thinking itself. */
static void learn_traits(struct column *c, struct loaded *m, uint32_t stream, struct str prompt)
{
	struct answer_rules *r = &c->rules;
	r->stops = r->think_start = r->think_end = BUF_INIT(64 * KIB);
	if (c->chat) {
		guard_begin(stream, m->memory_limit);
		shim_chat_traits(c->chat, c->thinking, &r->stops, &r->think_start, &r->think_end);
		guard_end();
	}
	if (r->think_start.len == 0)
		buf_add(&r->think_start, "<think>", sizeof("<think>"));
	if (r->think_end.len == 0)
		buf_add(&r->think_end, "</think>", sizeof("</think>"));
	add_tag_token(c, m, r->think_start.ptr);
	for (size_t at = 0; at < r->think_end.len; at += strlen(r->think_end.ptr + at) + 1)
		add_tag_token(c, m, r->think_end.ptr + at);
	r->think_open = str_ends(str_trim(prompt), r->think_start.ptr);
}

static enum err_code dummy_prompt(struct column *c, struct loaded *m, uint32_t stream, const char *question,
				  struct tokens *out, struct buf *text, struct err *err)
{
	json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", question);
	enum err_code code = column_prompt(c, m, stream, messages, out, text, err);
	json_decref(messages);
	return code;
}

/* What two questions that share nothing have in common is what every question of the column starts with. */
static enum err_code learn_prefix(struct column *c, struct loaded *m, uint32_t stream, struct err *err)
{
	struct tokens a = { 0 }, b = { 0 };
	struct buf text = BUF_INIT(LIMIT_PROMPT_BYTES);
	if (dummy_prompt(c, m, stream, "Which of them?", &a, &text, err) == ERR_OK &&
	    dummy_prompt(c, m, stream, "7 and 8.", &b, NULL, err) == ERR_OK) {
		learn_traits(c, m, stream, buf_str(&text));
		int n = 0;
		while (n < a.n - 1 && n < b.n - 1 && a.ids[n] == b.ids[n])
			n++;
		a.n = n;
		c->prefix = a;
		a.ids = NULL;
	}
	tokens_release(&a);
	tokens_release(&b);
	buf_release(&text);
	return err->code;
}

static enum err_code open_template(struct column *c, struct loaded *m, uint32_t stream, struct err *err)
{
	const char *own = llama_model_chat_template(m->model, NULL);
	size_t bytes = c->override[0] ? strlen(c->override) : own ? strlen(own) : 0;
	if (bytes > LIMIT_TEMPLATE)
		return err_set(err, ERR_LIMIT, "err_template_size", "bytes=%zu|limit=%llu", bytes, LIMIT_TEMPLATE);
	if (bytes == 0)
		return ERR_OK;
	struct shim_why why;
	guard_begin(stream, m->memory_limit);
	c->chat = shim_chat_new(m->model, c->override, &why);
	guard_end();
	if (!c->chat)
		return err_set(err, ERR_DATA, "err_template_failed", "reason=%s", why.text);
	return ERR_OK;
}

static void drop_oldest(struct columns *all)
{
	struct column **oldest = &all->first;
	size_t n = 0;
	for (struct column **at = &all->first; *at; at = &(*at)->next) {
		n++;
		if ((*at)->used < (*oldest)->used)
			oldest = at;
	}
	if (n < COLUMNS_MAX)
		return;
	struct column *c = *oldest;
	*oldest = c->next;
	all->state_bytes -= c->state_size;
	column_free(c);
}

enum err_code column_get(struct columns *all, struct loaded *m, uint32_t stream, const json_t *request,
			 struct column **out, struct err *err)
{
	int64_t adapter = json_get_int(request, "adapter", 0, INT32_MAX, 0, err);
	const char *system = json_get_text(request, "system", "", err);
	const char *override = json_get_text(request, "template", "", err);
	bool thinking = json_get_bool(request, "thinking", false, err);
	if (err->code != ERR_OK)
		return err->code;
	for (struct column *c = all->first; c; c = c->next) {
		if (c->adapter == adapter && c->thinking == thinking && strcmp(c->system, system) == 0 &&
		    strcmp(c->override, override) == 0) {
			c->used = ++all->clock;
			*out = c;
			return ERR_OK;
		}
	}
	drop_oldest(all);
	struct column *c = mem_alloc(sizeof(*c));
	c->adapter = adapter;
	c->thinking = thinking;
	c->system = mem_strdup(system);
	c->override = mem_strdup(override);
	c->used = ++all->clock;
	if (open_template(c, m, stream, err) != ERR_OK || learn_prefix(c, m, stream, err) != ERR_OK) {
		column_free(c);
		return err->code;
	}
	c->next = all->first;
	all->first = c;
	*out = c;
	return ERR_OK;
}

int tokens_common(const struct tokens *a, const struct tokens *b, int most)
{
	int n = 0;
	most = most < a->n ? most : a->n;
	while (n < most && n < b->n - 1 && a->ids[n] == b->ids[n])
		n++;
	return n;
}

int column_shared(const struct column *c, const struct tokens *prompt)
{
	return tokens_common(&c->prefix, prompt, c->prefix.n);
}

void column_keep_state(struct columns *all, struct column *c, uint8_t *state, size_t size)
{
	while (all->state_bytes + size > STATE_BYTES_MAX) {
		struct column *oldest = NULL;
		for (struct column *o = all->first; o; o = o->next) {
			if (o->state && o != c && (!oldest || o->used < oldest->used))
				oldest = o;
		}
		if (!oldest)
			break;
		all->state_bytes -= oldest->state_size;
		mem_free(oldest->state);
		oldest->state = NULL;
		oldest->state_size = 0;
	}
	if (all->state_bytes + size > STATE_BYTES_MAX) {
		mem_free(state);
		return;
	}
	c->state = state;
	c->state_size = size;
	all->state_bytes += size;
}

void columns_release(struct columns *all)
{
	for (struct column *c; (c = all->first);) {
		all->first = c->next;
		column_free(c);
	}
	all->state_bytes = 0;
}
