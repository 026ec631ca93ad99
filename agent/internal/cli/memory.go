package cli

import (
	"runtime/debug"
	"syscall"
)

// prSetTHPDisable is PR_SET_THP_DISABLE of prctl(2).
const prSetTHPDisable = 41

// frugal keeps the program small: the least of the boards have 512 MB for
// everything, and a box has time. It cleans up when half as much again is in
// use, instead of twice as much, and wants no pages of 2 MB, of which it would
// use a corner each; a kernel without such pages says no to that, rightly.
func frugal() {
	debug.SetGCPercent(50)
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, 1, 0, 0, 0, 0)
}

// giveBack returns what a turn or a check needed to the machine. The runtime
// would do it within some minutes by itself.
func giveBack() { go debug.FreeOSMemory() }
