#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Helper rounds with real processes: server, helper, five clients. The model is that of plain rounds,
# bit for bit; a helper that is killed in between, also just before and just after it has made an answer
# durable, is asked again when it is back, and remembers what it has answered.
. "${SOURCE:?}/tests/e2e/lib.sh"

start_helper() { # [CRASH POINT]
  : >"$box/helper.log.now"
  FEDL_CRASH=${1:-} "$BIN/fedl-server" helper run --home "$box/helper" --listen "$helper_url" >"$box/helper.log.now" 2>&1 &
  helper=$!
  clients="$clients $helper" # killed at the end
  tail --pid="$helper" -n +1 -f "$box/helper.log.now" 2>/dev/null | grep -q -m 1 ready || fail "the helper did not start"
}

make_data 1000
make_plan 's/= 4$/= 5/; s/^layers.*/layers = dense 16, relu, dense 4/; s/^mode  .*/mode = plain/'
"$BIN/fedl-sim" run "$box/plan.ini" --partition "$box/partition" --threads 2 --quiet --json "$box/sim.json" >"$box/sim.log" 2>&1 ||
  fail "the simulation"
plain=$(field model_digest <"$box/sim.json")
sed -i 's/^mode = plain/mode = helper\nstep_timeout = 5s/' "$box/plan.ini"

# Without a helper the server refuses the task, and says why.
init_server
start_server || fail "the server did not start"
! fedl task add "$box/plan.ini" >"$box/refused.log" 2>&1 || fail "a task with a helper that is not there"
grep -q "this server has no helper" "$box/refused.log" && ! grep -q 'line 0' "$box/refused.log" || fail "it says: $(cat "$box/refused.log")"
stop_server TERM

helper_url=tcp://127.0.0.1:$(free_port)
"$BIN/fedl-server" helper init --home "$box/helper" >"$box/helper-init.log" 2>&1 || fail "helper init"
"$BIN/fedl-server" helper sign --home "$box/server" --request "$box/helper/helper.request" --grant "$box/grant" >"$box/sign.log" 2>&1 ||
  fail "helper sign"
! "$BIN/fedl-server" helper run --home "$box/helper" --listen "$helper_url" >>"$box/helper-init.log" 2>&1 || fail "a helper without a fleet ran"
"$BIN/fedl-server" helper accept --home "$box/helper" --grant "$box/grant" >"$box/accept.log" 2>&1 || fail "helper accept"
! "$BIN/fedl-server" helper accept --home "$box/helper" --grant "$box/grant" >>"$box/accept.log" 2>&1 || fail "accepted twice"
sed -i "s|^\[server\]|[server]\nhelper_url = $helper_url\nhelper_cert = $box/grant|" "$box/server/fedl.ini"
start_helper helper.before-keep:3 # killed when it is asked about round 3
# Nobody else can run this helper, not even at another address: it could answer a round twice.
code=0
"$BIN/fedl-server" helper run --home "$box/helper" --listen tcp://127.0.0.1:0 >"$box/second.log" 2>&1 || code=$?
[ "$code" -eq 9 ] || fail "a second process for one helper ended with $code"
start_server || fail "the server did not start"
for i in 1 2 3 4 5; do
  join_client $i
  start_client $i
done
fedl task add "$box/plan.ini" >"$box/add.log" 2>&1 || fail "task add"

wait_for_helper() { # TEXT in its log
  tail --pid="$helper" -n +1 -f "$box/helper.log.now" 2>/dev/null | grep -q -m 1 "$1" || fail "the helper never says: $1"
}
helper_dies() { # at the armed point
  wait "$helper" 2>/dev/null && fail "the helper ended by itself"
  cat "$box/helper.log.now" >>"$box/helper.log"
}
helper_dies
tail --pid="$server" -n +1 -f "$box/server.log.now" 2>/dev/null | grep -q -m 1 "asked again" || fail "nobody missed the helper"
before=$(cksum <"$box/helper/answered")
start_helper helper.after-keep
helper_dies
[ "$(cksum <"$box/helper/answered")" != "$before" ] || fail "the round was not durable"
start_helper
wait_for_helper "round 3 .* answered again" # the same question, in the same words

fedl --json task watch >"$box/watch"
grep -q '"state": *"complete"' "$box/watch" || fail "the task did not complete"
check_database 6 5
[ "$(newest_digest)" = "$plain" ] || fail "helper rounds made $(newest_digest), plain ones $plain"
grep -q "round 6 .* 5 devices .* answered" "$box/helper.log.now" || fail "the helper has not answered round 6"
[ "$(sql "SELECT count(*) FROM audit WHERE what = 'group-commit'")" -eq 6 ] || fail "sums without a commit point"
# The answer to round 3 was durable when it died again: five answers are new, that one is given again.
cat "$box/helper.log.now" >>"$box/helper.log"
[ "$(grep -c 'devices · answered$' "$box/helper.log")" -eq 5 ] || fail "not one new answer per round"
kill -INT "$helper"
wait "$helper" || fail "Ctrl-C: $?"
# Another grant keeps the list; without a list there is none, and no way to a second answer.
list=$(cksum <"$box/helper/answered")
rm "$box/helper/helper.grant"
"$BIN/fedl-server" helper accept --home "$box/helper" --grant "$box/grant" >>"$box/accept.log" 2>&1 || fail "accept again"
[ "$(cksum <"$box/helper/answered")" = "$list" ] || fail "accepting again has changed the list"
rm "$box/helper/answered" "$box/helper/helper.grant"
! "$BIN/fedl-server" helper accept --home "$box/helper" --grant "$box/grant" >"$box/lost.log" 2>&1 || fail "a list that was lost began anew"
grep -q "make a new helper: fedl-server helper init" "$box/lost.log" || fail "it says: $(cat "$box/lost.log")"
[ ! -e "$box/helper/answered" ] && [ ! -e "$box/helper/helper.grant" ] || fail "a refused grant has left something behind"
! "$BIN/fedl-server" helper init --home "$box/helper" >>"$box/lost.log" 2>&1 || fail "a new list for an old key"
echo "digest $plain, plain and with a helper that was killed"
