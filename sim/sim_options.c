/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the command line: see sim_options.h. */
#include "sim_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_id {
    OPTION_SET = 1,
    OPTION_JSON,
    OPTION_CURVE,
    OPTION_PARTITION,
    OPTION_MODEL,
    OPTION_OUT,
    OPTION_THREADS,
    OPTION_SEED,
    OPTION_SEEDS,
    OPTION_QUIET,
    OPTION_JOIN,
    OPTION_DELAY,
    OPTION_LOSS,
    OPTION_DUPLICATE,
    OPTION_DROP_CHECKIN,
    OPTION_DROP_FETCH,
    OPTION_DROP_TRAIN,
    OPTION_DROP_UPLOAD,
    OPTION_DROP_READY,
    OPTION_DROP_SHARES,
    OPTION_DROP_MASKED,
    OPTION_DROP_CONFIRM,
    OPTION_DROP_UNMASK,
    OPTION_AWAY,
    OPTION_SERVER_CRASH,
    OPTION_HELPER_CRASH,
    OPTION_HELP,
    OPTION_VERSION,
} option_id;

static const struct option option_list[] = {
    {"set", required_argument, NULL, OPTION_SET},
    {"json", required_argument, NULL, OPTION_JSON},
    {"curve", required_argument, NULL, OPTION_CURVE},
    {"partition", required_argument, NULL, OPTION_PARTITION},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"out", required_argument, NULL, OPTION_OUT},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"join", required_argument, NULL, OPTION_JOIN},
    {"delay", required_argument, NULL, OPTION_DELAY},
    {"loss", required_argument, NULL, OPTION_LOSS},
    {"duplicate", required_argument, NULL, OPTION_DUPLICATE},
    {"drop-checkin", required_argument, NULL, OPTION_DROP_CHECKIN},
    {"drop-fetch", required_argument, NULL, OPTION_DROP_FETCH},
    {"drop-train", required_argument, NULL, OPTION_DROP_TRAIN},
    {"drop-upload", required_argument, NULL, OPTION_DROP_UPLOAD},
    {"drop-ready", required_argument, NULL, OPTION_DROP_READY},
    {"drop-shares", required_argument, NULL, OPTION_DROP_SHARES},
    {"drop-masked", required_argument, NULL, OPTION_DROP_MASKED},
    {"drop-confirm", required_argument, NULL, OPTION_DROP_CONFIRM},
    {"drop-unmask", required_argument, NULL, OPTION_DROP_UNMASK},
    {"away", required_argument, NULL, OPTION_AWAY},
    {"server-crash", required_argument, NULL, OPTION_SERVER_CRASH},
    {"helper-crash", required_argument, NULL, OPTION_HELPER_CRASH},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* "loss" for OPTION_LOSS. */
static const char *option_name(int id)
{
    for (size_t i = 0; option_list[i].name != NULL; i++) {
        if (option_list[i].val == id) {
            return option_list[i].name;
        }
    }
    return "?";
}

static fedl_status parse_u64(uint64_t *value, const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 0);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || number > max) {
        return FEDL_ERR_RANGE;
    }
    *value = number;
    return FEDL_OK;
}

static fedl_status parse_u32(uint32_t *value, const char *text, uint32_t min, uint32_t max)
{
    uint64_t number = 0;
    const fedl_status status = parse_u64(&number, text, max);
    if (status != FEDL_OK || number < min) {
        return FEDL_ERR_RANGE;
    }
    *value = (uint32_t)number;
    return FEDL_OK;
}

static fedl_status parse_probability(double *value, const char *text)
{
    char *end;
    const double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= 0.0 && number <= 1.0)) {
        return FEDL_ERR_RANGE;
    }
    *value = number;
    return FEDL_OK;
}

/* "20" or "20-200", in milliseconds. */
static fedl_status parse_delay(fedl_sim_net *net, const char *text)
{
    char first[16];
    const char *dash = strchr(text, '-');
    const size_t length = dash == NULL ? strlen(text) : (size_t)(dash - text);
    if (length >= sizeof first) {
        return FEDL_ERR_RANGE;
    }
    memcpy(first, text, length);
    first[length] = '\0';
    uint32_t min = 0;
    uint32_t max = 0;
    fedl_status status = parse_u32(&min, first, 0, 60000);
    if (status == FEDL_OK) {
        status = parse_u32(&max, dash == NULL ? first : dash + 1, min, 60000);
    }
    if (status == FEDL_OK) {
        net->delay_ms_min = min;
        net->delay_ms_max = max;
    }
    return status;
}

static fedl_status parse_join(fedl_sim_enrol *enrol, const char *text)
{
    static const struct {
        const char *name;
        fedl_sim_enrol value;
    } names[] = {{"auto", FEDL_SIM_ENROL_AUTO},
                 {"tokens", FEDL_SIM_ENROL_TOKENS},
                 {"provisioned", FEDL_SIM_ENROL_PROVISIONED}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i].name) == 0) {
            *enrol = names[i].value;
            return FEDL_OK;
        }
    }
    return FEDL_ERR_RANGE;
}

static fedl_status add_override(fedl_sim_options *options, const char *value)
{
    if (options->override_count == FEDL_SIM_OVERRIDES_MAX) {
        return FEDL_ERR_FULL;
    }
    options->overrides[options->override_count++].text = value;
    return FEDL_OK;
}

/* Options that only store a text or a flag; false when id is another one. */
static bool apply_text(fedl_sim_options *options, int id, const char *value)
{
    switch (id) {
    case OPTION_JSON:
        options->json_path = value;
        return true;
    case OPTION_CURVE:
        options->curve_path = value;
        return true;
    case OPTION_PARTITION:
        options->partition_path = value;
        return true;
    case OPTION_MODEL:
        options->model_path = value;
        return true;
    case OPTION_OUT:
        options->out_path = value;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    case OPTION_HELP:
        options->command = FEDL_SIM_COMMAND_HELP;
        return true;
    case OPTION_VERSION:
        options->command = FEDL_SIM_COMMAND_VERSION;
        return true;
    default:
        return false;
    }
}

/* The options that cut a device's power, in the order of the phases. */
static bool is_drop(int id)
{
    return id >= OPTION_DROP_CHECKIN && id <= OPTION_DROP_UNMASK;
}

static fedl_status apply(fedl_sim_options *options, int id, const char *value)
{
    fedl_sim_net *net = &options->net;
    if (is_drop(id)) {
        return parse_probability(&net->drop[FEDL_SIM_CHECKIN + (id - OPTION_DROP_CHECKIN)], value);
    }
    switch (id) {
    case OPTION_SET:
        return add_override(options, value);
    case OPTION_THREADS:
        return parse_u32(&options->threads, value, 1, 256);
    case OPTION_SEED:
        options->has_seed = true;
        return parse_u64(&options->seed, value, UINT64_MAX);
    case OPTION_SEEDS:
        return parse_u32(&options->seeds, value, 1, 1000);
    case OPTION_JOIN:
        return parse_join(&options->enrol, value);
    case OPTION_DELAY:
        return parse_delay(net, value);
    case OPTION_LOSS:
        return parse_probability(&net->loss, value);
    case OPTION_DUPLICATE:
        return parse_probability(&net->duplicate, value);
    case OPTION_SERVER_CRASH:
        return parse_probability(&net->server_crash, value);
    case OPTION_HELPER_CRASH:
        return parse_probability(&net->helper_crash, value);
    case OPTION_AWAY: {
        uint32_t seconds = 0;
        const fedl_status status = parse_u32(&seconds, value, 1, 4000000);
        net->away_ms = status == FEDL_OK ? seconds * 1000u : net->away_ms;
        return status;
    }
    default:
        return FEDL_ERR_ARGUMENT;
    }
}

static fedl_status parse_command(fedl_sim_options *options, const char *word,
                                 char text[FEDL_SIM_TEXT_BYTES])
{
    static const struct {
        const char *name;
        fedl_sim_command command;
    } names[] = {{"run", FEDL_SIM_COMMAND_RUN},           {"partition", FEDL_SIM_COMMAND_PARTITION},
                 {"baseline", FEDL_SIM_COMMAND_BASELINE}, {"help", FEDL_SIM_COMMAND_HELP},
                 {"--help", FEDL_SIM_COMMAND_HELP},       {"-h", FEDL_SIM_COMMAND_HELP},
                 {"version", FEDL_SIM_COMMAND_VERSION},   {"--version", FEDL_SIM_COMMAND_VERSION}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(word, names[i].name) == 0) {
            options->command = names[i].command;
            return FEDL_OK;
        }
    }
    return fedl_sim_fail(text, FEDL_ERR_ARGUMENT,
                         "unknown command '%s': use run, partition or baseline (see fedl-sim "
                         "--help)",
                         word);
}

static fedl_status check(const fedl_sim_options *options, char text[FEDL_SIM_TEXT_BYTES])
{
    if (options->command == FEDL_SIM_COMMAND_HELP || options->command == FEDL_SIM_COMMAND_VERSION) {
        return FEDL_OK;
    }
    if (options->plan_path == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_ARGUMENT,
                             "no plan given: try fedl-sim run examples/fashion-mnist/plan.ini");
    }
    if (options->command == FEDL_SIM_COMMAND_PARTITION && options->out_path == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_ARGUMENT,
                             "partition needs --out FILE, the file that it writes");
    }
    return FEDL_OK;
}

fedl_status fedl_sim_options_parse(fedl_sim_options *options, int argc, char **argv,
                                   char text[FEDL_SIM_TEXT_BYTES])
{
    fedl_sim_config defaults;
    fedl_sim_config_default(&defaults);
    *options = (fedl_sim_options){.net = defaults.net, .enrol = defaults.enrol, .seeds = 1};
    if (argc < 2) {
        return fedl_sim_fail(text, FEDL_ERR_ARGUMENT,
                             "no command given: use run, partition or baseline (see fedl-sim "
                             "--help)");
    }
    fedl_status status = parse_command(options, argv[1], text);
    if (status != FEDL_OK) {
        return status;
    }
    optind = 0; /* glibc: start afresh, so that tests may parse many lines */
    opterr = 0;
    int id;
    while ((id = getopt_long(argc - 1, argv + 1, ":hq", option_list, NULL)) != -1) {
        const int known = id == 'h' ? OPTION_HELP : id == 'q' ? OPTION_QUIET : id;
        if (id == ':') {
            return fedl_sim_fail(text, FEDL_ERR_ARGUMENT,
                                 "option --%s needs a value (see fedl-sim --help)",
                                 option_name(optopt));
        }
        if (id == '?') {
            return fedl_sim_fail(text, FEDL_ERR_ARGUMENT, "unknown option %s (see fedl-sim --help)",
                                 argv[optind]);
        }
        status = apply_text(options, known, optarg) ? FEDL_OK : apply(options, known, optarg);
        if (status != FEDL_OK) {
            return fedl_sim_fail(text, status,
                                 "option --%s: '%s' is not a good value (see fedl-sim --help)",
                                 option_name(known), optarg);
        }
    }
    if (optind < argc - 1) {
        options->plan_path = argv[1 + optind++];
    }
    if (optind < argc - 1) {
        return fedl_sim_fail(text, FEDL_ERR_ARGUMENT, "one plan at a time: what is '%s'?",
                             argv[1 + optind]);
    }
    return check(options, text);
}
