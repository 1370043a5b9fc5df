# What up, down and with-kafka share. Sourced, not run.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache/kafka
libs=$cache/libs
state=${KAFKA_STATE:-$cache/state}

# Exit code 77 means "skipped" to test runners: the machine lacks something, nothing is broken.
need() {
  command -v "$1" >/dev/null 2>&1 && return
  echo "kafka: $1 is missing; install it: apt-get install $2 (or brew install $3)" >&2
  exit 77
}

# The jars are resolved once for each content of pom.xml; a half-filled directory is never used.
# Runners that start together wait for each other where flock exists.
resolve_jars() {
  local want
  want=$(cksum <"$here/pom.xml")
  mkdir -p "$cache"
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$cache/libs.lock"
    flock 9
  fi
  if [[ $(cat "$libs/.pom" 2>/dev/null) != "$want" ]]; then
    echo "kafka: resolving the jars of pom.xml (44 MB, once)" >&2
    rm -rf "$libs" "$libs.new"
    mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$libs.new" >&2
    echo "$want" >"$libs.new/.pom"
    mv "$libs.new" "$libs"
  fi
  exec 9>&-
}

open_port() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A free port below the range the kernel hands out, so that no outgoing connection takes it meanwhile.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    open_port "$port" || break
  done
  echo "$port"
}

# The broker's pid while it lives. A pid that now belongs to another program is not ours to end.
broker_pid() {
  local pid
  pid=$(cat "$state/pid" 2>/dev/null) || return 1
  [[ $(ps -o args= -p "$pid" 2>/dev/null) == *"kafka.Kafka $state/"* ]] || return 1
  echo "$pid"
}
