/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_options.h"

#include "agent_policy.h"
#include "wire/frame.h"

#include <stdarg.h>
#include <string.h>

#define BIT(command) (1u << (unsigned)(command))

/* One row per option: which commands take it and where its value goes. */
typedef enum value_kind {
    VALUE_NONE = 1, /* a switch */
    VALUE_TEXT = 2,
    VALUE_NUMBER = 3,
    VALUE_LOG = 4,
    VALUE_ROWS = 5,
    VALUE_POLICY = 6,
    VALUE_ALLOW_PLAIN = 7, /* a switch */
} value_kind;

typedef struct option_row {
    const char *name;
    unsigned commands;
    value_kind kind;
    const char **text;
    uint32_t *number;
    bool *flag;
    uint32_t low;
    uint32_t high;
} option_row;

static bool fail_text(char text[256], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail_text(char text[256], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, 256, format, arguments);
    va_end(arguments);
    return false;
}

static bool read_number(uint32_t *out, const char *text, uint32_t low, uint32_t high)
{
    uint64_t value = 0;
    if (*text == 0) {
        return false;
    }
    for (const char *p = text; *p != 0; p++) {
        if (*p < '0' || *p > '9' || value > UINT32_MAX) {
            return false;
        }
        value = value * 10u + (uint64_t)(*p - '0');
    }
    if (value < low || value > high) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

/* FILE:K; the file's name may hold colons itself. */
static bool read_rows(agent_options *o, const char *value)
{
    const char *colon = strrchr(value, ':');
    if (colon == NULL || colon == value || (size_t)(colon - value) >= sizeof o->rows_buffer ||
        !read_number(&o->rows_client, colon + 1, 0, UINT32_MAX - 1u)) {
        return false;
    }
    memcpy(o->rows_buffer, value, (size_t)(colon - value));
    o->rows_buffer[colon - value] = 0;
    o->rows_path = o->rows_buffer;
    return true;
}

static bool take_policy(agent_options *o, const option_row *row, const char *pair, char text[256])
{
    fedl_site_policy scratch;
    char why[256];
    fedl_site_policy_default(&scratch);
    if (o->policy_count == AGENT_POLICY_MAX) {
        return fail_text(text, "%s: more than %u of them", row->name, AGENT_POLICY_MAX);
    }
    if (!agent_policy_set(&scratch, pair, why)) {
        return fail_text(text, "%s: %.230s", row->name, why);
    }
    o->policy[o->policy_count++] = pair;
    return true;
}

static bool take_value(agent_options *o, const option_row *row, const char *value, char text[256])
{
    switch (row->kind) {
    case VALUE_NONE:
        *row->flag = true;
        return true;
    case VALUE_TEXT:
        *row->text = value;
        return value[0] != 0 ? true : fail_text(text, "%s: its value is empty", row->name);
    case VALUE_NUMBER:
        if (read_number(row->number, value, row->low, row->high)) {
            return true;
        }
        (void)snprintf(text, 256, "%s: '%.40s' is no number from %u to %u", row->name, value,
                       row->low, row->high);
        return false;
    case VALUE_LOG:
        *row->flag = strcmp(value, "json") == 0;
        return *row->flag || strcmp(value, "text") == 0
                   ? true
                   : fail_text(text, "%s: 'text' or 'json', not '%.40s'", row->name, value);
    case VALUE_ROWS:
        return read_rows(o, value)
                   ? true
                   : fail_text(text, "%s: FILE:K wanted, with K = 0, 1, …; not '%.100s'", row->name,
                               value);
    case VALUE_POLICY:
        return take_policy(o, row, value, text);
    case VALUE_ALLOW_PLAIN:
        return take_policy(o, row, "min_aggregation = plain", text);
    }
    return false;
}

static bool take_option(agent_options *o, int argc, char **argv, int *at, char text[256])
{
    const unsigned run = BIT(AGENT_RUN);
    const unsigned data = BIT(AGENT_RUN) | BIT(AGENT_PREDICT);
    const unsigned wants = BIT(AGENT_JOIN) | BIT(AGENT_RUN);
    const unsigned talk = BIT(AGENT_JOIN) | BIT(AGENT_RUN) | BIT(AGENT_LEAVE);
    const unsigned all = talk | BIT(AGENT_PREDICT) | BIT(AGENT_STATUS);
    const option_row rows[] = {
        {"--home", all, VALUE_TEXT, &o->home, NULL, NULL, 0, 0},
        {"--token", BIT(AGENT_JOIN), VALUE_TEXT, &o->token, NULL, NULL, 0, 0},
        {"--token-file", BIT(AGENT_JOIN), VALUE_TEXT, &o->token_file, NULL, NULL, 0, 0},
        {"--timeout", BIT(AGENT_JOIN) | BIT(AGENT_LEAVE), VALUE_NUMBER, NULL, &o->timeout_s, NULL,
         1, 86400},
        {"--images", data, VALUE_TEXT, &o->images, NULL, NULL, 0, 0},
        {"--labels", data, VALUE_TEXT, &o->labels, NULL, NULL, 0, 0},
        {"--csv", data, VALUE_TEXT, &o->csv, NULL, NULL, 0, 0},
        {"--rows", data, VALUE_ROWS, NULL, NULL, NULL, 0, 0},
        {"--log", talk, VALUE_LOG, NULL, NULL, &o->log_json, 0, 0},
        {"--json", BIT(AGENT_PREDICT) | BIT(AGENT_STATUS), VALUE_NONE, NULL, NULL, &o->json, 0, 0},
        {"--rounds", run, VALUE_NUMBER, NULL, &o->rounds, NULL, 1, 1000000000},
        {"--until-complete", run, VALUE_NONE, NULL, NULL, &o->until_complete, 0, 0},
        {"--local", BIT(AGENT_LEAVE), VALUE_NONE, NULL, NULL, &o->local, 0, 0},
        {"--memory", run, VALUE_NUMBER, NULL, &o->memory_bytes_max, NULL, 1, UINT32_MAX},
        {"--chunk", run, VALUE_NUMBER, NULL, &o->chunk_bytes_max, NULL, FEDLI_CHUNK_BYTES_MIN,
         FEDLI_CHUNK_BYTES_MAX},
        {"--policy", wants, VALUE_POLICY, NULL, NULL, NULL, 0, 0},
        {"--allow-plain", wants, VALUE_ALLOW_PLAIN, NULL, NULL, NULL, 0, 0},
    };
    const char *name = argv[*at];
    if (strcmp(name, "--once") == 0 && o->command == AGENT_RUN) {
        o->rounds = 1;
        return true;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(name, rows[i].name) != 0) {
            continue;
        }
        if ((rows[i].commands & BIT(o->command)) == 0) {
            return fail_text(text, "%s: this command does not take it; see --help", name);
        }
        const char *value = "";
        if (rows[i].kind != VALUE_NONE && rows[i].kind != VALUE_ALLOW_PLAIN) {
            if (*at + 1 >= argc) {
                return fail_text(text, "%s: its value is missing; see --help", name);
            }
            value = argv[++*at];
        }
        return take_value(o, &rows[i], value, text);
    }
    return fail_text(text, "unknown option '%.100s'; see fedl-client --help", name);
}

static agent_command command_of(const char *word)
{
    static const struct {
        const char *word;
        agent_command command;
    } commands[] = {
        {"join", AGENT_JOIN},       {"run", AGENT_RUN},       {"leave", AGENT_LEAVE},
        {"predict", AGENT_PREDICT}, {"status", AGENT_STATUS}, {"help", AGENT_HELP},
        {"--help", AGENT_HELP},     {"-h", AGENT_HELP},       {"--version", AGENT_VERSION},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(word, commands[i].word) == 0) {
            return commands[i].command;
        }
    }
    return 0;
}

static bool check_whole(const agent_options *o, char text[256])
{
    if (o->command == AGENT_JOIN && o->url == NULL) {
        return fail_text(text, "join: where? fedl-client join HOST:PORT --token TOKEN");
    }
    if (o->command == AGENT_JOIN && o->token == NULL && o->token_file == NULL) {
        return fail_text(text, "join: --token TOKEN is missing; the operator gets one with "
                               "'fedl device add NAME'");
    }
    const bool idx = o->images != NULL || o->labels != NULL;
    if ((o->command == AGENT_RUN || o->command == AGENT_PREDICT) && !idx && o->csv == NULL) {
        return fail_text(text, "which data? --images FILE --labels FILE, or --csv FILE");
    }
    if (idx && o->csv != NULL) {
        return fail_text(text, "either --images and --labels, or --csv, not both");
    }
    return true;
}

bool agent_options_parse(agent_options *options, int argc, char **argv, char text[256])
{
    memset(options, 0, sizeof *options);
    options->timeout_s = 60;
    options->chunk_bytes_max = FEDLI_CHUNK_BYTES_DEFAULT;
    if (argc < 2) {
        return fail_text(text, "a command is missing: join, run, leave, predict or status");
    }
    options->command = command_of(argv[1]);
    if (options->command == 0) {
        return fail_text(text, "unknown command '%.100s'; see fedl-client --help", argv[1]);
    }
    if (options->command == AGENT_HELP) {
        options->help_about = argc > 2 ? command_of(argv[2]) : 0;
        return true;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            options->help_about = options->command;
            options->command = AGENT_HELP;
            return true;
        }
        if (argv[i][0] != '-' && options->command == AGENT_JOIN && options->url == NULL) {
            options->url = argv[i];
        } else if (argv[i][0] != '-') {
            return fail_text(text, "'%.100s' is one word too many; see --help", argv[i]);
        } else if (!take_option(options, argc, argv, &i, text)) {
            return false;
        }
    }
    return options->command == AGENT_VERSION ? true : check_whole(options, text);
}
