package model

import "time"

// Gauges is what waits at a moment. A zero time: nothing waits.
type Gauges struct {
	QueuedHops       int       // turns whose box is busy
	OldestQueued     time.Time // since when the first of them waits
	Travelling       int       // whispers on their way
	OldestTravelling time.Time // the longest that one stands still
	Needs            int       // whispers that wait for a person's decision
	Mails            int       // to be sent
	OldestMail       time.Time // since when the first is due
	Deliveries       int       // of hooks, to be made
}

// DatabaseStats is how the database does; counters rise from the start.
type DatabaseStats struct {
	Open, InUse  int
	Waits        int64         // for a free connection
	Waited       time.Duration // all of them together
	Transactions uint64
	Busy         time.Duration // inside transactions
	Again        uint64        // transactions that were run again
}
