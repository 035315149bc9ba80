#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrong plans: fedl task add, fedl plan check and fedl-sim run say the line and what was expected; no task
# appears, and the good plan runs afterwards.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 2/'
init_server
start_server || fail "the server did not start"

line_of() { # TEXT: its line in the wrong plan
  grep -n -m 1 -e "$1" "$box/wrong.ini" | cut -d: -f1
}
both() { # PATTERN…: all programs refuse the plan, which can't be read, with these words
  all 5 "$@"
}
unsafe() { # PATTERN…: all programs refuse the plan, which can be read, with these words
  all 6 "$@"
}
all() { # STATUS PATTERN…
  status=$1
  shift
  refused_with "$status" "$@" -- "$BIN/fedl" --home "$box/server" task add "$box/wrong.ini"
  refused_with "$status" "$@" -- "$BIN/fedl" plan check "$box/wrong.ini"
  refused "$@" -- "$BIN/fedl-sim" run "$box/wrong.ini" --quiet
  [ -z "$(fedl --json task list)" ] || fail "a wrong plan made a task"
}
wrong() { # SED-SCRIPT: the good plan with one thing changed
  sed "$1" "$box/plan.ini" >"$box/wrong.ini"
  ! cmp -s "$box/plan.ini" "$box/wrong.ini" || fail "nothing was changed by $1"
}

wrong 's/^epochs/epoch/'
both "wrong.ini:$(line_of '^epoch')" "unknown key 'epoch'" "did you mean 'epochs'"
wrong 's/^\[train\]/[trian]/'
both "wrong.ini:$(line_of trian)" 'unknown section \[trian\]' 'did you mean \[train\]'
wrong 's/^epochs .*/epochs = many/'
both "wrong.ini:$(line_of many)" epochs 'whole number' many
wrong 's/^lr .*/lr = 17/'
unsafe "wrong.ini:$(line_of '^lr')" lr '0.0000001 to 16' 17
wrong 's/^lr .*/lr = 0,1/'
both "wrong.ini:$(line_of '^lr')" lr number
wrong 's/^deadline .*/deadline = 60/'
both "wrong.ini:$(line_of '^deadline')" deadline '30s|5m'
wrong 's/^mode .*/mode = masked\noptimiser = fedadam/'
both "wrong.ini:$(line_of fedadam)" fedadam 'not there yet' 'road map'
wrong 's/^mode .*/mode = masked\nmin_cohort = 5/'
unsafe "wrong.ini:$(line_of min_cohort)" 'min_cohort .* above clients' 'use aggregation.min_cohort=4'
wrong 's/^mode .*/mode = masked\nstep_dropout = 40%/'
unsafe "wrong.ini:$(line_of step_dropout)" 'use .*aggregation.step_dropout='
wrong '/^rounds/d'
both wrong.ini rounds
wrong '/^name/a name = twice'
both "wrong.ini:$(line_of twice)" name 'duplicate'
wrong 's/^layers .*/layers = dense 16, relu/'
unsafe "wrong.ini:$(line_of '^layers')" layers dense
wrong 's/^layers .*/layers = dense 16, softplus, dense 4/'
both "wrong.ini:$(line_of '^layers')" softplus relu
wrong 's/^min_reports .*/min_reports = 5/'
unsafe wrong.ini min_reports clients 'use round.min_reports='
wrong '/^epochs/a what is this'
both "wrong.ini:$(line_of 'what is')" 'key = value'
wrong "s/^name .*/name = $(printf '%0200d' 0)/"
both "wrong.ini:$(line_of '^name')" '190|long'
: >"$box/wrong.ini"
both wrong.ini
head -c 70000 /dev/zero | tr '\0' '#' >"$box/wrong.ini"
both wrong.ini
head -c 500 /dev/urandom >"$box/wrong.ini"
both wrong.ini
rm "$box/wrong.ini"
both wrong.ini 'not found|no such|missing'
mkdir "$box/wrong.ini"
both wrong.ini
rmdir "$box/wrong.ini"

# Right for itself, but not here.
refused 'trian' 'did you mean \[train\]' -- "$BIN/fedl-sim" run "$box/plan.ini" --set trian.lr=1 --quiet
refused "epoch'" "did you mean 'epochs'" -- "$BIN/fedl-sim" run "$box/plan.ini" --set train.epoch=1 --quiet
wrong 's|^train  *= .*|train = nowhere|'
refused nowhere 'is not there' 'names it' -- "$BIN/fedl-sim" run "$box/wrong.ini" --quiet

good_run 2
refused_with 4 'already' 'this name' 'another name' -- "$BIN/fedl" --home "$box/server" task add "$box/plan.ini"
[ "$(fedl --json task list | wc -l)" -eq 1 ] || fail "a second task of the same name"
no_secret
