#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Masked rounds in real processes: devices that were told nothing agree to a masked plan and to no
# plain one; the sums, and so the model, are those of plain rounds, bit for bit.
. "${SOURCE:?}/tests/e2e/lib.sh"
make_data 800
make_plan 's/^rounds .*/rounds = 4/; s/^clients .*/clients = 6/; s/^min_reports .*/min_reports = 6/; s/^select .*/select = 6/
  s/^pool .*/pool = 6/; s/^clients_max .*/clients_max = 6/'
init_server
start_server || fail "the server did not start"
for i in 1 2 3 4 5 6; do
  token=$(fedl --json device add "d$i" | field token)
  "$BIN/fedl-client" join "$url" --token "$token" --home "$box/c$i" >>"$box/client$i.log" 2>&1 || fail "join of d$i"
  start_client $i
done

# Their policy is the default: not plain.
fedl task add "$box/plan.ini" >/dev/null 2>"$box/warned"
grep -q 'devices refuse this unless their owners allow it: .*masking' "$box/warned" || fail "no word of the devices: $(cat "$box/warned")"
tail --pid="$client1" -n +1 -f "$box/client1.log" | grep -q -m 1 'this site asks for masking; .*--allow-plain'
fedl task pause 1 >/dev/null

sed 's/^mode .*/mode = masked/; s/^name .*/name = masked/' "$box/plan.ini" >"$box/masked.ini"
fedl task add "$box/masked.ini" >/dev/null 2>"$box/warned" || fail "the masked plan is refused"
[ ! -s "$box/warned" ] || fail "a warning of a plan that all take: $(cat "$box/warned")"
fedl --json task watch masked >"$box/watch"
grep -q '"state": *"complete"' "$box/watch" || fail "the task did not complete"
exported=$(fedl --json model export --task masked --out "$box/model" | field digest)
[ "$(sql 'SELECT count(*) FROM round WHERE state = 3')" -eq 4 ] || fail "committed rounds"
grep -q 'masking with 6 devices' "$box/client1.log" || fail "nothing was masked"

"$BIN/fedl-sim" run "$box/plan.ini" --partition "$box/partition" --quiet --json "$box/sim.json" >"$box/sim.log" 2>&1 ||
  fail "the simulation"
[ "$(field model_digest <"$box/sim.json")" = "$exported" ] || fail "masked and plain rounds differ"
echo "digest $exported, masked in processes and plain in the simulator"
