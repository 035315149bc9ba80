#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the server and of devices at moments drawn from a seed; what dies is started again. All
# rounds get done, versions rise one by one, no device counts twice, and the model is the undisturbed one.
. "${SOURCE:?}/tests/e2e/lib.sh"
seed=${SEED:-1}
kills=${KILLS:-12}
make_data 400
make_plan 's/^rounds .*/rounds = 12/'
"$BIN/fedl-sim" run "$box/plan.ini" --partition "$box/partition" --quiet --json "$box/sim.json" >"$box/sim.log" 2>&1 || fail "the simulation"
expected=$(field model_digest <"$box/sim.json")

random() { # BOUND
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  echo $((seed / 65536 % $1))
}
init_server
start_server || fail "the first start"
for i in 1 2 3 4; do
  join_client $i
  start_client $i
done
fedl task add "$box/plan.ini" >/dev/null

killed=0
while [ "$killed" -lt "$kills" ]; do
  # Wait until the server has logged some more lines, then kill somebody: that is an instant in a round, not a time.
  lines=$(($(wc -l <"$box/server.log.now") + 1 + $(random 9)))
  tail --pid="$server" -n +1 -f "$box/server.log.now" 2>/dev/null | head -n "$lines" >/dev/null
  if fedl --json task list 2>/dev/null | grep -q '"complete"'; then
    break
  fi
  who=$(random 6)
  if [ "$who" -ge 4 ] || [ "$who" -eq 0 ]; then
    stop_server KILL
    start_server || fail "the start after a kill"
  else
    eval "kill -9 \$client$who" 2>/dev/null || true
    eval "wait \$client$who" 2>/dev/null || true
    start_client "$who"
  fi
  killed=$((killed + 1))
done
until fedl --json task watch >"$box/watch" 2>>"$box/watch.log" && grep -q '"state": *"complete"' "$box/watch"; do
  kill -0 "$server" || fail "the server ended"
done
check_database 12 4
[ "$(newest_digest)" = "$expected" ] || fail "another model than without kills"
echo "seed ${SEED:-1}: $killed kills, 12 rounds, same model"
