#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The server dies at every named crash point, in every phase of a round, and is started again: no device
# is restarted by hand, the run ends with all rounds done, and the model is the one of an undisturbed run.
. "${SOURCE:?}/tests/e2e/lib.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 3/'
"$BIN/fedl-sim" run "$box/plan.ini" --partition "$box/partition" --quiet --json "$box/sim.json" >"$box/sim.log" 2>&1 || fail "the simulation"
expected=$(field model_digest <"$box/sim.json")

run_with_crash() { # POINT
  rm -rf "$box/server" "$box"/c[0-9]
  clients=
  init_server
  start_server || fail "the first start"
  for i in $numbers; do
    join_client $i
    start_client $i
  done
  fedl task add "$box/plan.ini" >/dev/null
  stop_server KILL
  # The armed server dies by itself, or completes the task when the point is never reached again.
  FEDL_CRASH=$1 start_server || true
  crashes=0
  while ! fedl --json task watch >"$box/watch" 2>>"$box/watch.log" || ! grep -q '"state": *"complete"' "$box/watch"; do
    crashes=$((crashes + 1))
    [ "$crashes" -lt 5 ] || fail "$1: the server keeps dying"
    wait "$server" 2>/dev/null || true
    keep_log
    start_server || fail "$1: the start after the crash"
  done
  check_database 3 $devices
  [ "$(newest_digest)" = "$expected" ] || fail "$1: another model"
  # shellcheck disable=SC2086
  kill -9 $clients 2>/dev/null || true
  clients=
  stop_server TERM
  echo "$1: $crashes crash(es), same model"
}

total=0
for point in ${POINTS:?}; do
  run_with_crash "$point"
  total=$((total + crashes))
done
[ "$total" -gt 0 ] || fail "no point was ever reached"
