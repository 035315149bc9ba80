#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same plan and seed in real processes and in the simulator give the same model, bit for bit.
. "${SOURCE:?}/tests/e2e/lib.sh"
make_data 800
make_plan ''
init_server
start_server || fail "the server did not start"
for i in $numbers; do
  join_client $i
  start_client $i
done
fedl task add "$box/plan.ini" >/dev/null
fedl --json task watch >"$box/watch"
grep -q '"state": *"complete"' "$box/watch" || fail "the task did not complete"
check_database 6 $devices

exported=$(fedl --json model export --out "$box/model" | field digest)
[ "$(b2sum -l 256 "$box/model" | cut -d' ' -f1)" = "$exported" ] || fail "the digest is not BLAKE2b-256 of the container"
[ "$exported" = "$(newest_digest)" ] || fail "export and database differ"
accuracy=$(fedl --json model eval --data "$box/test-images" --labels "$box/test-labels" | field accuracy)
awk -v a="$accuracy" 'BEGIN { exit !(a > 0.9) }' || fail "nothing was learnt: accuracy $accuracy"

for threads in 1 2; do
  "$BIN/fedl-sim" run "$box/plan.ini" --partition "$box/partition" --threads $threads --quiet --json "$box/sim.json" >"$box/sim.log" 2>&1 ||
    fail "the simulation"
  simulated=$(field model_digest <"$box/sim.json")
  [ "$simulated" = "$exported" ] || fail "simulator $simulated, processes $exported"
done
if [ "$mode" = masked ]; then # the same survivors under masks and without: the sums are exact
  "$BIN/fedl-sim" run "$box/plan.ini" --set aggregation.mode=plain --partition "$box/partition" --quiet --json "$box/plain.json" >"$box/plain.log" 2>&1 ||
    fail "the plain simulation"
  [ "$(field model_digest <"$box/plain.json")" = "$exported" ] || fail "masks change the model"
  [ "$(sql 'SELECT count(*) FROM unmask_kind WHERE kind <> 1')" -eq 0 ] || fail "somebody vanished"
  [ "$(sql 'SELECT count(*) FROM group_sum')" -eq 6 ] || fail "sums: $(sql 'SELECT count(*) FROM group_sum')"
fi
echo "digest $exported, accuracy $accuracy, in processes and in the simulator"
