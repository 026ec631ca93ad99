# Shared by the scripts of this folder; sourced, never run.
# Rule of the house: a script says in words what is missing and what to type next.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
assets="$root/server/internal/web/assets"

# Whoever runs our scripts trusts this checkout; git asks again where another user owns it, as in a CI container.
if [[ -z ${GIT_CONFIG_COUNT:-} ]]; then
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$root"
fi

# say prints a line about the script's progress; fail prints why it stops, and stops.
say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "scripts/$(basename "$0")" "$*" >&2
  exit 1
}

# usage prints the comment block at the top of the calling script.
usage() {
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"
}

have() { command -v "$1" >/dev/null 2>&1; }

# need COMMAND PACKAGE... installs the Debian packages when COMMAND is absent.
# Nothing is touched where the command is there already.
need() {
  local command=$1
  shift
  have "$command" && return
  install_for "$command" "$@"
  hash -r
  have "$command" || fail "$command is still missing after installing $*."
}

# install_for WHAT PACKAGE... installs Debian packages, for whose sake is said.
install_for() {
  local what=$1
  shift
  have apt-get || fail "$what is missing. Install it (on Debian: $*) and run this again."
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    if have sudo && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      fail "$what is missing. Run as root or type: sudo apt-get install $*"
    fi
  fi
  say "installing $* (for $what)"
  # One refresh a run: a fresh machine has no package lists at all.
  if [[ -z ${ILLUMI_APT_FRESH:-} ]]; then
    "${as_root[@]}" apt-get update -qq </dev/null ||
      fail "the package lists could not be refreshed. Check the network, then run this again."
    export ILLUMI_APT_FRESH=1
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" </dev/null ||
    fail "apt-get could not install $*. Its own words are above."
}

# The distribution's own Python, which sees its packages; another may come first on the PATH.
system_python=/usr/bin/python3

# need_python MODULE PACKAGE installs a Debian package of Python where its module is absent.
need_python() {
  "$system_python" -c "import $1" 2>/dev/null && return
  install_for "Python's $1" "$2"
  "$system_python" -c "import $1" || fail "Python's $1 is still missing after installing $2."
}

# need_go puts a Go on the PATH that is new enough for go.mod.
need_go() {
  local dir want got
  if ! have go; then
    for dir in /usr/local/go/bin /usr/lib/go/bin "$HOME/go/bin" "$HOME/sdk/go/bin"; do
      if [[ -x $dir/go ]]; then
        PATH="$dir:$PATH"
        break
      fi
    done
  fi
  want=$(awk '$1 == "go" { print $2; exit }' "$root/go.mod")
  have go || fail "Go is missing. Install Go $want or newer, then run this again."
  got=$(cd "$root" && go env GOVERSION) || fail "'go env' failed in $root."
  got=${got#go}
  [[ $(printf '%s\n%s\n' "$want" "$got" | sort -V | head -n 1) == "$want" ]] ||
    fail "Go $got is too old: $want or newer is needed."
  # The shipped binaries have no C in them; only the race detector asks for it.
  export CGO_ENABLED=0
}

# need_node puts Node and npm on the PATH.
need_node() {
  need node nodejs
  need npm npm
  local major
  major=$(node --print 'process.versions.node.split(".")[0]') || fail "node does not start."
  ((major >= 20)) || fail "Node $major is too old: 20 or newer is needed."
}

# version is what the binaries call themselves.
version() {
  git -C "$root" describe --tags --always --dirty 2>/dev/null || echo dev
}

# digest prints one SHA-256 over names and bytes of the files read from stdin.
digest() { sort | xargs -d '\n' sha256sum | sha256sum | cut -d ' ' -f 1; }

# npm_modules installs the pinned npm packages, only when the lock file changed.
npm_modules() {
  need_node
  local stamp="$assets/node_modules/.illumi-lock" want
  want=$(cd "$assets" && sha256sum package-lock.json .npmrc | sha256sum | cut -d ' ' -f 1)
  [[ -f $stamp && $(<"$stamp") == "$want" ]] && return
  say "installing the npm packages of the pages"
  (cd "$assets" && npm ci --no-audit --no-fund --loglevel=error </dev/null) ||
    fail "npm could not install the packages named in package-lock.json. Its own words are above."
  printf '%s' "$want" >"$stamp"
}

# web_assets bundles scripts and styles of the pages into dist/, only when a source changed.
# The lock keeps two builds in one checkout from writing into each other's output.
web_assets() {
  local stamp="$assets/node_modules/.illumi-bundle" want
  need flock util-linux
  exec 8>"$(git -C "$root" rev-parse --absolute-git-dir 2>/dev/null || echo "${TMPDIR:-/tmp}")/illumi-assets.lock"
  flock 8
  npm_modules
  want=$(cd "$assets" && find package-lock.json build.mjs src -type f | digest)
  if [[ ! -f $assets/dist/manifest.json || ! -f $stamp || $(<"$stamp") != "$want" ]]; then
    (cd "$assets" && node build.mjs) || fail "the pages' scripts and styles could not be bundled."
    printf '%s' "$want" >"$stamp"
  fi
  flock -u 8
  exec 8>&-
}
