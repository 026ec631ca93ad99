// Package protocol is what box and server share: wire messages, ids, limits
// and error codes. It needs only the standard library and decides nothing, so
// that a box may run months after its server was updated. Both halves test
// against the vectors in testdata: one file a shape, "good" ones in exactly our
// spelling, "bad" ones with the complaint to expect.
package protocol

// Version is the wire version this build speaks. History:
//
//	1  2026-11-20  first: enrol, socket, offers, ranged media, tus uploads, reply and receipt.
//	   2026-11-21  feature "health": report, wider status, end, check, practice, checks, clips.
const Version = 1

// Subprotocol is the websocket subprotocol of Version.
const Subprotocol = "illumi.v1"

// Build is the program's version, set by the linker.
var Build = "dev"

// HeaderBoard carries the board's serial with every request of a box. The
// same secret from another board is a copied card: that board is refused.
const HeaderBoard = "Illumi-Board"

// Paths of the device API, below the server's base address.
const (
	PathEnroll  = "/api/v1/enroll"
	PathSocket  = "/api/v1/device/socket"
	PathOffers  = "/api/v1/device/offers"
	PathMedia   = "/api/v1/device/media/"   // + digest
	PathUploads = "/api/v1/device/uploads/" // tus 1.0
	PathHops    = "/api/v1/device/hops/"    // + hop id + "/reply"
)
