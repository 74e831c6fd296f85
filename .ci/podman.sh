# What the checks that run containers share: podman and what it needs, with settings that work without systemd and
# without more privileges than a container has. Sourced, not run.

podman_packages=(
  podman buildah runc catatonit containernetworking-plugins uidmap fuse-overlayfs ca-certificates binutils
)

# Prints why not, and fails, where containers cannot be run here and Debian's packages cannot mend that.
install_podman() {
  [ "$(id -u)" = 0 ] || {
    echo 'this check runs as root: its containers need control groups and a network'
    return 1
  }
  local package missing=()
  for package in "${podman_packages[@]}"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || {
    echo "missing, and there is no apt-get to install them: ${missing[*]}"
    return 1
  }
  {
    apt-get update --quiet=2 &&
      DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
  } >/dev/null || {
    echo "apt-get could not install ${missing[*]}"
    return 1
  }
}

# use_podman FOLDER: writes podman's settings there and names them by a variable, so that what the machine's own
# /etc/containers says stays untouched and out of play.
use_podman() {
  export CONTAINERS_CONF=$1/containers.conf
  cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
# Within what a container without privileges may have; the defaults ask for more.
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
# Hosts with control groups of both versions: crun refuses them, and systemd may not be there at all.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
  podman_pause_before=$(podman_pause_images)
}

# podman makes one for the process that holds a pod together.
podman_pause_images() { podman images --quiet --no-trunc localhost/podman-pause; }

# Where it was there before use_podman, it is not ours.
remove_pause_image() {
  [ -n "$podman_pause_before" ] || podman_pause_images | xargs --no-run-if-empty podman rmi --force
}
