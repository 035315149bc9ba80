#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Devices that may not, or can't, take part: revoked, of another server, with a damaged home. They say
# so; everybody else goes on.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 3/'
init_server
start_server || fail "the server did not start"
for i in 1 2 3 4 5; do
  new_token "d$i"
  "$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c$i" >>"$box/client$i.log" 2>&1 || fail "join of d$i"
done
run_args="--images $box/images --labels $box/labels --rows $box/partition:0"
start_fifth() { # the partition is for four: the fifth takes the first one's rows
  # shellcheck disable=SC2086
  "$BIN/fedl-client" run --home "$box/c5" $run_args >>"$box/client5.log" 2>&1 &
  client5=$!
  clients="$clients $client5"
}
run_refused() { # HOME PATTERN…: the agent does not start on that home, and changes nothing there
  home=$1
  shift
  # shellcheck disable=SC2086
  refused "$@" -- "$BIN/fedl-client" run --home "$home" $run_args
}
damaged() { # a copy of a good home
  rm -rf "$box/c9"
  cp -a "$box/c1" "$box/c9"
}
identity=$(find "$box/c1" -name 'identity*' -type f | head -n 1)
identity=${identity##*/}
[ -n "$identity" ] || fail "no identity file"

# The identity.
run_refused "$box/nowhere" 'nowhere' 'join'
damaged
printf 'XXXX' | dd of="$box/c9/$identity" bs=1 seek=100 conv=notrunc 2>/dev/null
run_refused "$box/c9" "$identity" 'damaged|corrupt' 'backup|join'
damaged
truncate -s 100 "$box/c9/$identity"
run_refused "$box/c9" "$identity" 'backup|join'
damaged
: >"$box/c9/$identity"
run_refused "$box/c9" "$identity" 'backup|join'
damaged
rm "$box/c9/$identity"
run_refused "$box/c9" 'join'
damaged
chmod 644 "$box/c9/$identity"
run_refused "$box/c9" "$identity" 'chmod 600'
rm -rf "$box/c9"
if [ "$(id -u)" -eq 0 ] && setpriv --reuid 65534 --clear-groups -- "$BIN/fedl-client" --version >/dev/null 2>&1; then
  chmod 755 "$box"
  # shellcheck disable=SC2086
  refused 'c1' 'permission' 'user|--home' -- setpriv --reuid 65534 --clear-groups -- "$BIN/fedl-client" run --home "$box/c1" $run_args
fi

# Two agents on one home: the second ends, the first goes on. An agent that is connected has the home.
: >"$box/client5.log"
start_fifth
wait_line "$box/client5.log" 'connected' "$client5"
run_refused "$box/c5" 'another|running|in use' 'stop|--home'
kill -0 "$client5" || fail "the first agent on the home ended"

# Revoked while it runs: at once, and for good.
fedl device revoke d5 >/dev/null || fail "revoke"
wait_line "$box/client5.log" 'refuses' "$client5"
[ "$(fedl --json device list | grep '"d5"' | field connected)" != true ] || fail "a revoked device is connected"
kill -9 "$client5" 2>/dev/null || true
wait "$client5" 2>/dev/null || true
: >"$box/client5.log"
start_fifth
wait_line "$box/client5.log" 'refuses' "$client5"
[ "$(fedl --json device list | grep '"d5"' | field connected)" != true ] || fail "a revoked device came in again"

# Another server took the place: devices pin the key, nothing is trained for it, nothing is lost.
stop_server TERM
mv "$box/server" "$box/server-good"
"$BIN/fedl-server" init --home "$box/server" --listen "$url" >"$box/init.log" 2>&1 || fail "the other server"
start_server || fail "the other server did not start"
start_client 1
# shellcheck disable=SC2154
wait_line "$box/client1.log" 'refuses' "$client1"
[ "$(fedl --json device list | wc -l)" -eq 0 ] || fail "a stranger became a device"
stop_server TERM
mv "$box/server" "$box/server-other"
mv "$box/server-good" "$box/server"
start_server || fail "the good server did not start again"
kill -9 "$client1"
wait "$client1" 2>/dev/null || true
good_run 3
! grep -qi 'trained\|uploaded' "$box/client5.log" || fail "the revoked device took part"
[ "$(sql "SELECT count(*) FROM member JOIN device USING (device_id) WHERE name = 'd5'")" -eq 0 ] || fail "the revoked device was chosen"
no_secret
