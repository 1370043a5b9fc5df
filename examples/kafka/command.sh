#!/bin/sh
# Starts a workflow by a command on Kafka and prints the answer.
# usage: DUOLOG_TOKEN=… command.sh BROKERS PREFIX ID GOAL (a goal without quotes or backslashes)
set -eu
brokers=$1 prefix=$2 id=$3 goal=$4

# The id names the command for ever: sent twice it is carried out once.
printf '{"goal":"%s"}\n' "$goal" | kcat -b "$brokers" -t "$prefix.commands" -P -k "$id" \
  -H ce_specversion=1.0 -H "ce_id=$id" -H ce_source=/examples/command -H ce_type=dev.duolog.command.start_workflow.v1 \
  -H "ce_replyto=$prefix.replies" -H content-type=application/json -H "authorization=Bearer $DUOLOG_TOKEN"

# kcat reads what is there and ends; the answer may take a moment.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  answer=$(kcat -b "$brokers" -t "$prefix.replies" -C -e -q -f '%h %s\n' | grep -F "ce_subject=$id" | sed 's/^[^{]*//' | tail -n 1)
  if [ -n "$answer" ]; then
    echo "$answer"
    exit
  fi
  sleep 1
done
echo "no answer in time; send the same id again, it is the same command" >&2
exit 1
