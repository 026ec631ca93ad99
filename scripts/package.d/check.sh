# What scripts/package --check does with the packages it built; sourced there, never run.
# shellcheck shell=bash
# The names of the calling script: version, only, out, work, make_package.
# shellcheck disable=SC2154

# shellcheck source=boot.sh
. "$root/scripts/package.d/boot.sh"

# Where chroot is.
PATH=$PATH:/usr/sbin:/sbin

# hold WHAT CONDITION... stops the check where something is not as it must be.
hold() {
  local what=$1
  shift
  "$@" || fail "$what (checked by: $*)"
}

check_lintian() {
  local which
  need lintian lintian
  local options=(--fail-on error --tag-display-limit 0)
  [[ $(id -u) -ne 0 ]] || options+=(--allow-root)
  for which in "${only[@]}"; do
    lintian "${options[@]}" "$out/${which%_*}_${version}_${which#*_}.deb" ||
      fail "lintian finds errors in $which; they are above."
  done
}

check_units() {
  need systemd-analyze systemd
  go test -count=1 ./systemd
}

# The same commit must give the same bytes, or nobody can check what is on a box.
check_same() {
  # Programs as well are linked anew.
  local which made=$work/again/made
  mkdir -p "$made"
  for which in "${only[@]}"; do
    make_package "$which" "$work/again"
    cmp "$out/${which%_*}_${version}_${which#*_}.deb" "$work/again/"*"_${which#*_}.deb" ||
      fail "$which was built twice and came out different."
    rm -f "$work/again/"*.deb
  done
}

# A new Debian for each check: the one of this machine's release, with what the packages depend on.
new_debian() {
  local suite store sources=()
  need mmdebstrap mmdebstrap
  suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  if [[ -n $suite && $(. /etc/os-release && printf '%s' "$ID") == debian ]]; then
    # With the mirror that this machine uses.
    sources=(/etc/apt/sources.list.d/debian.sources)
    [[ -f ${sources[0]} ]] || sources=(/etc/apt/sources.list)
  else
    suite=bookworm
    [[ -f /usr/share/keyrings/debian-archive-keyring.gpg ]] || install_for "mmdebstrap" debian-archive-keyring
  fi
  store=${XDG_CACHE_HOME:-$HOME/.cache}/illumi-debian/$suite-2.tar
  if [[ ! -f $store ]]; then
    mkdir -p "$(dirname "$store")"
    say "making a small Debian ($suite) for the checks; once"
    mmdebstrap --quiet --variant=minbase --include=systemd,udev,dbus,ca-certificates,alsa-utils \
      "$suite" "${store%.tar}.new.tar" "${sources[@]}" || fail "mmdebstrap could not make a Debian. Its own words are above."
    mv "${store%.tar}.new.tar" "$store"
  fi
  debian=$work/debian
  rm -rf "$debian"
  mkdir "$debian"
  tar -xf "$store" -C "$debian" --exclude='./dev/*'
  mkdir -p "$debian/dev" "$debian/packages"
  # No device nodes are needed beyond this one, which some containers do not let us make.
  : >"$debian/dev/null"
  chmod 0666 "$debian/dev/null"
}

# old_package WHICH puts a version before all others into the new Debian: the one that is upgraded.
old_package() {
  local name=${1%_*} arch=${1#*_} file
  file=$work/${name}_0.0~0_$arch.deb
  [[ -f $file ]] || make_package "$1" "$work" '0.0~0'
  cp "$file" "$debian/packages/"
}

inside() { chroot "$debian" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }

# dpkg_inside ARGUMENTS... keeps what the maintainer scripts print in $work/said.
dpkg_inside() {
  inside dpkg "$@" >"$work/said" 2>&1 || {
    cat "$work/said" >&2
    fail "dpkg $* failed in the new Debian; its words are above."
  }
}

# enabled UNIT tells whether it starts with the machine.
enabled() { [[ -L $debian/etc/systemd/system/multi-user.target.wants/$1 && ! -L $debian/etc/systemd/system/$1 ]]; }

# check_pages NAME: what helps a person at the keyboard is there, and is not empty.
check_pages() {
  local file
  for file in bash-completion/completions/"$1" zsh/vendor-completions/_"$1" fish/vendor_completions.d/"$1.fish" man/man1/"$1.1.gz"; do
    hold "the package lacks /usr/share/$file" test "$(stat -c %s "$debian/usr/share/$file" 2>/dev/null || echo 0)" -gt 1000
  done
}

check_life_of_agent() {
  local old=$1 new=$2 group state=$debian/var/lib/illumi-agent kept
  dpkg_inside -i "$old"
  for group in audio video render gpio input spi i2c lp; do
    hold "the box's user is not in group $group" inside sh -c "id -nG illumi-agent | grep -qw $group"
  done
  hold "the state directory is not the box's own" test "$(inside stat -c '%U:%G %a' /var/lib/illumi-agent)" = 'illumi-agent:illumi-agent 700'
  hold "the box does not start with the machine" enabled illumi-agent.service
  hold "the setting up does not start with the machine" enabled illumi-agent-setup.service
  hold "the program does not run" inside illumi-agent version
  hold "the units do not fit the installed files" inside sh -c \
    '! systemd-analyze verify --man=no /usr/lib/systemd/system/illumi-agent*.service 2>&1 | grep illumi | grep -v "Unknown key .Restart"'
  check_pages illumi-agent
  hold "the box lacks sentences" diff -r bin/prompts "$debian/usr/share/illumi-agent/prompts" --exclude='*.made'
  hold "a new box has an identity" test ! -e "$debian/etc/illumi/agent.yaml"

  printf 'secret: kept\n' >"$debian/etc/illumi/agent.yaml"
  mkdir -p "$state/outbox/one" "$state/outbox/.new-two" "$state/takes/three"
  printf 'a voice' >"$state/outbox/one/audio.wav"
  dpkg_inside -i "$new"
  hold "an upgrade changed the identity" grep -qx 'secret: kept' "$debian/etc/illumi/agent.yaml"
  hold "the old program is still there" test "$(inside illumi-agent version | cut -d ' ' -f 2)" = "$version"

  dpkg_inside -r illumi-agent
  hold "removing took the identity" grep -qx 'secret: kept' "$debian/etc/illumi/agent.yaml"
  hold "removing took an answer" test -f "$state/outbox/one/audio.wav"
  hold "removing left the program" test ! -e "$debian/usr/bin/illumi-agent"
  dpkg_inside -i "$new"
  hold "installing again did not bring the box back" enabled illumi-agent.service

  dpkg_inside -P illumi-agent
  kept=$(find "$debian/var/backups" -maxdepth 1 -name 'illumi-agent-unsent-*')
  hold "purging lost an answer that was thanked for" grep -qx 'a voice' "$kept/outbox/one/audio.wav"
  hold "others may read the answer that was kept" test "$(stat -c '%U %a' "$kept")" = 'root 700'
  hold "purging does not say where the answer is" grep -q "1 answer(s) were not sent yet. They are kept in ${kept#"$debian"}" "$work/said"
  hold "purging left the identity" test ! -e "$debian/etc/illumi/agent.yaml"
  hold "purging left the state" test ! -e "$state"
  hold "purging left a unit" test -z "$(find "$debian/etc/systemd" -name 'illumi*' -print -quit)"

  rm -r "$kept"
  dpkg_inside -i "$new"
  dpkg_inside -P illumi-agent
  hold "purging kept something of a box without answers" test -z "$(find "$debian/var/backups" -name 'illumi-agent-unsent-*')"
}

check_life_of_server() {
  local old=$1 new=$2 data=$debian/var/lib/illumi
  dpkg_inside -i "$old"
  hold "the data directory is not the server's own" test "$(inside stat -c '%U:%G %a' /var/lib/illumi)" = 'illumi-server:illumi-server 700'
  hold "everybody may read the settings" test "$(inside stat -c '%U:%G %a' /etc/illumi/server.yaml)" = 'root:illumi-server 640'
  hold "the server does not start with the machine" enabled illumi-server.service
  hold "the unit does not fit the installed files" inside sh -c \
    '! systemd-analyze verify --man=no /usr/lib/systemd/system/illumi-server.service 2>&1 | grep illumi | grep -v "Unknown key .Restart"'
  check_pages illumi-server
  hold "the server cannot use its own settings" inside illumi-server migrate --config /etc/illumi/server.yaml
  printf 'server-name: ours\n' >>"$debian/etc/illumi/server.yaml"
  dpkg_inside -i "$new"
  hold "an upgrade took the settings" grep -qx 'server-name: ours' "$debian/etc/illumi/server.yaml"
  dpkg_inside -P illumi-server
  hold "purging left the settings" test ! -e "$debian/etc/illumi/server.yaml"
  hold "purging took the database" test -s "$data/illumi.db"
  hold "purging does not say where the database is" grep -q 'still in /var/lib/illumi' "$work/said"
}

# Installs, upgrades, removes and purges what was built for this machine's processor.
check_life() {
  local arch name which
  [[ $(id -u) -eq 0 ]] || {
    say "not checked: only root can make a new Debian and install the packages in it"
    return
  }
  arch=$(dpkg --print-architecture)
  for which in "${only[@]}"; do
    name=${which%_*}
    [[ ${which#*_} == "$arch" ]] || continue
    new_debian
    old_package "$which"
    cp "$out/${name}_${version}_$arch.deb" "$debian/packages/"
    "check_life_of_${name#illumi-}" "/packages/${name}_0.0~0_$arch.deb" "/packages/${name}_${version}_$arch.deb"
    say "$which: installed, upgraded, removed, purged"
  done
}

check_all() {
  local step
  for step in lintian units same life boot; do
    say "== $step"
    "check_$step"
  done
  if [[ " ${only[*]} " == *_armhf* ]]; then
    say "== armv6"
    scripts/armv6
  fi
  say "scripts/package: all checks passed"
}
