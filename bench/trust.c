/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/trust - is automatic validation right as often as it says?  The code that decides for users, in worlds where it is known
 * which model is best and what the judge is worth (tests/support/judge_world.h says how they are made).
 *
 *     bench_trust [SEED [PERCENT]]     seed 1 and 100 % of the runs by default
 *
 * Prints a line for each goal: what, wanted, seen, how many runs; ends with 1 where one is missed. */
#include <stdio.h>

#include "judge/plan.h"
#include "judge/rating.h"
#include "metric/sequential.h"
#include "support/stub_judges.h"

#define MODELS 6
#define AGREEMENT 0.72

static uint64_t base_seed = 1;
static int percent = 100, n_missed;

static int runs_of(int n)
{
	return n * percent / 100 > 0 ? n * percent / 100 : 1;
}

static uint64_t seed_of(int goal, int run)
{
	return base_seed * 0x9E3779B97F4A7C15u + (uint64_t)goal * 0x100000001u + (uint64_t)run * 0x10001u;
}

static void line(const char *goal, bool is_met, double seen, const char *wanted, int n)
{
	printf("%-78s %8.4f  %-22s %5d  %s\n", goal, seen, wanted, n, is_met ? "ok" : "MISSED");
	fflush(stdout);
	n_missed += !is_met;
}

static void note(const char *what, double seen, int n)
{
	printf("%-78s %8.4f  %-22s %5d\n", what, seen, "", n);
}

static double upper(int k, int n)
{
	return interval_wilson(k, n, 0.95).high;
}

static double share(int k, int n)
{
	return (double)k / n;
}

/* --- G1: the planted best --- */

/* The first epoch that is not proven worse than the best: what a rule would choose that asks for proof. */
static size_t earliest_in_set(const struct decision *d)
{
	for (size_t c = 1; c < MODELS; c++)
		if (d->candidates[c].is_in_best_set)
			return c;
	return d->best;
}

static void planted_best(void)
{
	static const size_t QUESTIONS[] = { 50, 100, 250 };
	char text[128];

	for (size_t k = 0; k < 3; k++) {
		int n = runs_of(1000), found = 0, earliest = 0, proven = 0;
		for (int i = 0; i < n; i++) {
			struct world w = { QUESTIONS[k], MODELS, { 0 }, AGREEMENT, 0.5, false };
			size_t planted = 1 + (size_t)i % (MODELS - 1);
			w.mu[planted] = world_lead(0.6);
			struct decision d = world_decide(&w, seed_of(10 + (int)k, i));
			found += d.recommended == planted;
			earliest += earliest_in_set(&d) == planted;
			proven += d.candidates[planted].beats_base;
		}
		snprintf(text, sizeof text, "G1  planted best (60 %% against each) is recommended, %zu questions", QUESTIONS[k]);
		if (QUESTIONS[k] == 250)
			line(text, share(found, n) >= 0.95, share(found, n), ">= .95", n);
		else
			note(text, share(found, n), n);
		note("      it is proven better than the base model", share(proven, n), n);
		note("      \"the earliest not proven worse than the best\" would have found it", share(earliest, n), n);
	}
}

static void planted_curve(void)
{
	int n = runs_of(1000), near = 0, exact = 0;

	for (int i = 0; i < n; i++) {
		struct world w = { 100, MODELS, { 0 }, AGREEMENT, 0.5, false };
		int planted = 1 + i % (MODELS - 1);
		for (int c = 0; c < MODELS; c++)
			w.mu[c] = -world_lead(0.6) * abs(c - planted);
		int seen = (int)world_decide(&w, seed_of(20, i)).recommended;
		exact += seen == planted;
		near += abs(seen - planted) <= 1;
	}
	note("G1  best of a curve (60 % against its neighbours), 100 questions", share(exact, n), n);
	line("G1  the same, within one epoch", share(near, n) >= 0.99, share(near, n), ">= .99", n);
}

/* --- G2: false alarms --- */

static void false_alarms(void)
{
	static const double BIASES[] = { 0, 0.5, 1.5 };
	char text[128];

	for (int k = 0; k < 3; k++) {
		int n = runs_of(2000), beats_base = 0, beats_all = 0;
		for (int i = 0; i < n; i++) {
			struct world w = { 100, MODELS, { 0 }, AGREEMENT, BIASES[k], false };
			struct decision d = world_decide(&w, seed_of(30 + k, i));
			bool any = false, all = true;
			for (size_t c = 0; c < MODELS; c++) {
				any = any || d.candidates[c].beats_base;
				all = all && (c == d.best || !d.candidates[c].is_in_best_set);
			}
			beats_base += any;
			beats_all += all;
		}
		snprintf(text, sizeof text, "G2  all equal, 100 questions, slot bias %.1f: some epoch \"beats base\" (upper bound)", BIASES[k]);
		line(text, share(beats_base, n) <= 0.05 && upper(beats_base, n) <= 0.065, upper(beats_base, n), "<= .065", n);
		note("      share", share(beats_base, n), n);
		line("      one \"beats all\" (upper bound)", upper(beats_all, n) <= 0.065, upper(beats_all, n), "<= .065", n);
	}
	int n = runs_of(500), alarms = 0;
	for (int i = 0; i < n; i++) {
		struct world w = { 100, MODELS, { 0 }, AGREEMENT, 0.5, true };
		struct decision d = world_decide(&w, seed_of(35, i));
		for (size_t c = 1; c < MODELS; c++)
			if (d.candidates[c].p_base <= DECISION_ALPHA) {
				alarms++;
				break;
			}
	}
	note("    the same with answers read in one order only, slot bias 0.5 (why both are read)", share(alarms, n), n);
}

/* --- G3: looking after every vote --- */

static void peeking(void)
{
	int n = runs_of(2000), stops = 0, soft_stops = 0;

	for (int i = 0; i < n; i++) {
		struct splitmix dice = { seed_of(40, i) };
		struct betting bet = betting_start(0.5, 0.05);
		double wins = 0;
		bool stopped = false, soft_stopped = false;
		for (int vote = 1; vote <= 500; vote++) {
			double x = world_uniform(&dice);
			wins += x > 0.5;
			stopped = stopped || e_process_log(wins, vote, 0.5, E_PROCESS_PRIOR, E_PROCESS_PRIOR) >= log(20);
			soft_stopped = betting_add(&bet, x) >= log(20) || soft_stopped;
		}
		stops += stopped;
		soft_stops += soft_stopped;
	}
	line("G3  \"enough votes\" among equals, a look after each of 500 votes", share(stops, n) <= 0.05, share(stops, n), "<= .05", n);
	line("G3  the same for soft scores", share(soft_stops, n) <= 0.05, share(soft_stops, n), "<= .05", n);
}

/* Looks at the race every 10 questions; true where somebody was dropped. */
static bool race(const struct world *w, uint64_t seed, bool is_dropped[EVIDENCE_CANDIDATES_MAX])
{
	struct splitmix dice = { seed };
	struct evidence e = { .n_candidates = w->n_models, .base = 0, .epoch = WORLD_EPOCHS, .has_judge = true, .judge_is_fit = true };
	struct judged_pair *pairs = world_judge(w, &dice, &e.n_pairs);
	size_t n_dropped = 0, n_all = e.n_pairs;

	e.pairs = pairs;
	for (size_t n = PLAN_QUESTIONS_MIN; n <= w->n_questions; n += 10) {
		e.n_questions = n;
		e.n_pairs = n_all * n / w->n_questions;
		n_dropped += plan_race(&e, is_dropped);
	}
	mem_free(pairs);
	return n_dropped > 0;
}

static void racing(void)
{
	int n = runs_of(500), dropped = 0, lost = 0, saved = 0;

	for (int i = 0; i < n; i++) {
		struct world equal = { 300, MODELS, { 0 }, AGREEMENT, 0.5, false }, curve = equal;
		bool is_dropped[EVIDENCE_CANDIDATES_MAX] = { false };
		dropped += race(&equal, seed_of(41, i), is_dropped);
		memset(is_dropped, 0, sizeof is_dropped);
		size_t planted = 1 + (size_t)i % (MODELS - 1);
		for (size_t c = 0; c < MODELS; c++)
			curve.mu[c] = -world_lead(0.6) * fabs((double)c - (double)planted);
		race(&curve, seed_of(42, i), is_dropped);
		lost += is_dropped[planted];
		for (size_t c = 0; c < MODELS; c++)
			saved += is_dropped[c];
	}
	line("G3  racing drops somebody among equals, a look each 10 of 300 questions", share(dropped, n) <= 0.05, share(dropped, n), "<= .05", n);
	line("      the best of a curve is dropped", share(lost, n) <= 0.01, share(lost, n), "<= .01", n);
	note("      candidates of 6 dropped on the curve, mean", share(saved, n), n);
}

/* --- ending early --- */

/* Asks in rounds and ends where plan_is_settled() says so; the decision that users get then. */
static struct decision settle(const struct world *w, uint64_t seed, size_t *n_asked)
{
	struct splitmix dice = { seed };
	struct evidence e = { .n_questions = PLAN_QUESTIONS_MIN, .n_candidates = w->n_models, .base = 0, .epoch = WORLD_EPOCHS, .has_judge = true, .judge_is_fit = true };
	struct judged_pair *pairs = world_judge(w, &dice, &e.n_pairs);
	size_t n_pairs = e.n_pairs / w->n_questions;
	bool nobody[EVIDENCE_CANDIDATES_MAX] = { false };
	struct decision_context context = { .n_planned = w->n_questions };
	struct bootstrap_options options = bootstrap_defaults();
	struct decision d;

	e.pairs = pairs;
	while (!(context.is_settled = plan_is_settled(&e, nobody)) && e.n_questions < w->n_questions)
		e.n_questions += plan_round(e.n_questions, w->n_questions - e.n_questions);
	e.n_pairs = e.n_questions * n_pairs;
	e.n_selection = context.is_settled ? e.n_questions - DECISION_FRESH_MIN : 0;
	if (!decision_make(&e, &context, &options, &d))
		abort();
	mem_free(pairs);
	*n_asked = e.n_questions;
	return d;
}

static void ending_early(void)
{
	int n = runs_of(1000), stops = 0, alarms = 0, early = 0, right = 0;
	double asked = 0, rate = 0, seen = 0;
	size_t n_asked;

	for (int i = 0; i < n; i++) {
		struct world w = { 300, MODELS, { 0 }, AGREEMENT, 0.5, false };
		struct decision d = settle(&w, seed_of(45, i), &n_asked);
		bool any = false;
		for (size_t c = 1; c < MODELS; c++)
			any = any || d.candidates[c].beats_base;
		stops += n_asked < w.n_questions;
		alarms += any;
	}
	line("G3  equals end early because \"more would not change the result\"", share(stops, n) <= 0.05, share(stops, n), "<= .05", n);
	line("G2  the same: some epoch \"beats base\" when it ends (upper bound)", upper(alarms, n) <= 0.065, upper(alarms, n), "<= .065", n);
	for (int i = 0; i < n; i++) {
		struct world w = { 300, MODELS, { 0 }, AGREEMENT, 0.5, false }, many = w;
		size_t planted = 1 + (size_t)i % (MODELS - 1);
		w.mu[planted] = many.mu[planted] = world_lead(0.75);
		struct decision d = settle(&w, seed_of(46, i), &n_asked);
		if (n_asked == w.n_questions)
			continue;
		early++;
		right += d.recommended == planted;
		asked += (double)n_asked;
		seen += d.win_rate;
		rate += world_decide(&many, seed_of(47, i)).win_rate; /* 300 other questions */
	}
	line("G1  ended early: the planted best (75 % against each) is recommended", early && share(right, early) >= 0.99, share(right, early), ">= .99", early);
	line("      its win rate less that of 300 other questions", fabs((seen - rate) / early) <= 0.01, (seen - rate) / early, "-.01 to .01", early);
	note("      questions asked of 300, mean", asked / early, early);
}

/* --- rating sessions --- */

#define RATED 100 /* questions there are to rate */

/* A person rates what rating_plan_make() asks for until it is enough, and likes the best answer and those that are nearly as good;
 * the decision by these thumbs alone. */
static struct decision rate(const double mu[MODELS], uint64_t seed, size_t *n_rated)
{
	static const char *const WORDS[MODELS] = { "one", "two", "three", "four", "five", "six" };
	static char texts[RATED][16];
	struct splitmix dice = { seed };
	double *thumbs = mem_array(RATED * MODELS, sizeof *thumbs);
	struct str questions[RATED], answers[RATED * MODELS];
	struct evidence e = { .n_questions = RATED, .n_candidates = MODELS, .base = 0, .epoch = WORLD_EPOCHS, .thumbs = thumbs };
	struct decision_context context = { .n_planned = RATED };
	struct bootstrap_options options = bootstrap_defaults();
	struct rating_plan plan;
	struct decision d;

	for (size_t i = 0; i < RATED * MODELS; i++) {
		snprintf(texts[i / MODELS], sizeof *texts, "q%zu", i / MODELS);
		questions[i / MODELS] = str_of(texts[i / MODELS]);
		answers[i] = str_of(WORDS[i % MODELS]);
		thumbs[i] = NAN;
	}
	while ((plan = rating_plan_make(&(struct rating_request){ &e, questions, answers })).n_more > 0) {
		double quality[MODELS], best = -INFINITY;
		for (size_t c = 0; c < MODELS; c++) {
			quality[c] = mu[c] + world_normal(&dice);
			best = fmax(best, quality[c]);
		}
		for (size_t c = 0; c < MODELS; c++)
			thumbs[plan.questions[0] * MODELS + c] = quality[c] > best - 0.3;
	}
	*n_rated = plan.n_rated;
	if (!decision_make(&e, &context, &options, &d))
		abort();
	mem_free(thumbs);
	return d;
}

static void rating_sessions(void)
{
	int n = runs_of(500), alarms = 0, right = 0;
	double equal[MODELS] = { 0 }, asked = 0;
	size_t n_rated;

	for (int i = 0; i < n; i++) {
		struct decision d = rate(equal, seed_of(48, i), &n_rated);
		bool any = false;
		for (size_t c = 1; c < MODELS; c++)
			any = any || d.candidates[c].beats_base;
		alarms += any;
		double mu[MODELS] = { 0 };
		size_t planted = 1 + (size_t)i % (MODELS - 1);
		mu[planted] = world_lead(0.8);
		right += rate(mu, seed_of(49, i), &n_rated).recommended == planted;
		asked += (double)n_rated;
	}
	line("G2  a rating session among equals: some epoch \"beats base\" when it ends", share(alarms, n) <= 0.05, share(alarms, n), "<= .05", n);
	line("G1  the planted best (80 % against each) is recommended after a rating session", share(right, n) >= 0.95, share(right, n), ">= .95", n);
	note("      questions rated, mean", asked / n, n);
}

/* --- G4: intervals --- */

static bool wilson_covers(struct splitmix *dice, size_t n)
{
	double p = 0.3 + 0.4 * world_uniform(dice), k = 0;

	for (size_t i = 0; i < n; i++)
		k += world_uniform(dice) < p;
	struct interval in = interval_wilson(k, (double)n, 0.95);
	return in.low <= p && p <= in.high;
}

/* n questions of 1 to 4 scores each, which have their question in common; the mean of all is 0. */
static bool bootstrap_covers(struct splitmix *dice, size_t n, uint64_t seed)
{
	double *values = mem_array(4 * n, sizeof *values);
	uint32_t *clusters = mem_array(4 * n, sizeof *clusters);
	struct bootstrap_options options = bootstrap_defaults();
	struct bootstrap b;
	size_t n_values = 0;

	for (size_t q = 0; q < n; q++) {
		double question = world_normal(dice);
		for (size_t k = 1 + splitmix_below(dice, 4); k > 0; k--) {
			values[n_values] = tanh(question + world_normal(dice));
			clusters[n_values++] = (uint32_t)q;
		}
	}
	options.seed = seed;
	options.confidence = contrast_confidence(n);
	bool done = bootstrap_mean(values, clusters, n_values, n, &options, &b);
	mem_free(values);
	mem_free(clusters);
	return done && b.interval.low <= 0 && b.interval.high >= 0;
}

static void coverage(void)
{
	static const size_t SIZES[] = { 30, 100, 300 };
	char text[128];

	for (int k = 0; k < 3; k++) {
		int n = runs_of(4000), wilson = 0, bootstrap = 0;
		struct splitmix dice = { seed_of(50 + k, 0) };
		for (int i = 0; i < n; i++) {
			wilson += wilson_covers(&dice, SIZES[k]);
			bootstrap += bootstrap_covers(&dice, SIZES[k], seed_of(55 + k, i));
		}
		snprintf(text, sizeof text, "G4  95 %% intervals cover, n = %zu: win rate (Wilson)", SIZES[k]);
		line(text, fabs(share(wilson, n) - 0.95) <= 0.02, share(wilson, n), ".93 to .97", n);
		line("      score (bootstrap of questions with 1 to 4 values)", fabs(share(bootstrap, n) - 0.95) <= 0.02, share(bootstrap, n), ".93 to .97", n);
	}
}

/* --- G8: unfit judges --- */

static void unfit_judges(void)
{
	static const char *const NAMES[] = { "random", "always A", "longest answer", "inverted", ".80 agreement" };
	char text[128];

	for (int judge = 0; judge < STUB_COUNT; judge++) {
		int n = runs_of(500), fit = 0;
		for (int i = 0; i < n; i++)
			fit += stub_exam((enum stub_judge)judge, seed_of(60 + judge, i)).is_fit;
		bool is_good = judge == STUB_GOOD;
		snprintf(text, sizeof text, "G8  judge \"%s\" %s", NAMES[judge], is_good ? "passes" : "fails");
		double seen = is_good ? share(fit, n) : share(n - fit, n);
		line(text, seen >= (is_good ? 0.95 : 0.99), seen, is_good ? ">= .95" : ">= .99", n);
	}
}

/* --- G13: honesty --- */

/* Share of ties between equals, and the lead with which the judge sees `rate` of the decisive questions won. */
static double tie_share(double bias)
{
	double sd = sqrt(2 + world_noise(AGREEMENT) * world_noise(AGREEMENT));

	return 1 - 2 * normal_above(bias / sd);
}

static double lead_seen_as(double rate, double bias)
{
	double sd = sqrt(2 + world_noise(AGREEMENT) * world_noise(AGREEMENT)), low = 0, high = 5;

	for (int i = 0; i < 60; i++) {
		double lead = (low + high) / 2, won = normal_above((bias - lead) / sd), lost = normal_above((bias + lead) / sd);
		if (won / (won + lost) < rate)
			low = lead;
		else
			high = lead;
	}
	return low;
}

static void honesty(void)
{
	static const double BIASES[] = { 0, 0.5, 1.5 };
	char text[128];

	for (int k = 0; k < 3; k++) {
		int n = runs_of(1000), undecided = 0, close = 0, kept = 0;
		size_t wanted = decision_questions_for(DECISION_WIN_RATE, tie_share(BIASES[k]));
		for (int i = 0; i < n; i++) {
			struct world w = { 50, MODELS, { 0 }, AGREEMENT, BIASES[k], false };
			struct decision d = world_decide(&w, seed_of(70 + k, i));
			undecided += d.kind == DECISION_UNDECIDED;
			close += d.kind == DECISION_UNDECIDED && fabs((double)(50 + d.more_questions) - (double)wanted) <= 0.15 * (double)wanted;
		}
		snprintf(text, sizeof text, "G13 50 equal questions, slot bias %.1f: \"no clear winner\"", BIASES[k]);
		line(text, share(undecided, n) >= 0.95, share(undecided, n), ">= .95", n);
		snprintf(text, sizeof text, "      of those: questions needed within 15 %% of %zu", wanted);
		line(text, undecided && share(close, undecided) >= 0.95, undecided ? share(close, undecided) : 0, ">= .95", undecided);
		n = runs_of(300);
		for (int i = 0; i < n; i++) {
			struct world w = { wanted, MODELS, { 0 }, AGREEMENT, BIASES[k], false };
			w.mu[3] = lead_seen_as(DECISION_WIN_RATE, BIASES[k]);
			kept += world_decide(&w, seed_of(75 + k, i)).candidates[3].beats_base;
		}
		snprintf(text, sizeof text, "      promise kept: with %zu questions a 60:40 difference is settled", wanted);
		line(text, share(kept, n) >= 0.75, share(kept, n), ">= .75 (.80 planned)", n);
	}
}

/* --- G14: "first in 90 of 100 draws" --- */

static void calibration(void)
{
	static const double RATES[] = { 0.52, 0.55, 0.6, 0.65 };
	static const size_t QUESTIONS[] = { 50, 100, 200, 400 };
	int n = runs_of(100), said = 0, right = 0, high = 0, high_right = 0;

	for (int cell = 0; cell < 16; cell++)
		for (int i = 0; i < n; i++) {
			struct world w = { QUESTIONS[cell % 4], MODELS, { 0 }, AGREEMENT, 0.5, false };
			size_t planted = 1 + (size_t)i % (MODELS - 1);
			w.mu[planted] = world_lead(RATES[cell / 4]);
			struct decision d = world_decide(&w, seed_of(80 + cell, i));
			bool says = d.candidates[d.best].first >= 0.9, is_high = d.level >= LEVEL_HIGH;
			said += says;
			right += says && d.best == planted;
			high += is_high;
			high_right += is_high && d.recommended == planted;
		}
	line("G14 \"first in >= 90 of 100 draws\" is the planted best, all sizes together", said && share(right, said) >= 0.9, said ? share(right, said) : 0, ">= .90", said);
	line("      level high or very high: the recommended is the planted best", high && share(high_right, high) >= 0.9, high ? share(high_right, high) : 0, ">= .90", high);
}

int main(int argc, char **argv)
{
	uint64_t share_of_runs = 100;

	if ((argc > 1 && !str_to_u64(str_of(argv[1]), &base_seed)) || (argc > 2 && !str_to_u64(str_of(argv[2]), &share_of_runs)) || share_of_runs > 1000) {
		fputs("usage: bench_trust [SEED [PERCENT]]\n", stderr);
		return 2;
	}
	percent = (int)share_of_runs;
	printf("seed %llu, %d %% of the runs\n%-78s %8s  %-22s %5s\n", (unsigned long long)base_seed, percent, "goal", "seen", "wanted", "runs");
	unfit_judges();
	peeking();
	coverage();
	racing();
	ending_early();
	rating_sessions();
	honesty();
	calibration();
	false_alarms();
	planted_curve();
	planted_best();
	return n_missed != 0;
}
