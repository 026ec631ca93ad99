package cli

import "runtime/debug"

// frugal lets the program clean up when half as much again is in use, instead
// of twice as much: the smallest boards have 512 MB for everything, and a box
// has time.
func frugal() { debug.SetGCPercent(50) }

// giveBack returns what a turn or a check needed to the machine. The runtime
// would do it within some minutes by itself.
func giveBack() { go debug.FreeOSMemory() }
