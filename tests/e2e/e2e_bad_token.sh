#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Joining with every kind of wrong token: refused in one line, no identity is made, no other device's
# invitation is touched.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 2/'
init_server
start_server || fail "the server did not start"
new_token d1
good=$token

join_refused() { # URL TOKEN PATTERN…
  to=$1
  with=$2
  shift 2
  refused "$@" -- "$BIN/fedl-client" join "$to" --token "$with" --home "$box/x" --timeout "${patience:-60}"
  [ -z "$(find "$box/x" -type f -size +0 -name 'identity*' 2>/dev/null)" ] || fail "a refused join made an identity ($last)"
  [ -z "$with" ] || ! grep -qiF -e "$(echo "$with" | cut -c1-17)" "$box/err" "$box/out" || fail "the token is repeated ($last)"
}
tool() {
  "$TOOLS/token_tool" "$@"
}

# What the device sees by itself.
join_refused "$url" "$(tool typo "$good")" 'token' 'typ|copied|checksum' 'again|check|copy'
join_refused "$url" "$(echo "$good" | cut -c1-40)" 'token' 'incomplete|short|length|letters|not a token|malformed|whole'
join_refused "$url" '' 'token'
join_refused "$url" "$(tool other-server "$good")" 'other|another|not the server|fingerprint|belongs' 'token|url|address'
join_refused 'http://127.0.0.1:80' "$good" 'http://|url' 'tcp://'
patience=1
join_refused "tcp://127.0.0.1:$(free_port)" "$good" 'connect|reach|answer' 'running|address|check|server'
patience=60

# What the server says.
join_refused "$url" "$(tool other-secret "$good")" 'token' 'unknown|used|expired' 'device add|new'
new_token d2
"$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c2" >>"$box/client2.log" 2>&1 || fail "a good join"
join_refused "$url" "$token" 'token' 'unknown|used|expired' 'device add|new'
new_token gone
fedl device revoke gone >/dev/null || fail "revoking an invited device"
join_refused "$url" "$token" 'token' 'unknown|used|expired' 'device add|new'

# Expired while the server was down: the test turns the clock by turning the date that is stored.
new_token late
stop_server TERM
sqlite3 "$box/server/fedl.db" \
  "UPDATE enrolment_token SET expires_s = 1700000000 WHERE device_id = (SELECT device_id FROM device WHERE name = 'late')"
start_server || fail "the restart"
join_refused "$url" "$token" 'token' 'unknown|used|expired' 'device add|new'

# A real other server, and joining twice.
other=tcp://127.0.0.1:$(free_port)
"$BIN/fedl-server" init --home "$box/server2" --listen "$other" >"$box/init.log" 2>&1 || fail "the other server's init"
"$BIN/fedl-server" run --home "$box/server2" >"$box/server2.log" 2>&1 &
clients="$clients $!"
wait_line "$box/server2.log" ready $!
join_refused "$other" "$good" 'other|another|not the server|fingerprint|belongs' 'token|url|address'
b2sum "$box"/c2/* >"$box/sums"
refused 'already|joined|exists' '--home|leave' -- "$BIN/fedl-client" join "$url" --token "$good" --allow-plain --home "$box/c2"
b2sum --quiet -c "$box/sums" || fail "a refused join changed the identity that was there"

# Nothing of this has used the good token up.
"$BIN/fedl-client" join "$url" --token "$good" --allow-plain --home "$box/c1" >>"$box/client1.log" 2>&1 || fail "the good token works no more"
good_run 2
no_secret
