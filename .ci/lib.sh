# What the gate and its checks share. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pinned_node=$root/node_modules/node/bin/node

fail() {
  echo "$*" >&2
  exit 1
}

# Makes $scratch, a folder that is gone at the end, and ends what `background` started, by its id, whatever happens.
use_scratch() {
  scratch=$(mktemp -d)
  background_ids=()
  trap end_scratch EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# A SIGTERM lets each end what it started itself (timeout its command, npm its script); five seconds, and it is killed.
end_scratch() {
  local id tries
  for id in "${background_ids[@]}"; do
    kill -TERM "$id" 2>/dev/null || continue
    for ((tries = 0; tries < 50; tries += 1)); do
      kill -0 "$id" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$id" 2>/dev/null || true
    # The exit code of one that was ended must not become ours.
    wait "$id" 2>/dev/null || true
  done
  rm -rf "$scratch"
}

# background LOG COMMAND…: starts a command, its output in a file; its id is $started.
background() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null &
  started=$!
  background_ids+=("$started")
}

# eventually SECONDS COMMAND…: tries until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# Debian's package lists, once; mirrors fail now and then.
update_packages() {
  apt-get update -qq || { sleep 5 && apt-get update -qq; }
}

# need COMMAND PACKAGE: installs a tool that is missing.
need() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] ||
    fail "$1 is missing, and only root on Debian can install it here: install the package $2."
  update_packages && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null ||
    fail "$1 is missing, and the package $2 could not be installed."
}

# Prints where promtool is. Out of Debian's package without installing that, which would start a Prometheus server.
promtool() {
  command -v promtool 2>/dev/null | grep / && return
  need dpkg-deb dpkg >&2
  (
    cd "$scratch" && update_packages && apt-get -qq -o APT::Sandbox::User=root download prometheus &&
      dpkg-deb -x prometheus_*.deb prometheus
  ) >&2 || fail 'promtool is missing, and the package prometheus could not be downloaded.'
  echo "$scratch/prometheus/usr/bin/promtool"
}

# Prints where prometheus is: beside promtool.
prometheus() {
  local promtool prometheus
  promtool=$(promtool) || return 1
  prometheus=$(dirname "$promtool")/prometheus
  [ -x "$prometheus" ] ||
    fail "promtool is at $promtool, and prometheus is not beside it: install the package prometheus."
  echo "$prometheus"
}

# Prints a port of loopback that nobody listens on, for what cannot choose one itself.
free_port() {
  "$pinned_node" -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

need_bundle() {
  [ -x "$root/dist/sidekeep.js" ] || fail 'dist/sidekeep.js is missing: run npm run build first.'
}

# start_bundle NODE FOLDER [YAML]: runs the bundle of a folder with a secret from the environment and nothing else around
# it, and with more of a configuration where there is some; then $api is where it answers, $log what it logs, $started its id.
start_bundle() {
  local config=$2/sidekeep.yaml
  log=$2/sidekeep.log
  cat >"$config" <<'YAML'
api:
  listen: 127.0.0.1:0
providers:
  local:
    type: env
    prefix: CI_SECRET_
secrets:
  password: { provider: local, key: PASSWORD, required: true }
log: { format: json }
YAML
  printf '%s\n' "${3:-}" >>"$config"
  background "$log" env -i CI_SECRET_PASSWORD=CANARY-ci-password "$1" "$2/sidekeep.js" run --config "$config"
  eventually 20 grep -q '"api":"http' "$log" || { cat "$log" >&2 && fail 'The bundle did not start.'; }
  api=$(sed -n 's/.*"api":"\(http:[^"]*\)".*/\1/p' "$log" | head -n 1)
  eventually 20 curl -sSf --max-time 5 "$api/readyz" || { cat "$log" >&2 && fail 'The bundle did not get ready.'; }
}
