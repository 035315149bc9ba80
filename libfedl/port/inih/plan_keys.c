/* SPDX-License-Identifier: Apache-2.0 */
#include "inih/plan_keys.h"

#include "inih/plan_draft.h"

#include <stdio.h>
#include <string.h>

#define IN(home, type, field) home, offsetof(type, field), sizeof(((type *)0)->field)
#define TASK(field)           IN(PLAN_HOME_TASK, fedl_task_config, field)
#define DATA(field)           IN(PLAN_HOME_DATA, fedl_data_config, field)
#define DRAFT(field)          IN(PLAN_HOME_DRAFT, plan_draft, field)
#define U32_MAX               "4294967295"

/* clang-format off */
const plan_key plan_keys[] = {
    {"task", "name", PLAN_TEXT, NULL, NULL, "!", TASK(name), "Name of the task: letters, digits, `-`, `_` and `.`; unique on a server."},

    {"model", "inputs", PLAN_INT, "1", "65536", "=the number of columns with `format = csv`, else required", TASK(plan.model.input_count), "Number of inputs of the first layer."},
    {"model", "input_exp", PLAN_INT, "-40", "20", "=-7 for idx (pixels 0 … 1), -5 for csv (±4 scales)", TASK(plan.model.input_exp), "Inputs are 8-bit mantissas times 2^input_exp."},
    {"model", "layers", PLAN_LAYERS, NULL, NULL, "!", TASK(plan.model.layer_count), "The layers from input to output, at most 16: `dense N` (N outputs) and `relu`, separated by commas. The first and the last are dense, a relu follows a dense."},
    {"model", "weight_exp", PLAN_INT, "-15", "-8", "-14", DRAFT(weight_exp), "Weights are 16-bit mantissas times 2^weight_exp: -14 gives a range of ±2."},
    {"model", "output_weight_exp", PLAN_INT, "-15", "-8", "-13", DRAFT(output_weight_exp), "The same for the last layer, whose weights grow larger."},
    {"model", "loss", PLAN_CHOICE, "softmax=1|mse=2", NULL, "softmax", TASK(plan.model.loss), "`softmax`: classes, cross-entropy. `mse`: one number, squared error."},

    {"train", "epochs", PLAN_INT, "1", "1000", "1", TASK(plan.train.local_epochs), "Passes over a device's rows per round."},
    {"train", "batch", PLAN_INT, "1", "1024", "16", TASK(plan.train.batch_rows), "Rows per step."},
    {"train", "lr", PLAN_Q24, "0.0000001", "16", "0.1", TASK(plan.train.lr_q24), "Learning rate on the devices."},
    {"train", "prox_mu", PLAN_Q16, "0", "65535", "0", TASK(plan.train.prox_mu_q16), "FedProx term μ, which holds devices near the round's model; 0 = plain SGD. lr · μ ≤ 1."},
    {"train", "seed", PLAN_INT, "0", U32_MAX, "1", TASK(plan.run_seed), "Seeds initialisation, shuffles and rounding: the same seed gives the same model, bit for bit."},

    {"round", "rounds", PLAN_INT, "1", "1000000", "!", TASK(round.round_count), "Rounds until the task is complete."},
    {"round", "clients", PLAN_INT, "1", "65535", "!", TASK(round.clients_goal), "Reports that close a round."},
    {"round", "min_reports", PLAN_INT, "1", "65535", "=half of clients, rounded up; masked: at least min_cohort", TASK(round.reports_min), "Fewest reports that still make a new version when the deadline comes."},
    {"round", "expected_dropout", PLAN_PERCENT, "0%", "90%", "0%", TASK(dropout_permille), "Share of the chosen devices that usually do not report; sets the default of select."},
    {"round", "select", PLAN_INT, "1", "1000000", "=as many that clients of them report in 999 of 1000 rounds, given expected_dropout", TASK(round.select_count), "Devices that are asked to train."},
    {"round", "pool", PLAN_INT, "1", "1000000", "=select", TASK(round.pool_min), "Devices that must have checked in before any are chosen."},
    {"round", "pool_timeout", PLAN_DURATION, "0", "7d", "30s", TASK(round.pool_timeout_ms), "Wait no longer than this for the pool once clients devices are there; 0 = for ever."},
    {"round", "deadline", PLAN_DURATION, "1ms", "7d", "10m", TASK(round.deadline_ms), "From the choice of devices to the last update; the steps of masked rounds behind it have `step_timeout` each."},
    {"round", "attempts", PLAN_INT, "1", "100", "3", TASK(round.attempt_max), "Attempts at a round before the task pauses."},
    {"round", "retry", PLAN_DURATION, "0", "7d", "10s", TASK(round.retry_ms), "Pause before the next attempt; also what devices that were not chosen are told to wait."},

    {"aggregation", "mode", PLAN_CHOICE, "plain=1|masked=2|helper=3", NULL, "masked", TASK(plan.aggregation), "`plain`: updates are clipped and encrypted to the server, which sees each of them. `masked`: the server sees sums over at least min_cohort devices, no single update. `helper`: the same, with less work for the devices; a second party, which must not collude with the server, takes the masks off."},
    {"aggregation", "optimiser", PLAN_CHOICE, "fedavg=1", "fedavgm|fedadam|fedyogi|fedadagrad", "fedavg", TASK(round.agg_kind), "What the server does with the mean update: `fedavg` adds it."},
    {"aggregation", "server_lr", PLAN_Q16, "0.0001", "16", "1", TASK(round.server_lr_q16), "Server learning rate: the mean update is multiplied by it."},
    {"aggregation", "clip", PLAN_Q16, "0.0001", "65535", "4", TASK(plan.update.clip_q16), "Largest L2 norm of a device's update; longer ones are shortened to it."},
    {"aggregation", "ring_bits", PLAN_CHOICE, "8=8|16=16|24=24|32=32", NULL, "16", TASK(plan.update.ring_bits), "Bits per parameter of an upload."},
    {"aggregation", "update_exp", PLAN_INT, "-20", "-4", "-11", TASK(plan.update.update_exp), "Updates are sent as whole multiples of 2^update_exp."},
    {"aggregation", "clients_max", PLAN_INT, "1", "65535", "=clients", TASK(plan.update.clients_max), "Most devices in one sum. A coordinate may be (2^(ring_bits-1) - 1) / (clients_max · w_max) steps."},
    {"aggregation", "w_unit", PLAN_INT, "0", U32_MAX, "0", TASK(plan.update.w_unit), "Rows per unit of weight: a device with n rows weighs n / w_unit, rounded, from 1 to w_max; 0 = all weigh the same."},
    {"aggregation", "w_max", PLAN_INT, "1", "255", "=1 when w_unit is 0, else 8", TASK(plan.update.w_max), "Largest weight of a device, so that none drowns the others."},
    {"aggregation", "trust", PLAN_CHOICE, "curious=1|active=2", NULL, "curious", TASK(plan.secagg.trust), "masked: what the server is trusted to do. `curious`: it follows the protocol and looks at everything. `active`: it may lie; devices compare what they were shown before they help to unmask."},
    {"aggregation", "min_cohort", PLAN_INT, "3", "65535", "=5, or two more than the devices that may collude when that is more, or clients when that is less", TASK(plan.secagg.min_cohort), "masked: fewest devices in a sum that the server gets to see."},
    {"aggregation", "gamma", PLAN_PERCENT, "0%", "33.3%", "10%", TASK(plan.secagg.gamma_permille), "masked: largest share of a cohort that may collude with the server; at least one device is reckoned with."},
    {"aggregation", "step_dropout", PLAN_PERCENT, "0%", "40%", "5%", TASK(plan.secagg.delta_permille), "masked: largest share of a cohort that may vanish after training, while the sum is made. gamma + 2 · step_dropout is below 100%."},
    {"aggregation", "step_timeout", PLAN_DURATION, "1ms", "7d", "30s", TASK(plan.secagg.step_ms), "masked: how long the server waits for slow devices in each step after training."},
    {"aggregation", "epoch_rounds", PLAN_INT, "1", "1024", "64", TASK(plan.secagg.epoch_rounds), "masked: rounds until devices make new mask keys. A new key costs every pair of neighbours one key agreement."},

    {"privacy", "mode", PLAN_CHOICE, "none=1|distributed=2|central=3", NULL, "none", TASK(plan.privacy.mode), "Differential privacy; `distributed`: each device adds its part of the noise before its update is masked. `central`: the server, which is trusted to do so, adds it to the sum."},
    {"privacy", "sigma", PLAN_Q16, "0.0625", "4095", "=required with a mode", DRAFT(sigma_q16), "Standard deviation of the noise in steps of 2^update_exp: distributed: of each device, from 2 to 256; central: of the sum."},
    {"privacy", "epsilon", PLAN_REAL, "0.001", "1000", "=required with a mode", DRAFT(epsilon), "Budget of the whole task: no round begins that would take it beyond (epsilon, delta)-differential privacy of a device."},
    {"privacy", "delta", PLAN_REAL, "0.000000000001", "0.1", "0.000001", TASK(privacy_delta), "The delta that goes with epsilon; far below one in the number of devices."},
    {"privacy", "rotate", PLAN_CHOICE, "yes=1|no=0", NULL, "=yes where each device adds noise", TASK(plan.privacy.rotate), "Spread each update evenly over its coordinates before it is rounded, so that fewer are cut."},
    {"privacy", "adaptive_clip", PLAN_CHOICE, "yes=1|no=0", NULL, "no", TASK(plan.privacy.adaptive_clip), "Let the clip norm follow the devices' norms, from clip on and within a factor of 16 of it. What one device can do to a sum stays as it is."},
    {"privacy", "quantile", PLAN_PERCENT, "0.1%", "99.9%", "50%", DRAFT(quantile_permille), "adaptive_clip: the share of devices that are not clipped."},
    {"privacy", "quantile_sigma", PLAN_Q16, "0.0625", "4095", "=a twentieth of clients in the sum, but 5 at least, and 2 at least a device", DRAFT(quantile_sigma_q16), "adaptive_clip: standard deviation of the noise of how many devices were clipped: distributed: of each device, from 2 to 256; central: of the sum. It costs epsilon, too."},

    {"data", "format", PLAN_CHOICE, "idx=1|csv=2", NULL, "!", DATA(format), "`idx`: images and labels as in MNIST. `csv`: a table."},
    {"data", "header", PLAN_CHOICE, "yes=1|no=0", NULL, "yes", DATA(header), "csv: the first line holds column names. Without one, columns are called `#0`, `#1`, …"},
    {"data", "separator", PLAN_CHOICE, "comma=44|semicolon=59|tab=9|space=32", NULL, "comma", DATA(separator), "csv: what stands between two fields."},
    {"data", "label", PLAN_TEXT, NULL, NULL, "=required with `format = csv`", DATA(label_column), "csv: the column to predict."},
    {"data", "classes", PLAN_CLASSES, NULL, NULL, "=labels are the numbers 0, 1, …", DATA(class_count), "csv: label texts in class order, separated by commas, at most 32."},
    {"data", "column", PLAN_COLUMN, NULL, NULL, "=at least one with `format = csv`", DATA(column_count), "csv: `column NAME = MEAN, SCALE` makes column NAME an input, (value - MEAN) / SCALE. One line per input, in input order, at most 256."},

    {"eval", "holdout", PLAN_PERCENT, "0%", "50%", "0%", TASK(plan.holdout_permille), "Part of each device's rows that is kept for evaluation and never trained on."},
    {"eval", "every", PLAN_INT, "1", "1000000", "1", TASK(experiment.eval_every_rounds), "fedl-sim: evaluate on the test file every so many rounds."},

    {"experiment", "train", PLAN_PATH, NULL, NULL, "=none", TASK(experiment.train_path), "Training rows (idx: the images) that are spread over the simulated devices."},
    {"experiment", "train_labels", PLAN_PATH, NULL, NULL, "=none", TASK(experiment.train_labels_path), "idx: labels of the training rows."},
    {"experiment", "test", PLAN_PATH, NULL, NULL, "=none", TASK(experiment.test_path), "Test rows (idx: the images)."},
    {"experiment", "test_labels", PLAN_PATH, NULL, NULL, "=none", TASK(experiment.test_labels_path), "idx: labels of the test rows."},
    {"experiment", "partition", PLAN_CHOICE, "iid=1|dirichlet=2", NULL, "iid", TASK(experiment.partition), "How rows are spread: evenly at random, or with class shares drawn per device."},
    {"experiment", "alpha", PLAN_REAL, "0.001", "1000", "0.5", TASK(experiment.dirichlet_alpha), "Dirichlet concentration: small = devices see few classes, large = nearly even."},
    {"experiment", "clients", PLAN_INT, "1", "1000000", "=select of [round]", TASK(experiment.client_count), "Simulated devices."},
    {"experiment", "seed", PLAN_INT, "0", U32_MAX, "1", TASK(experiment.partition_seed), "Seeds the spreading of rows."},
};
/* clang-format on */

const size_t plan_key_count = sizeof plan_keys / sizeof plan_keys[0];
_Static_assert(sizeof plan_keys / sizeof plan_keys[0] <= PLAN_KEYS_MAX, "PLAN_KEYS_MAX");

static bool row_has(const plan_key *key, const char *name)
{
    if (key->type == PLAN_COLUMN) {
        const size_t size = strlen(key->name);
        return strncmp(name, key->name, size) == 0 &&
               (name[size] == ' ' || name[size] == '\t' || name[size] == '\0');
    }
    return strcmp(key->name, name) == 0;
}

size_t plan_key_find(const char *section, const char *name)
{
    for (size_t i = 0; i < plan_key_count; i++) {
        if (strcmp(plan_keys[i].section, section) == 0 && row_has(&plan_keys[i], name)) {
            return i;
        }
    }
    return plan_key_count;
}

bool plan_section_known(const char *section)
{
    for (size_t i = 0; i < plan_key_count; i++) {
        if (strcmp(plan_keys[i].section, section) == 0) {
            return true;
        }
    }
    return false;
}

#define WORD_BYTES_MAX 32u

/* Levenshtein distance; words above WORD_BYTES_MAX are far from everything. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t a_size = strlen(a);
    const size_t b_size = strlen(b);
    size_t row[WORD_BYTES_MAX + 1];
    if (a_size > WORD_BYTES_MAX || b_size > WORD_BYTES_MAX) {
        return WORD_BYTES_MAX;
    }
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            const size_t shifted = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[b_size];
}

/* Keeps candidate in *best when it is nearer; two edits are near, in short words one. */
static void consider(const char **best, size_t *best_distance, const char *word,
                     const char *candidate)
{
    const size_t distance = edit_distance(word, candidate);
    if (distance < *best_distance && distance < strlen(candidate)) {
        *best = candidate;
        *best_distance = distance;
    }
}

static size_t near_limit(const char *word)
{
    return strlen(word) <= 3 ? 2 : 3;
}

const char *plan_section_near(const char *section)
{
    const char *best = NULL;
    size_t distance = near_limit(section);
    for (size_t i = 0; i < plan_key_count; i++) {
        consider(&best, &distance, section, plan_keys[i].section);
    }
    return best;
}

const char *plan_key_near(const char *section, const char *name)
{
    const char *best = NULL;
    size_t distance = near_limit(name);
    for (size_t i = 0; i < plan_key_count; i++) {
        if (strcmp(plan_keys[i].section, section) == 0) {
            consider(&best, &distance, name, plan_keys[i].name);
        }
    }
    return best;
}

const char *plan_key_elsewhere(const char *section, const char *name)
{
    for (size_t i = 0; i < plan_key_count; i++) {
        if (strcmp(plan_keys[i].section, section) != 0 && row_has(&plan_keys[i], name)) {
            return plan_keys[i].section;
        }
    }
    return NULL;
}

/* "plain=1|x=2" → "plain or x" */
static void list_choices(char *text, size_t text_bytes, const char *choices)
{
    size_t used = 0;
    while (*choices != '\0' && used < text_bytes) {
        const size_t name_size = strcspn(choices, "=");
        const int n = snprintf(text + used, text_bytes - used, "%s%.*s", used == 0 ? "" : " or ",
                               (int)name_size, choices);
        used += n > 0 ? (size_t)n : 0;
        choices += strcspn(choices, "|");
        choices += *choices == '|';
    }
}

void plan_key_expects(char *text, size_t text_bytes, const plan_key *key)
{
    const char *noun = "";
    switch (key->type) {
    case PLAN_INT:
        noun = "a whole number";
        break;
    case PLAN_Q16:
    case PLAN_Q24:
    case PLAN_REAL:
        noun = "a decimal number";
        break;
    case PLAN_DURATION:
        noun = "a duration like 30s, 5m or 2h,";
        break;
    case PLAN_PERCENT:
        noun = "a percentage like 10%";
        break;
    case PLAN_CHOICE:
        list_choices(text, text_bytes, key->low);
        return;
    case PLAN_TEXT:
        (void)snprintf(text, text_bytes, "a text of 1 to %zu characters", key->size - 1);
        return;
    case PLAN_PATH:
        (void)snprintf(text, text_bytes, "a path, relative to the plan file");
        return;
    case PLAN_LAYERS:
        (void)snprintf(text, text_bytes, "layers like dense 64, relu, dense 10");
        return;
    case PLAN_CLASSES:
        (void)snprintf(text, text_bytes, "texts separated by commas");
        return;
    case PLAN_COLUMN:
        (void)snprintf(text, text_bytes, "two decimal numbers: mean, scale");
        return;
    }
    (void)snprintf(text, text_bytes, "%s from %s to %s", noun, key->low, key->high);
}

bool plan_choice_later(const plan_key *key, const char *value)
{
    const size_t size = strlen(value);
    const char *later = key->type == PLAN_CHOICE ? key->high : NULL;
    while (later != NULL && *later != '\0') {
        const size_t name_size = strcspn(later, "|");
        if (name_size == size && strncmp(later, value, size) == 0) {
            return true;
        }
        later += name_size + (later[name_size] == '|');
    }
    return false;
}
