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

# The pid of the broker of a directory while it lives. A pid that now belongs to another program is not ours
# to end.
broker_pid() {
  local dir=${1:-$state} pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  [[ $(ps -o args= -p "$pid" 2>/dev/null) == *"kafka.Kafka $dir/"* ]] || return 1
  echo "$pid"
}

# format_broker DIR CLUSTER: makes its data directory, once.
format_broker() {
  if [[ -f $1/data/meta.properties ]]; then return; fi
  java -cp "$libs/*" kafka.tools.StorageTool format -t "$2" -c "$1/server.properties" >"$1/kafka.log" 2>&1 ||
    { cat "$1/kafka.log" >&2; exit 1; }
}

# make_certificates DIR: an authority (ca.pem), a broker at 127.0.0.1 (broker.pem, with its key) and a client
# (client.pem, client.key), once. Kafka reads them as they are.
make_certificates() {
  local name
  if [[ -f $1/client.key ]]; then return; fi
  mkdir -p "$1"
  (
    cd "$1"
    umask 077
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=duolog-test-authority -keyout ca.key -out ca.pem
    for name in broker client; do
      openssl req -newkey rsa:2048 -nodes -subj "/CN=duolog-test-$name" -keyout "$name.key" -out "$name.csr"
      openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out "$name.pem" \
        -extfile <(echo "subjectAltName=IP:127.0.0.1")
    done
    cat broker.key >>broker.pem
  ) >"$1/openssl.log" 2>&1 || { cat "$1/openssl.log" >&2; exit 1; }
}

cluster_id() { echo "D$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)"; }

# launch_broker DIR: starts it in a session of its own: Ctrl-C stops the tests first, and the broker after them.
launch_broker() {
  local detach=() log=org.slf4j.simpleLogger
  if command -v setsid >/dev/null 2>&1; then detach=(setsid); fi
  # An empty array is an unset variable to the bash of macOS.
  ${detach[@]+"${detach[@]}"} java -Xms128m -Xmx384m -XX:+UseSerialGC \
    -D$log.defaultLogLevel=warn -D$log.log.kafka.server.KafkaRaftServer=info \
    -cp "$libs/*" kafka.Kafka "$1/server.properties" >"$1/kafka.log" 2>&1 </dev/null 9>&- &
  echo $! >"$1/pid"
}

# await_broker DIR: an open port is not enough; until its controller has admitted the broker, topics cannot be
# created.
await_broker() {
  local i
  for ((i = 0; i < 600; i++)); do
    if grep -q 'Kafka Server started' "$1/kafka.log"; then return; fi
    if ! broker_pid "$1" >/dev/null && ((i > 10)); then
      echo "kafka: the broker ended while starting:" >&2
      tail -n 20 "$1/kafka.log" >&2
      exit 1
    fi
    sleep 0.1
  done
  echo "kafka: not ready after 60 s, see $1/kafka.log" >&2
  stop_broker "$1"
  exit 1
}

# stop_broker DIR: in order, and by force after a while. Nothing running is a success.
stop_broker() {
  local pid i
  if pid=$(broker_pid "$1"); then
    kill "$pid"
    for ((i = 0; i < 150; i++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$1/pid"
}
