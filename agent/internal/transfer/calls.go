package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"illumi/protocol"
)

// Enroll asks to become a device. It needs no secret in the client: the request
// brings the one that is to be known from then on.
func (c *Client) Enroll(ctx context.Context, r protocol.EnrollRequest) (protocol.EnrollResponse, error) {
	var out protocol.EnrollResponse
	if err := r.Check(); err != nil {
		return out, &Error{Op: "enrol", Err: err}
	}
	err := c.call(ctx, "enrol", http.MethodPost, protocol.PathEnroll, r, &out)
	return out, err
}

// Offers returns one page of changes since a cursor, "" being the beginning.
// Each offer still has to be checked.
func (c *Client) Offers(ctx context.Context, since string) (protocol.OffersPage, error) {
	at := protocol.PathOffers
	if since != "" {
		at += "?since=" + url.QueryEscape(since)
	}
	var out protocol.OffersPage
	err := c.call(ctx, "ask for offers", http.MethodGet, at, nil, &out)
	return out, err
}

// PutReply tells the server of a reply whose files are uploaded. A receipt that
// comes without error proves that every byte is stored.
func (c *Client) PutReply(ctx context.Context, hop string, r protocol.Reply) (protocol.Receipt, error) {
	const op = "hand in the reply"
	var out protocol.Receipt
	if err := r.Check(); err != nil {
		return out, &Error{Op: op, Err: err}
	}
	if err := c.call(ctx, op, http.MethodPut, replyPath(hop), r, &out); err != nil {
		return protocol.Receipt{}, err
	}
	if err := out.Proves(hop, r); err != nil {
		return protocol.Receipt{}, &Error{Op: op, Status: http.StatusOK, Err: fmt.Errorf("%w: %w", ErrLied, err)}
	}
	return out, nil
}

// TakeBack asks for a reply back. nil means that it is back and was not passed
// on; a *protocol.Problem with CodeReplyForwarded that it is too late. Asking
// again is fine.
func (c *Client) TakeBack(ctx context.Context, hop, reply string) error {
	const op = "take the reply back"
	if !protocol.ValidID(hop) || !protocol.ValidID(reply) {
		return &Error{Op: op, Err: errors.New("no proper id")}
	}
	var out struct {
		State protocol.ReceiptState `json:"state"`
	}
	if err := c.call(ctx, op, http.MethodDelete, replyPath(hop)+"/"+reply, nil, &out); err != nil {
		return err
	}
	if out.State != protocol.ReplyTakenBack {
		return &Error{Op: op, Status: http.StatusOK, Err: fmt.Errorf("%w: the state is %.20q", ErrLied, out.State)}
	}
	return nil
}

func replyPath(hop string) string { return protocol.PathHops + url.PathEscape(hop) + "/reply" }
