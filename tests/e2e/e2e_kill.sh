#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL for the server and for devices at moments drawn from a seed; what dies is started again. All
# rounds get done, versions rise one by one, no device counts twice, and the model is the undisturbed one
# (unless three kills fell into one masked round, which devices then answer no more).
#   SEED = which story, KILLS = how often the server dies
. "${SOURCE:?}/tests/e2e/lib.sh"
state=${SEED:-1}
kills=${KILLS:-10}
make_data 400
make_plan 's/^rounds .*/rounds = 12/'
"$BIN/fedl-sim" run "$box/plan.ini" --partition "$box/partition" --quiet --json "$box/sim.json" >"$box/sim.log" 2>&1 || fail "the simulation"
expected=$(field model_digest <"$box/sim.json")

draw() { # BOUND: drawn = 0 … BOUND - 1 (a linear congruential generator: any POSIX sh gives the same)
  state=$(((state * 1103515245 + 12345) % 2147483648))
  drawn=$((state / 65536 % $1))
}
draw_instant() { # instant = a crash point that the server reaches again and again, and at which time
  draw 10
  case $drawn in
  0) instant=round-open.before-commit ;;
  1) instant=round-open.after-commit ;;
  2) instant=commit.before-store ;;
  3) instant=commit.before-commit ;;
  4) instant=commit.after-commit ;;
  5) instant=stored.before-step ;;
  6) instant=reply.after-send ;;
  7) instant=reply.before-send ;;
  *) instant=message.before-step ;;
  esac
  case $instant in
  message.* | reply.*) draw 60 ;;
  *) draw 3 ;;
  esac
  instant=$instant:$((drawn + 1))
}
restart_client() { # NUMBER
  eval "kill -9 \$client$1" 2>/dev/null || true
  eval "wait \$client$1" 2>/dev/null || true
  start_client "$1"
  devices_killed=$((devices_killed + 1))
}
# Follows the task until it completes or the server dies; now and then a device dies as a round ends.
follow() {
  fedl --json task watch >"$box/events" 2>>"$box/watch.log" &
  watcher=$!
  exec 3<"$box/events"
  while IFS= read -r line <&3; do
    case $line in
    *'"state":"complete"'*) completed=1 ;;
    *'"event":"round"'*)
      draw 4
      if [ "$drawn" -eq 0 ]; then
        draw "$devices"
        restart_client $((drawn + 1))
      fi
      ;;
    esac
  done
  exec 3<&-
  wait "$watcher" || true
}

init_server
start_server || fail "the first start"
for i in $numbers; do
  join_client $i
  start_client $i
done
fedl task add "$box/plan.ini" >/dev/null
stop_server KILL
mkfifo "$box/events"
completed=0
deaths=1
devices_killed=0
while [ "$completed" -eq 0 ]; do
  draw_instant
  [ "$deaths" -lt "$kills" ] || instant=
  if FEDL_CRASH=$instant start_server; then
    follow
  fi
  if [ "$completed" -eq 0 ]; then
    wait "$server" 2>/dev/null || true
    keep_log
    deaths=$((deaths + 1))
    [ "$deaths" -lt $((kills + 5)) ] || fail "the server dies without being told to"
  fi
done
check_database 12 $devices
if [ "$burnt" -eq 0 ]; then
  [ "$(newest_digest)" = "$expected" ] || fail "another model than without kills"
  echo "seed ${SEED:-1}: server killed $deaths times, devices $devices_killed times, 12 rounds, same model"
else
  [ "$mode" = masked ] || fail "a plain round was burnt"
  echo "seed ${SEED:-1}: server killed $deaths times, devices $devices_killed times, $burnt of 12 rounds burnt"
fi
