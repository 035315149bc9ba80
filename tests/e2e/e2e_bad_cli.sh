#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The operator's wrong commands: the exit statuses of docs/cli.md, one line each, nothing changed.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 2/'
no() { # STATUS PATTERN… -- COMMAND of fedl
  all=
  wanted=$1
  shift
  while [ "$1" != -- ]; do
    all="$all
$1"
    shift
  done
  shift
  old=$IFS
  IFS='
'
  # shellcheck disable=SC2086
  set -- $all -- "$BIN/fedl" --home "$box/server" "$@"
  IFS=$old
  refused_with "$wanted" "$@"
}

# The command line alone.
no 2 'help' -- start
no 2 'device --help' 'device add, device list' 'wants another word' -- device
no 2 "no 'task start'" 'task add' 'task --help' -- task start
for words in 'device add' 'device pending' 'ca sign' 'plan check' 'task add' 'model eval' 'audit verify'; do
  # shellcheck disable=SC2086
  "$BIN/fedl" $words --help >"$box/help" 2>&1 || fail "no help of $words"
  grep -q "^usage: fedl $words" "$box/help" || fail "the help of $words is not its own"
  [ "$(wc -l <"$box/help")" -ge 4 ] || fail "the help of $words teaches nothing"
done
"$BIN/fedl" task --help | grep -q 'fedl task watch' || fail "no help of task"
no 2 'usage' 'NAME' -- device add
no 2 'usage' 'NAME' -- device add a b
no 2 'nonsense' 'help' -- --nonsense status
no 2 '--valid' "'soon'" '7d' -- device add a --valid soon
no 2 '--valid' -- device add a --valid 0
no 2 '--valid' -- device add a --valid 20000d
no 2 '--valid' -- device add a --valid -5s
no 2 'VERSION' 'whole number' "'newest'" -- model show newest
no 2 'VERSION' 'whole number' -- model show 99999999999999999999
no 2 '--out' -- model export
no 2 '--limit' 'whole number' -- audit list --limit 0

# Nobody there.
no 3 'no folder' '--home' -- status
init_server
no 3 'no server is running' 'fedl-server run' -- status
start_server || fail "the server did not start"
stop_server KILL
no 3 'no server is running' 'fedl-server run' -- status
no 3 'no server is running' 'fedl-server run' -- task add "$box/plan.ini"
refused_with 3 'too long' '--home' -- "$BIN/fedl" --home "$box/$(printf '%0120d' 0)" status
start_server || fail "the start after kill -9"

# Nothing there yet.
no 4 'no task' 'task add' -- task show
no 4 'no task' 'task add' -- task watch
no 4 'no task' 'task add' -- model show
no 4 'no task' 'task add' -- model export --out "$box/model"
[ ! -e "$box/model" ] || fail "a refused export left a file"
no 4 'no such device' 'device list' -- device revoke nobody
no 4 'no such device' 'device list' -- device revoke 99
no 4 'name' -- device add ''
no 4 'name' -- device add "$(printf '%080d' 0)"
no 4 'name' -- device add "$(printf 'a\001b')"
[ -z "$(fedl --json device list)" ] || fail "a refused command made a device"
new_token twin
new_token twin # names are for people, two may be equal; only an id says which one is meant
no 4 'several' 'the id' 'device list' -- device revoke twin
[ "$(fedl --json device list | grep -c '"state": *"invited"')" -eq 2 ] || fail "a refused command revoked a device"

good_run 2
no 4 'no such task' 'task list' -- task show nosuch
no 4 'no such task' 'task list' -- task pause nosuch
no 4 'no such task' 'task list' -- task watch nosuch
no 4 'no such task' 'task list' -- model list --task nosuch
no 4 'no such version' 'model list' -- model show 99
no 4 'no such version' 'model list' -- model export 99 --out "$box/model"
[ ! -e "$box/model" ] || fail "a refused export left a file"
no 4 'state' 'task list' -- task resume shapes
no 4 'state' 'task list' -- task pause shapes
no 5 "$box/nowhere/model" 'not found|no such|folder' -- model export --out "$box/nowhere/model"
no 5 "$box/c1" -- model export --out "$box/c1"
mkdir "$box/empty"
no 5 "$box/empty" -- model export --out "$box/empty"
[ -d "$box/empty" ] || fail "an export replaced a folder"
no 5 'nowhere' 'not found|no such|missing' -- model eval --data "$box/nowhere" --labels "$box/labels"
no 2 '--labels' -- model eval --data "$box/images"
no 2 '--data' -- model eval
no 5 'swapped|labels' -- model eval --data "$box/labels" --labels "$box/images"

# Somebody rewrites the audit log: verify finds it, the server goes on.
fedl audit verify >/dev/null || fail "the audit log of a good run"
stop_server TERM
sqlite3 "$box/server/fedl.db" "$(sqlite3 "$box/server/fedl.db" \
  "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
  UPDATE audit SET detail = 'nothing happened' WHERE sequence = 2" || fail "tampering"
start_server || fail "the start with a rewritten audit log"
no 4 'entry 2' 'changed' 'backup' -- audit verify
fedl model list >/dev/null || fail "the models"
no_secret
