#!/bin/sh
# Runs this package's tests of a real GPIO chip, as root on a machine whose
# header is gpio-sim, labelled pinctrl-*:
#
#	GOARCH=arm64 go test -c -o panel.test ./agent/internal/panel
#	sh gpio-sim.sh ./panel.test [user]
#
# The user (pi) is an ordinary one of the group gpio; presses need the right to
# write the simulation's files, which a tester has and the program has not.
set -eu
binary=$(realpath "$1")
user=${2:-pi}
cd /tmp
sim=$(echo /sys/devices/platform/gpio-sim.*/gpiochip*)
chmod a+w "$sim"/sim_gpio*/pull
# A second name for the same chip, as Raspberry Pi OS has.
[ -e /dev/gpiochip4 ] || ln -s gpiochip0 /dev/gpiochip4
# Input devices of our own, where the kernel has uinput.
modprobe uinput 2>/dev/null && chmod a+w /dev/uinput
export ILLUMI_TEST_GPIO=1
runuser -u "$user" -- "$binary" -test.v -test.run '^TestPi_' -test.skip '^TestPi_ChipComesAndGoes$' </dev/null
# Taking the chip away needs root.
"$binary" -test.v -test.run '^TestPi_ChipComesAndGoes$' </dev/null
