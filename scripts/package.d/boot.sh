# Starts a new Debian under its own systemd, with both packages in it, and looks at what the units do
# there; sourced by check.sh, never run. It is a container of systemd-nspawn: users, sandbox, restarts
# and watchdog are systemd's own, the kernel is this machine's, and there are no pins and no sound.
# shellcheck shell=bash
# shellcheck disable=SC2154 # the names of scripts/package and check.sh

booted= # process id of the container's manager

# boot starts what is in $debian, and returns when its services have been started.
boot() {
  local options=(--quiet --register=no --private-network --machine=illumi-check --directory="$debian") i
  # Without a systemd around it, there is nobody to ask for a unit of its own.
  [[ -d /run/systemd/system ]] || options+=(--keep-unit)
  systemd-nspawn "${options[@]}" --console=pipe /bin/true </dev/null >"$work/boot" 2>&1 || {
    cat "$work/boot" >&2
    return 1
  }
  systemd-nspawn "${options[@]}" --console=pipe --boot </dev/null >"$work/boot" 2>&1 &
  container=$!
  for ((i = 0; i < 240; i++)); do
    booted=$(cat "/proc/$container/task/$container/children" 2>/dev/null) || booted=
    booted=${booted%% *}
    case $(in_boot systemctl is-system-running 2>/dev/null) in
    running | degraded) return ;;
    esac
    sleep 0.5
  done
  cat "$work/boot" >&2
  fail "the new Debian did not start within two minutes. What it said is above."
}

# end_boot stops the container, if there is one.
end_boot() {
  [[ -n ${container:-} ]] || return 0
  # The first asks it to shut down, the second ends it.
  kill "$container" 2>/dev/null || true
  local i
  for ((i = 0; i < 40; i++)); do
    kill -0 "$container" 2>/dev/null || break
    [[ $i -ne 20 ]] || kill "$container" 2>/dev/null || true
    sleep 0.5
  done
  kill -9 "$container" 2>/dev/null || true
  wait "$container" 2>/dev/null || true
  container=
}

in_boot() {
  [[ -n $booted ]] || return 1
  nsenter --target "$booted" --mount --uts --ipc --net --pid \
    /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}

# boot_dpkg ARGUMENTS... is dpkg_inside while systemd runs.
boot_dpkg() {
  in_boot dpkg "$@" >"$work/said" 2>&1 </dev/null || {
    cat "$work/said" >&2
    fail "dpkg $* failed under systemd; its words are above."
  }
}

# show UNIT PROPERTY prints a property of a unit.
show() { in_boot systemctl show --value --property="$2" "$1"; }

# until_so SECONDS COMMAND... waits until the command says yes.
until_so() {
  local i limit=$1
  shift
  for ((i = 0; i < limit * 4; i++)); do
    ! "$@" || return 0
    sleep 0.25
  done
  return 1
}

state_is() { [[ $(show "$1" ActiveState) == "$2" ]]; }
# came_back UNIT PID tells whether the unit runs again, in another process.
came_back() {
  local now
  now=$(show "$1" MainPID)
  # While it is down there is no process, which is written as 0.
  [[ $now != 0 && $now != "$2" ]] && state_is "$1" active
}

# hold_unit is hold, and shows the unit's own words where it is not so.
hold_unit() {
  local unit=$1 what=$2
  shift 2
  "$@" && return
  in_boot systemctl --no-pager --full --lines=30 status "$unit" >&2 || true
  fail "$what (checked by: $*)"
}

# new_code prints a code for a box of that name.
new_code() {
  local said
  said=$(in_boot setpriv --reuid=illumi-server --regid=illumi-server --clear-groups \
    illumi-server --config /etc/illumi/server.yaml device code "$1") || fail "the server gives no code for a box."
  [[ $said =~ [A-Z0-9]{5}-[A-Z0-9]{5} ]] || fail "there is no code in: $said"
  printf '%s\n' "${BASH_REMATCH[0]}"
}

# check_killed UNIT ends its process as a lack of memory does, and as a panic of Go's does; it comes back.
check_killed() {
  local unit=$1 pid signal
  for signal in KILL QUIT; do
    pid=$(show "$unit" MainPID)
    in_boot sh -c "kill -$signal $pid"
    hold_unit "$unit" "$unit does not come back after SIG$signal" until_so 60 came_back "$unit" "$pid"
  done
}

# check_watchdog stops the box's program without ending it, as a hang would.
check_watchdog() {
  local unit=illumi-agent.service pid
  in_boot mkdir -p "/run/systemd/system/$unit.d"
  printf '[Service]\nWatchdogSec=6\nTimeoutAbortSec=2\n' | in_boot tee "/run/systemd/system/$unit.d/quick.conf" >/dev/null
  in_boot systemctl daemon-reload
  in_boot systemctl restart "$unit"
  pid=$(show "$unit" MainPID)
  sleep 15
  hold_unit "$unit" "the box does not feed its watchdog" test "$(show "$unit" MainPID)" = "$pid"
  in_boot sh -c "kill -STOP $pid"
  hold_unit "$unit" "a box that hangs is not started anew" until_so 40 came_back "$unit" "$pid"
  in_boot rm -r "/run/systemd/system/$unit.d"
  in_boot systemctl daemon-reload
}

# check_setup prepares the box by a file on its boot partition.
check_setup() {
  local unit=illumi-agent-setup.service code
  code=$(new_code 'Thornfield, kitchen')
  in_boot mkdir -p /boot/firmware
  printf 'server: http://127.0.0.1:8080\ncode: %s\n' "$code" |
    in_boot tee /boot/firmware/illumi.yaml >/dev/null
  in_boot systemctl start "$unit" || true
  hold_unit "$unit" "illumi.yaml does not enrol the box" until_so 30 in_boot test -s /etc/illumi/agent.yaml
  hold_unit "$unit" "illumi.yaml is still on the card" in_boot test ! -e /boot/firmware/illumi.yaml
  hold_unit "$unit" "illumi-result.txt does not say that all is done" in_boot grep -q Done /boot/firmware/illumi-result.txt
  hold_unit illumi-agent.service "the box does not run after it was set up" until_so 30 state_is illumi-agent.service active
  # Beside a box that runs: a second card's file makes it another box.
  code=$(new_code 'Thornfield, cellar')
  printf 'server: http://127.0.0.1:8080\ncode: %s\nagain: yes\n' "$code" |
    in_boot tee /boot/firmware/illumi.yaml >/dev/null
  in_boot systemctl start "$unit" || true
  hold_unit illumi-agent.service "a box that runs does not become the one of illumi.yaml" until_so 30 in_boot sh -c \
    'illumi-agent status | grep -qE "^Box +Thornfield, cellar" && illumi-agent status | grep -qE "^Connection +connected"'
  hold "the setup took the state from the box" test "$(in_boot stat -c '%U' /var/lib/illumi-agent)" = illumi-agent
  hold "the box's identity is not its own alone" test "$(in_boot stat -c '%U %a' /etc/illumi/agent.yaml)" = 'illumi-agent 600'
}

# check_boot needs packages of both for this machine's processor, and root.
check_boot() {
  local arch pid identity code agent=illumi-agent.service server=illumi-server.service
  arch=$(dpkg --print-architecture)
  [[ $(id -u) -eq 0 && " ${only[*]} " == *" illumi-agent_$arch "* && " ${only[*]} " == *" illumi-server_$arch "* ]] || {
    say "not checked: it takes root, and both packages for $arch"
    return
  }
  need systemd-nspawn systemd-container
  need nsenter util-linux
  new_debian
  old_package "illumi-agent_$arch"
  cp "$out/illumi-agent_${version}_$arch.deb" "$out/illumi-server_${version}_$arch.deb" "$debian/packages/"
  dpkg_inside -i "/packages/illumi-agent_0.0~0_$arch.deb" "/packages/illumi-server_${version}_$arch.deb"
  # As root, which the server must not mind.
  inside illumi-server migrate --config /etc/illumi/server.yaml >/dev/null 2>&1 || fail "migrate fails."
  boot || {
    say "not checked: this machine cannot start a container; why is above"
    return
  }
  hold_unit "$server" "the server does not run" until_so 30 state_is "$server" active
  hold_unit "$agent" "a box without identity is not simply at rest" state_is "$agent" inactive
  hold "something failed at the start: $(in_boot systemctl --failed --no-legend)" test -z "$(in_boot systemctl --failed --no-legend)"
  check_setup
  say "server and box run under systemd; illumi.yaml enrolled the box and is gone"
  check_killed "$server"
  check_killed "$agent"
  check_watchdog
  say "killed or hanging, they come back"

  pid=$(show "$agent" MainPID)
  identity=$(in_boot sha256sum /etc/illumi/agent.yaml)
  boot_dpkg -i "/packages/illumi-agent_${version}_$arch.deb"
  hold_unit "$agent" "an upgrade does not start the box anew" until_so 30 came_back "$agent" "$pid"
  hold "an upgrade changed the identity" test "$(in_boot sha256sum /etc/illumi/agent.yaml)" = "$identity"
  hold_unit "$agent" "the lights are not put out after a stop" test "$(show "$agent" ExecStopPost | grep -c 'status=0')" -gt 0
  pid=$(show "$agent" MainPID)
  boot_dpkg -r illumi-agent
  hold "a removed box still runs" in_boot test ! -e "/proc/$pid"
  boot_dpkg -i "/packages/illumi-agent_${version}_$arch.deb"
  hold_unit "$agent" "a box that is installed again does not run" until_so 30 state_is "$agent" active
  boot_dpkg -P illumi-agent
  hold "purging left the identity" in_boot test ! -e /etc/illumi/agent.yaml

  boot_dpkg -i "/packages/illumi-agent_${version}_$arch.deb"
  code=$(new_code 'Thornfield, attic')
  in_boot illumi-agent enroll http://127.0.0.1:8080 "$code" --no-test </dev/null >"$work/said" 2>&1 || {
    cat "$work/said" >&2
    fail "enroll does not enrol the box; its words are above."
  }
  hold_unit "$agent" "enroll does not start the box" until_so 30 state_is "$agent" active
  boot_dpkg -P illumi-server
  hold "something failed at the end: $(in_boot systemctl --failed --no-legend)" test -z "$(in_boot systemctl --failed --no-legend)"
  say "upgraded, removed, purged and enrolled again while systemd ran"
  end_boot
}
