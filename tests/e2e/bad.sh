# SPDX-License-Identifier: Apache-2.0
# What the tests of wrong input share. Each wrong thing has to give a non-zero exit status and one line
# on standard error that names the problem and a remedy; nothing may be lost, and no secret may show up
# in any log. Sourced by each e2e_bad_*.sh after lib.sh.

# A test that hangs is a failed one: this only bounds how long that takes.
guard="timeout -k 5 120"
: >"$box/all.log"

keep() { # CODE COMMAND…: what a command printed, for the search for secrets
  {
    echo "--- $*"
    cat "$box/out" "$box/err"
  } >>"$box/all.log"
}

# The last command's standard error is one line in which every pattern is found; ends the test if not.
one_line() { # PATTERN…
  lines=$(wc -l <"$box/err")
  [ "$lines" -eq 1 ] || fail "$lines lines on standard error instead of 1 ($last): $(cat "$box/err")"
  for pattern in "$@"; do
    grep -qiE -e "$pattern" "$box/err" || fail "'$pattern' is not said ($last): $(cat "$box/err")"
  done
  if grep -qE 'Sanitizer|runtime error' "$box/err"; then
    fail "a sanitizer's report ($last)"
  fi
}

# refused PATTERN… -- COMMAND…: it fails by itself and says why, in one line.
refused() {
  patterns=
  while [ "$1" != -- ]; do
    patterns="$patterns
$1"
    shift
  done
  shift
  last=$(echo "${1##*/} $*" | sed 's/ [^ ]*//; s/--token [^ ]*/--token …/')
  code=0
  # shellcheck disable=SC2086
  $guard "$@" >"$box/out" 2>"$box/err" </dev/null || code=$?
  keep "$code" "$last"
  [ "$code" -ne 0 ] || fail "not refused ($last)"
  [ "$code" -ne 124 ] && [ "$code" -ne 137 ] || fail "it did not end ($last)"
  [ "$code" -lt 126 ] || fail "ended by a signal, or not started: $code ($last)"
  old_ifs=$IFS
  IFS='
'
  # shellcheck disable=SC2086
  one_line $patterns
  IFS=$old_ifs
}

# The same, with the exit status that docs/cli.md promises.
refused_with() { # STATUS, then as refused
  wanted=$1
  shift
  refused "$@"
  [ "$code" -eq "$wanted" ] || fail "exit status $code instead of $wanted ($last)"
}

new_token() { # NAME: the token goes to $token and to the list of things that no log may show
  token=$(fedl --json device add "$1" | field token)
  [ -n "$token" ] || fail "no token for $1"
  echo "$token" >>"$box/tokens"
}

# Healthy clients do the whole task on this server: whatever was wrong before has left no mark.
good_run() { # ROUNDS
  for i in 1 2 3 4; do
    [ -d "$box/c$i" ] || { new_token "d$i" && "$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c$i" \
      >>"$box/client$i.log" 2>&1; } || fail "a good client can't join"
    start_client $i
  done
  fedl task add "$box/plan.ini" >"$box/out" 2>"$box/err" || fail "a good plan is refused: $(cat "$box/err")"
  good_end "$1"
}
good_end() { # ROUNDS
  fedl --json task watch >"$box/watch" 2>"$box/err" || fail "task watch: $(cat "$box/err")"
  grep -q '"state": *"complete"' "$box/watch" || fail "the task did not complete: $(tail -n 1 "$box/watch")"
  check_database "$1" 4
  fedl audit verify >"$box/out" 2>"$box/err" || fail "the audit log: $(cat "$box/err")"
}

# A line that contains TEXT has been written to FILE, or will be while PROCESS lives.
wait_line() { # FILE TEXT PROCESS
  : >>"$1" # the process may not have opened it yet
  tail --pid="$3" -n +1 -f "$1" 2>/dev/null | grep -q -m 1 -e "$2" || grep -q -e "$2" "$1" ||
    fail "'$2' never came in ${1##*/}"
}

# Neither tokens nor secret keys are in a log. The offsets are those of the parts that are secret.
no_secret() {
  keep_log
  if [ -s "$box/tokens" ]; then
    # The first 24 of 56 letters are secret; a part of 8 letters is enough to be a leak.
    tr 'a-z-' 'A-Z\n' <"$box/tokens" | awk 'NR % 7 >= 1 && NR % 7 <= 3' >"$box/token-parts"
    ! cat "$box"/*.log | tr 'a-z' 'A-Z' | grep -aF -f "$box/token-parts" || fail "a token is in a log"
    while read -r token; do
      "$TOOLS/token_tool" secret "$token"
    done <"$box/tokens" >"$box/secrets"
  fi
  for home in "$box"/server*; do
    [ ! -f "$home/server.key" ] || for range in 24:32 56:32 120:32 184:32; do
      "$TOOLS/token_tool" range "$home/server.key" "${range%:*}" "${range#*:}"
    done >>"$box/secrets"
  done
  for file in "$box"/c[0-9]*/identity*; do
    [ ! -f "$file" ] || for range in 28:32 92:32; do
      "$TOOLS/token_tool" range "$file" "${range%:*}" "${range#*:}"
    done >>"$box/secrets"
  done
  "$TOOLS/token_tool" leaks "$box/secrets" "$box"/*.log || fail "a secret is in a log"
}
