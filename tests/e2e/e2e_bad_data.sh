#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrong data: the agent says which file, line and column, and what to do; the others do the task.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 2/; s/^deadline .*/deadline = 2s/; s/^attempts .*/attempts = 100/'
init_server
start_server || fail "the server did not start"
new_token bad
"$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c9" >>"$box/client9.log" 2>&1 || fail "join"
sim() { # PATTERN…: the simulator reads the same files and says the same
  refused "$@" -- "$BIN/fedl-sim" run "$box/wrong.ini" --quiet
}
wrong_images() { # FILE: a plan with these images, for the simulator
  sed "s|^train  *= .*|train = $1|" "$box/plan.ini" >"$box/wrong.ini"
}

# Files that are wrong by themselves: found before anything is sent.
agent() { # IMAGES LABELS PATTERN…
  images=$1
  labels=$2
  shift 2
  refused "$@" -- "$BIN/fedl-client" run --home "$box/c9" --images "$images" --labels "$labels"
}
agent "$box/nowhere" "$box/labels" 'nowhere' 'not found|no such|not there|missing'
wrong_images "$box/nowhere"
sim 'nowhere' 'not found|no such|not there|missing'
agent "$box" "$box/labels" "$box"
refused '--rows' -- "$BIN/fedl-client" run --home "$box/c9" --images "$box/images" --labels "$box/labels" --rows "$box/nowhere:0"
refused '--rows|partition' '99' -- "$BIN/fedl-client" run --home "$box/c9" --images "$box/images" --labels "$box/labels" --rows "$box/partition:99"
refused '--rows' -- "$BIN/fedl-client" run --home "$box/c9" --images "$box/images" --labels "$box/labels" --rows "$box/partition"
refused '--rows|partition' -- "$BIN/fedl-client" run --home "$box/c9" --images "$box/images" --labels "$box/labels" --rows "$box/images:0"
refused '--images|--csv' -- "$BIN/fedl-client" run --home "$box/c9"
refused 'not both' -- "$BIN/fedl-client" run --home "$box/c9" --images "$box/images" --csv "$box/images"

# What is in the files. The simulator reads them at once, the agent when a task comes whose plan says how.
"$TOOLS/make_shapes" "$box/images9" "$box/labels9" 100 3
head -c 3000 "$box/images9" >"$box/cut"
cp "$box/images9" "$box/magic"
printf '\001\002' | dd of="$box/magic" bs=1 conv=notrunc 2>/dev/null
"$TOOLS/make_shapes" "$box/more" "$box/labels-more" 120 3
{
  head -c 8 "$box/labels9"
  head -c 100 /dev/zero | tr '\0' '\011'
} >"$box/labels-range"
{ # 100 images of 4 x 16 = 64 inputs are fine; 100 of 4 x 4 are another architecture
  printf '\000\000\010\003\000\000\000\144\000\000\000\004\000\000\000\004'
  head -c 1600 /dev/zero
} >"$box/small"

sim_data() { # IMAGES LABELS PATTERN…
  sed "s|^train  *= .*|train = $1|; s|^train_labels  *= .*|train_labels = $2|" "$box/plan.ini" >"$box/wrong.ini"
  shift 2
  sim "$@"
}
sim_data "$box/cut" "$box/labels9" 'cut' 'bytes|truncated|ends' 'again'
sim_data "$box/magic" "$box/labels9" 'magic' 'not an IDX' 'IDX|--csv'
sim_data "$box/more" "$box/labels9" '120 images' '100 labels'
sim_data "$box/images9" "$box/labels-range" 'label 9' 'row 0' 'classes 0'
sim_data "$box/small" "$box/labels9" '16 inputs' 'wants 64'
sim_data "$box/labels9" "$box/images9" 'swapped|labels'

# An agent whose data does not fit says so and asks again later: another task may fit, the file may be
# repaired. It never trains on part of it.
says() { # PATTERN… -- DATA OPTIONS: the line that the agent writes when it is given the task
  patterns=
  while [ "$1" != -- ]; do
    patterns="$patterns
$1"
    shift
  done
  shift
  : >"$box/agent.log"
  "$BIN/fedl-client" run --home "$box/c9" "$@" >"$box/agent.log" 2>&1 &
  agent=$!
  clients="$clients $agent"
  wait_line "$box/agent.log" ' data: ' "$agent"
  kill -0 "$agent" || fail "the agent ended: $*"
  kill "$agent"
  wait "$agent" || true
  ! grep -q 'trained\|accepted' "$box/agent.log" || fail "the agent trained on wrong data: $*"
  grep -m 1 ' data: ' "$box/agent.log" >"$box/err"
  cat "$box/agent.log" >>"$box/all.log"
  last="agent with $*"
  old_ifs=$IFS
  IFS='
'
  # shellcheck disable=SC2086
  one_line $patterns
  IFS=$old_ifs
}
agent_says() { # IMAGES LABELS PATTERN…
  images=$1
  labels=$2
  shift 2
  says "$@" -- --images "$images" --labels "$labels"
}
for i in 1 2 3; do
  new_token "d$i"
  "$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c$i" >>"$box/client$i.log" 2>&1 || fail "join"
  start_client $i
done
fedl task add "$box/plan.ini" >/dev/null || fail "task add"
agent_says "$box/cut" "$box/labels9" 'cut' 'bytes|truncated|ends' 'again'
agent_says "$box/magic" "$box/labels9" 'magic' 'not an IDX' 'IDX|--csv'
agent_says "$box/more" "$box/labels9" '120 images' '100 labels'
agent_says "$box/images9" "$box/labels-range" 'label 9' 'row 0' 'classes 0'
agent_says "$box/small" "$box/labels9" '16 inputs' 'wants 64' 'task'
agent_says "$box/labels9" "$box/images9" 'swapped|labels'
printf 'a,b\n1,2\n' >"$box/table.csv"
says '--images' '--labels' -- --csv "$box/table.csv"
[ "$(sql 'SELECT count(*) FROM model')" -eq 1 ] || fail "a round was made of wrong data"

# The fourth good device completes it.
new_token d4
"$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c4" >>"$box/client4.log" 2>&1 || fail "join"
start_client 4
good_end 2
[ "$(sql "SELECT count(*) FROM member JOIN device USING (device_id) WHERE name = 'bad' AND counted = 1")" -eq 0 ] ||
  fail "the device with wrong data counted"
stop_server TERM
# shellcheck disable=SC2086
kill -9 $clients 2>/dev/null || true
clients=

# Tables: the same in the simulator and, with a task of one device, in the agent.
cat >"$box/table.ini" <<'INI'
[task]
name = table

[model]
layers = dense 4, relu, dense 2

[round]
rounds = 1
clients = 1
deadline = 2s
attempts = 100
retry = 100ms

[aggregation]
mode = plain

[data]
format = csv
label = class
column height = 5, 2
column width = 3, 1

[experiment]
train = table.csv
test = table.csv
clients = 1
INI
start_server || fail "the server did not start again"
fedl task add "$box/table.ini" >/dev/null 2>"$box/err" || fail "task add: $(cat "$box/err")"
table() { # CONTENT PATTERN…
  printf "$1" >"$box/table.csv"
  shift
  refused "$@" -- "$BIN/fedl-sim" run "$box/table.ini" --quiet
  says "$@" -- --csv "$box/table.csv"
}
table 'height,width,class\n5,3,0\n6,wide,1\n' 'table.csv:3' "'width'" "'wide'" 'no number' 'row'
table 'height,width,class\n5,3,0\n6,,1\n' 'table.csv:3' "'width'" 'row'
table 'height,width,class\n5,3,0\n6,nan,1\n' 'table.csv:3' "'width'" 'row'
table 'height,depth,class\n5,3,0\n6,4,1\n' "no column 'width'" 'rename|plan'
table 'height,width,kind\n5,3,0\n6,4,1\n' "no column 'class'" 'rename|plan'
table 'height,width,class\n5,3,0\n6,4,2\n' 'table.csv:3' "label '2'" 'classes 0 … 1'
table 'height,width,class\n5,3,0\n6,4,x\n' 'table.csv:3' "'class'" "'x'" 'number'
table 'height,width,class\n5,3,0\n6,4\n' 'table.csv:3' '2 columns' '3' 'repair'
table 'height,width,class\n5,3,0\n6,"4,1\n' 'table.csv:3' 'quote' 'repair'
table 'height,width,class\n' 'no row'
table '' 'no row|empty|header'
says 'table' '--csv' -- --images "$box/images" --labels "$box/labels"
[ "$(sql "SELECT count(*) FROM model JOIN task USING (task_id) WHERE name = 'table'")" -eq 1 ] || fail "a round was made of wrong tables"
printf 'height,width,class\n5,3,0\n6,4,1\n4,2,0\n7,5,1\n' >"$box/table.csv"
"$BIN/fedl-client" run --home "$box/c9" --csv "$box/table.csv" >>"$box/client9.log" 2>&1 &
clients=$!
fedl --json task watch table >"$box/watch"
grep -q '"state": *"complete"' "$box/watch" || fail "good rows do not complete the task"
no_secret
