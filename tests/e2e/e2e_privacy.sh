#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Noise of the devices in real processes: a device refuses a plan that may spend more than its owner
# allows, the server dies in an attempt, and the task ends with its budget, a round early. Then the
# ledgers of server and devices say the same.
. "${SOURCE:?}/tests/e2e/lib.sh"
devices=5
mode=masked
make_data 400
make_plan 's/^rounds .*/rounds = 3/; s/^deadline .*/deadline = 30s/; s/^clip .*/clip = 1/; s/^w_unit .*/w_unit = 0/; s/^w_max .*/w_max = 1/
  s/^ring_bits .*/ring_bits = 16\nupdate_exp = -8\nmin_cohort = 5/'
cat >>"$box/plan.ini" <<'END'
[privacy]
mode = distributed
sigma = 64
delta = 0.00001
epsilon = 1000
END
# The smallest budget that the plan is accepted with: three attempts, no more.
three=$("$BIN/fedl" --json plan check "$box/plan.ini" | field epsilon_task)
budget=$(echo "$three" | awk '{ printf "%.3f", $1 + 0.001 }')
sed -i "s/^epsilon .*/epsilon = $budget/" "$box/plan.ini"
"$BIN/fedl" plan check "$box/plan.ini" | grep -q 'the budget pays for 3 attempts' || fail "the budget $budget"

init_server
FEDL_CRASH=group-commit.before-commit start_server || fail "the server did not start"
for i in 1 2 3 4 5; do
  token=$(fedl --json device add "d$i" | field token)
  # Of two options for a key the last one holds, and alone gets into the file.
  limit=$([ $i = 1 ] && echo "--policy epsilon_max=900 --policy epsilon_max=2" || true)
  # shellcheck disable=SC2086
  "$BIN/fedl-client" join "$url" --token "$token" --home "$box/c$i" $limit >>"$box/client$i.log" 2>&1 || fail "join of d$i"
  start_client $i
done
[ "$(grep -c epsilon_max "$box/c1/policy")" -eq 1 ] || fail "the policy: $(cat "$box/c1/policy")"

# Attempt 1.1: d1 does not agree at first, the others wait for it to be ready.
fedl task add "$box/plan.ini" >/dev/null || fail "the plan is refused"
tail --pid="$client1" -n +1 -f "$box/client1.log" |
  grep -q -m 1 'the plan may spend more privacy than this site allows' || fail "d1 agrees"
kill "$client1"
wait "$client1" 2>/dev/null || true
echo "epsilon_max = any # its owner has thought again" >"$box/c1/policy"
start_client 1

# The server dies just before its commit point. It can't know what devices have charged.
wait "$server" 2>/dev/null || true
keep_log
start_server || fail "the start after the crash"
fedl --json task watch >"$box/watch" || fail "task watch"
grep -q '"state": *"complete"' "$box/watch" || fail "the task did not complete"
grep -q '"train_loss": *null' "$box/watch" || fail "a loss is told"
fedl task watch | grep -q 'complete' || fail "the task's end"

grep -q 'the privacy budget is spent' "$box/server.log.now" || fail "the reason is not in the log"
charges=$(sql "SELECT group_concat(round || '.' || attempt, ' ') FROM (SELECT * FROM privacy_ledger ORDER BY round, attempt)")
[ "$charges" = "1.1 1.2 2.1" ] || fail "charged were: $charges"
[ "$(sql 'SELECT count(*) FROM round WHERE state = 3')" -eq 2 ] || fail "committed rounds"
fedl --json task show >"$box/show"
[ "$(field delta <"$box/show")" = 1e-05 ] || fail "delta: $(cat "$box/show")"
[ "$(field epsilon_spent <"$box/show")" = "$three" ] || fail "$three was to be spent: $(cat "$box/show")"
spent=$(field rho_spent <"$box/show")
awk -v s="$spent" -v b="$(field rho_budget <"$box/show")" 'BEGIN { exit !(s > 0 && s <= b && s * 4 / 3 > b) }' || fail "rho: $(cat "$box/show")"
fedl task show | grep -q '^epsilon of the budget' || fail "the table: $(fedl task show)"
for i in 1 2 3 4 5; do
  mine=$("$BIN/fedl-client" status --json --home "$box/c$i" | field rho_spent)
  awk -v a="$mine" -v b="$spent" 'BEGIN { exit !(a > b * (1 - 1e-9) && a < b * (1 + 1e-9)) }' ||
    fail "d$i has spent $mine, the server $spent"
done
echo "epsilon $three spent in $charges; two of three rounds committed"
