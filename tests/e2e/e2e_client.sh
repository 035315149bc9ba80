#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a device's owner does with fedl-client: --until-complete ends by itself with the final model,
# predict is right about rows it has never seen, status tells, SIGTERM is no error, leaving is final.
. "${SOURCE:?}/tests/e2e/lib.sh"
make_data 400
make_plan 's/^rounds .*/rounds = 12/'
init_server
start_server || fail "the server did not start"
for i in 1 2 3 4; do
  join_client $i
  "$BIN/fedl-client" run --home "$box/c$i" --images "$box/images" --labels "$box/labels" --until-complete \
    --rows "$box/partition:$((i - 1))" --log json >>"$box/client$i.log" 2>&1 &
  clients="$clients $!"
done
fedl task add "$box/plan.ini" >/dev/null
for pid in $clients; do
  wait "$pid" || fail "a client ended with $?"
done
clients=
[ "$("$BIN/fedl-client" status --json --home "$box/c1" | field digest)" = "$(newest_digest)" ] || fail "status: another digest"
for i in 1 2 3 4; do
  [ "$(grep -c '"event":"uploaded"' "$box/client$i.log")" -eq 12 ] || fail "client $i: not 12 updates"
  cmp "$box/c1/model" "$box/c$i/model" || fail "client $i holds another model"
  [ "$(stat -c %a "$box/c$i/identity")" = 600 ] || fail "the identity is not private"
done

"$BIN/fedl-client" predict --home "$box/c1" --images "$box/test-images" --labels "$box/test-labels" \
  >"$box/predicted" 2>"$box/summary.log" || fail "predict"
[ "$(wc -l <"$box/predicted")" -eq 400 ] || fail "not one line a row"
right=$(sed -n 's/ of 400 rows right.*//p' "$box/summary.log")
[ "$right" -ge 360 ] || fail "only $right of 400 rows right"
"$BIN/fedl-client" predict --home "$box/c1" --images "$box/labels" 2>>"$box/summary.log" && fail "predicts on labels"
grep -q '^model of task 1, version 13$' "$box/summary.log" || fail "whose model answers is not said: $(cat "$box/summary.log")"
# The model of a second task got lost, the one of the first answers: not in silence.
cp "$box/c1/model" "$box/first-model"
sed -e 's/^name .*/name = second/' -e 's/^rounds .*/rounds = 1/' \
  -e 's/^\(clients\|clients_max\|min_reports\|select\|pool\)\( *\)= 4/\1\2= 1/' "$box/plan.ini" >"$box/second.ini"
fedl task add "$box/second.ini" >/dev/null || fail "the second task"
"$BIN/fedl-client" run --home "$box/c1" --images "$box/images" --labels "$box/labels" --once >>"$box/client1.log" 2>&1 ||
  fail "the second task's client"
cp "$box/first-model" "$box/c1/model"
"$BIN/fedl-client" predict --home "$box/c1" --images "$box/test-images" >/dev/null 2>"$box/older.log" || fail "predict with the older model"
grep -q '^model of task 1, version 13; not the newest, which is version [12] of task 2 ' "$box/older.log" ||
  fail "an older task's model answers in silence: $(cat "$box/older.log")"

: >"$box/stop.log"
"$BIN/fedl-client" run --home "$box/c3" --images "$box/images" --labels "$box/labels" >>"$box/stop.log" 2>&1 &
clients=$!
tail --pid="$clients" -n +1 -f "$box/stop.log" 2>/dev/null | grep -q -m 1 connected
"$BIN/fedl-client" run --home "$box/c3" --csv x 2>>"$box/summary.log" && fail "two clients on one home"
kill -TERM "$clients"
wait "$clients" || fail "SIGTERM gives $?"
clients=

"$BIN/fedl-client" leave --home "$box/c2" >>"$box/client2.log" 2>&1 || fail "leave"
[ ! -e "$box/c2/identity" ] || fail "the identity is still there"
code=0
"$BIN/fedl-client" run --home "$box/c2" --csv x 2>>"$box/summary.log" || code=$?
[ "$code" -eq 4 ] || fail "after leaving: $code"
echo "12 rounds, $right of 400 rows right"
