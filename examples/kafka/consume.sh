#!/bin/sh
# Follows everything that happens, from the first event on.
# usage: consume.sh BROKERS TOPIC
exec kcat -b "$1" -t "$2" -C -q -u -o beginning -f '%h\n'
