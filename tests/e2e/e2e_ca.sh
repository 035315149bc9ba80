#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A fleet whose CA key is not on the server: devices wait, are signed elsewhere, and train; what the server
# could smuggle in or mix up is refused.
. "${SOURCE:?}/tests/e2e/lib.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 2/'
port=$(free_port)
url=tcp://127.0.0.1:$port
"$BIN/fedl-server" init --home "$box/server" --listen "$url" --ca-out "$box/ca.key" >"$box/init.log" 2>&1 || fail "server init"
grep -q "nowhere else" "$box/init.log" || fail "init does not say where the CA key is"
[ "$(stat -c %a "$box/ca.key")" = 600 ] || fail "others may read the CA key"
# The seed of the CA key (bytes 24..55) is nowhere in the home.
seed=$(od -An -v -tx1 -j24 -N32 "$box/ca.key" | tr -d ' \n')
for file in "$box"/server/*; do
  ! od -An -v -tx1 "$file" | tr -d ' \n' | grep -q "$seed" || fail "$file holds the CA key"
done
if "$BIN/fedl-server" init --home "$box/other" --ca-out "$box/ca.key" >"$box/again.log" 2>&1; then fail "the CA key was overwritten"; fi
grep -q "there is a file already" "$box/again.log" || fail "no reason for the second init"
if "$BIN/fedl-server" init --home "$box/other" --ca-out "$box/none/ca.key" >"$box/none.log" 2>&1; then fail "a CA key in no folder"; fi
grep -q -- '--ca-out .*its folder is not there' "$box/none.log" || fail "no remedy for --ca-out: $(cat "$box/none.log")"
"$BIN/fedl-server" init --home "$box/other" --ca-out "$box/other.key" >"$box/again.log" 2>&1 || fail "init after a wrong --ca-out: $(cat "$box/again.log")"
start_server || fail "the first start"

# Nobody waits: nothing is written, and nothing to be signed or brought in is said to be so.
fedl device pending --out "$box/requests" >"$box/pending" 2>&1 || fail "pending without any"
grep -q 'no device waits' "$box/pending" || fail "nobody is said to wait"
[ ! -e "$box/requests" ] || fail "requests of nobody"
code=0
"$BIN/fedl" ca sign "$box/requests" --key "$box/ca.key" --out "$box/certificates" 2>"$box/err" || code=$?
[ "$code" -eq 5 ] && grep -q 'fedl device pending --out' "$box/err" || fail "signing a file that is not there: $(cat "$box/err")"
: >"$box/bad"
code=0
"$BIN/fedl" ca sign "$box/bad" --key "$box/ca.key" --out "$box/certificates" 2>"$box/err" || code=$?
[ "$code" -eq 5 ] && grep -q 'holds no request' "$box/err" || fail "signing nothing: $(cat "$box/err")"
[ ! -e "$box/certificates" ] && [ ! -e "$box/ca.key.signed" ] || fail "signing nothing wrote something"
code=0
fedl device certify "$box/bad" 2>"$box/err" || code=$?
[ "$code" -eq 5 ] && grep -q 'holds no certificate' "$box/err" || fail "certifying nothing: $(cat "$box/err")"

joins=
for i in 1 2 3 4; do
  token=$(fedl --json device add "d$i" | field token)
  "$BIN/fedl-client" join "$url" --token "$token" --allow-plain --timeout 300 --home "$box/c$i" >"$box/client$i.log" 2>&1 &
  eval "join$i=$!"
  joins="$joins $!"
done
clients=$joins
fedl device add waiting >"$box/added"
grep -q -- '--timeout 86400' "$box/added" && grep -q 'fedl device pending --out' "$box/added" || fail "adding does not tell of the wait"
# The log says when each of them waits; one whose join ends before was not made to.
for i in 1 2 3 4; do
  eval "joining=\$join$i"
  tail --pid="$joining" -n +1 -f "$box/server.log.now" | grep -q -m 1 "\"d$i\" waits for its certificate" || fail "d$i never came"
done
fedl device pending --out "$box/requests" >"$box/pending"
[ "$(wc -l <"$box/requests")" -eq 4 ] || fail "not four requests"
[ "$(fedl --json device pending | wc -l)" -eq 4 ] || fail "not four pending devices"
for i in 1 2 3 4; do
  [ ! -e "$box/c$i/identity" ] || fail "d$i is a member without a certificate"
done

# Elsewhere. Another fleet's request, a second key for a device, a second device for a key, nonsense: nothing is signed.
ca_sign() { # REQUESTS
  "$BIN/fedl" ca sign "$1" --key "$box/ca.key" --out "$box/certificates" >"$box/sign.log" 2>&1
}
refused() { # WHAT
  rm -f "$box/certificates"
  if ca_sign "$box/bad"; then fail "$1 was signed"; fi
  [ ! -e "$box/certificates" ] || fail "$1: something was written"
}
awk '{ $2 = "00000000000000000000000000000000"; print }' "$box/requests" >"$box/bad"
refused "another fleet"
echo "fedl-request-1 nonsense" >"$box/bad"
refused "nonsense"
ca_sign "$box/requests" || fail "signing: $(cat "$box/sign.log")"
cp "$box/certificates" "$box/good"
grep -q "device 1 'd1' key" "$box/sign.log" || fail "what is signed is not shown"
awk 'NR == 1 { $4 = "ff" substr($4, 3); print }' "$box/requests" >"$box/bad"
refused "a second key for device 1"
awk 'NR == 1 { $3 = 99; print }' "$box/requests" >"$box/bad"
refused "a second device for a key"
ca_sign "$box/requests" || fail "signing again"
cmp -s "$box/certificates" "$box/good" || fail "signing again gives others"
chmod 644 "$box/ca.key"
if ca_sign "$box/requests"; then fail "a key that others may read was used"; fi
chmod 600 "$box/ca.key"

# Back. A certificate of another device and a changed one are refused.
awk 'NR == 1 { id = $2 } NR == 2 { print $1, id, $3 }' "$box/good" >"$box/bad"
if fedl device certify "$box/bad" >"$box/bad.log" 2>&1; then fail "another device's certificate was taken"; fi
sed '1!d; s/.$/x/' "$box/good" >"$box/bad"
if fedl device certify "$box/bad" >"$box/bad.log" 2>&1; then fail "a broken line was taken"; fi
sed '1!d; s/0/1/g' "$box/good" >"$box/bad"
if fedl device certify "$box/bad" >"$box/bad.log" 2>&1; then fail "a changed certificate was taken"; fi
# The server may die in between: devices wait on.
stop_server KILL
start_server || fail "the start with pending devices"
fedl device certify "$box/good" >"$box/certify.log" || fail "certify"
# shellcheck disable=SC2086
for pid in $joins; do
  wait "$pid" || fail "a join ended with an error"
done
clients=
[ -z "$(fedl --json device pending)" ] || fail "somebody still waits"
[ "$(sql "SELECT count(*) FROM audit WHERE what = 'device-certify'")" -eq 4 ] || fail "the audit log does not tell it"
for i in 1 2 3 4; do
  start_client $i
done
fedl task add "$box/plan.ini" >/dev/null
fedl --json task watch >"$box/watch" || fail "watch"
grep -q '"state": *"complete"' "$box/watch" || fail "the task did not complete"
check_database 2 4
echo "four devices signed elsewhere, two rounds"
