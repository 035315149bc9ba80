#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fedl plan check: no server, a verdict in words or JSON, an exit status that scripts can use.
. "${SOURCE:?}/tests/e2e/lib.sh"

example=$SOURCE/examples/fashion-mnist/plan.ini
check() { # OVERRIDE…: JSON
  "$BIN/fedl" --home "$box/nowhere" --json plan check "$example" "$@"
}
is() { # FIELD VALUE OVERRIDE…
  name=$1
  value=$2
  shift 2
  got=$(check "$@" | sed -n "s/.*\"$name\":\"\{0,1\}\([^,\"}]*\).*/\1/p")
  echo "$got" | grep -qx -e "$value" || fail "$name is '$got', not '$value' with: $*"
}

is safe true aggregation.mode=plain
is aggregation plain aggregation.mode=plain
is vector_bytes 101888 aggregation.mode=plain
is devices_take_part false aggregation.mode=plain
is devices_take_part true aggregation.mode=masked
masked="aggregation.mode=masked aggregation.w_max=1 aggregation.w_unit=0 aggregation.ring_bits=32"
# shellcheck disable=SC2086
{
  is graph complete $masked
  is k 9 $masked
  is t 6 $masked
  is vanish_max 3 $masked
  big="$masked round.clients=1000 round.select=1000 aggregation.clients_max=1000 round.pool=1000 experiment.clients=1000 round.min_reports=500"
  is graph ring $big
  is k 70 $big # the band from 1000 to 1999; 66 would do for 1000 alone
  is t 52 $big
  is vanish_max 50 $big
  is k 94 $big aggregation.trust=active
}

"$BIN/fedl" plan check "$example" $masked >"$box/words" || fail "the example is refused"
for word in 'complete: 9 neighbours each, 6 of them unmask' '3 of 10 after training' \
  'trust = curious: a server that lies' 'with 3 of its neighbours on its side' 'privacy .*none'; do
  grep -q "$word" "$box/words" || fail "no '$word' in: $(cat "$box/words")"
done
"$BIN/fedl" plan check "$example" $masked aggregation.trust=active >"$box/words"
grep -q 'against a server that lies' "$box/words" || fail "no word about trust = active"
grep -q 'note .*fedl-server init --ca-out.*fedl ca sign' "$box/words" || fail "no word about the CA's key"
# shellcheck disable=SC2086
"$BIN/fedl" plan check "$example" $big >"$box/words"
grep -q "note .*step 'shares': .*822 messages of 256 bytes.*step_timeout=42s" "$box/words" || fail "no word about slow links: $(cat "$box/words")"
# shellcheck disable=SC2086
"$BIN/fedl" plan check "$example" $big aggregation.gamma=1% aggregation.step_dropout=10% aggregation.step_timeout=60s >"$box/words"
grep -q 'no device has to help it' "$box/words" || fail "no word about isolation: $(cat "$box/words")"
! grep -q '^note' "$box/words" || fail "a note about nothing: $(cat "$box/words")"
"$BIN/fedl" plan check "$example" aggregation.mode=plain >"$box/words"
grep -q "it sees each device's update" "$box/words" || fail "no word about plain"

central="aggregation.mode=plain aggregation.w_max=1 aggregation.w_unit=0 aggregation.ring_bits=24 aggregation.clip=1
  aggregation.update_exp=-10 round.rounds=10 privacy.mode=central privacy.sigma=1200 privacy.epsilon=19"
# shellcheck disable=SC2086
{
  is budget_rounds 12 $central
  "$BIN/fedl" plan check "$example" $central >"$box/words" || fail "a central plan is refused"
}
# The page shows these words.
grep -A3 '^privacy  ' "$box/words" >"$box/privacy"
grep -A3 '^privacy  .*the server adds' "$SOURCE/docs/privacy.md" | cmp - "$box/privacy" ||
  fail "docs/privacy.md does not show: $(cat "$box/privacy")"

# shellcheck disable=SC2086
{
  is verdict safe $masked
  is expected_dropout 0.1 $masked round.expected_dropout=10% round.select=14 round.pool=14 experiment.clients=14
  is step_dropout 0.05 $masked
  is gamma 0.1 $masked
  is failure '0.00[0-9]*' $masked
  is bits_per_parameter '32[0-9.]*' $masked
  is bytes_up '[0-9]*' $masked
  is bytes_down '[0-9]*' $masked
  is epsilon_round null $masked
  is epsilon_task null $masked
  private="aggregation.mode=masked aggregation.w_unit=0 aggregation.w_max=1 aggregation.ring_bits=32 privacy.mode=distributed privacy.sigma=100 privacy.epsilon=300"
  is epsilon_round '[0-9.]*' $private aggregation.update_exp=-6
  is epsilon_task '[0-9.]*' $private aggregation.update_exp=-6
  is opened_by_following 52 $big
  is opened_by_lying 18 $big
  is opened_by_lying 0 $big aggregation.gamma=1% aggregation.step_dropout=10%
}

if check $masked aggregation.min_cohort=2 >"$box/json" 2>"$box/err"; then
  fail "min_cohort = 2 is accepted"
fi
grep -q '"safe":false,.*"reason":".*from 3 to 65535' "$box/json" || fail "no reason: $(cat "$box/json")"
code=0
"$BIN/fedl" plan check "$example" $masked aggregation.step_dropout=40% 2>"$box/err" || code=$?
[ "$code" -eq 6 ] || fail "exit status $code, not 6"
grep -q 'use aggregation.step_dropout=26%' "$box/err" || fail "no nearest good value: $(cat "$box/err")"
"$BIN/fedl" plan check "$example" $masked aggregation.step_dropout=26% >/dev/null || fail "the nearest value is refused"
code=0
check $masked round.min_reports=10 >"$box/json" 2>"$box/err" || code=$?
[ "$code" -eq 6 ] || fail "exit status $code, not 6"
grep -q '"verdict":"refused".*"remedies":\["round.min_reports=9".*"failure":0.4' "$box/json" ||
  fail "a refusal without its numbers: $(cat "$box/json")"
code=0
check trian.lr=1 >"$box/json" 2>/dev/null || code=$?
[ "$code" -eq 5 ] || fail "exit status $code, not 5"
grep -q '"verdict":"unreadable"' "$box/json" || fail "no verdict: $(cat "$box/json")"
code=0
"$BIN/fedl" plan check 2>"$box/err" || code=$?
[ "$code" -eq 2 ] || fail "exit status $code, not 2"

# The page shows what the program says (the memory of the server is any).
(cd "$SOURCE" && "$BIN/fedl" plan check examples/fashion-mnist/plan.ini aggregation.mode=masked) |
  sed '/^server/d' >"$box/said"
sed -n '/^\$ fedl plan check/,/^```/p' "$SOURCE/docs/plan.md" | sed '/^\$/d; /^```/d; /^server/d' >"$box/shown"
cmp -s "$box/said" "$box/shown" || fail "docs/plan.md shows another report: $(diff "$box/said" "$box/shown")"
