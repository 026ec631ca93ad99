package store

import (
	"context"
	"errors"
	"fmt"

	"illumi/server/internal/model"
)

func init() {
	indexes["MailedOnce"], indexes["MailsOnceBetween"] = "mails_once_key", "mails_once_key"
	indexes["MailsAll"], indexes["MailsOfProject"], indexes["UsersInRole"] = "PRIMARY", "mails_project", "users_role"
	indexes["WhispersAtBox"], indexes["WhispersQueuedFor"] = "hops_at_box", "hops_queued"
	indexes["EventsOfProjectBefore"] = "events_project"
	indexes["FailedAmongNewest"] = "mails_project"
	walks["FailedAmongNewest"] = "the few rows that the index gave"
	walks["MailsAll"] = "the newest end of the primary key, up to the limit"
	morePlans = append(morePlans, morePlan{
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 600 { // sent long ago
				m := model.Mail{ID: NewID(), ProjectID: fmt.Sprint("mailed ", i%60), WhisperID: fmt.Sprint("mailed ", i), CreatedAt: noon}
				all = append(all, tx.AddMail(ctx, m, fmt.Sprintf("purpose %d:%d", i%60, i)), tx.MailDone(ctx, m.ID, noon))
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, w *model.Whisper) error {
			_, err := tx.MailedOnce(ctx, "purpose 3:3")
			all := []error{err}
			_, err = tx.MailsFor(ctx, "purpose 3")
			all = append(all, err)
			mails, err := tx.Mails(ctx, "mailed 3", 10, "")
			all = append(all, err)
			_, err = tx.Mails(ctx, "", 10, "")
			all = append(all, err)
			_, err = tx.Mail(ctx, mails[0].ID)
			all = append(all, err)
			_, err = tx.MailAgain(ctx, mails[0].ID, noon)
			all = append(all, err)
			_, err = tx.UsersInRole(ctx, model.RoleAdmin, "", 10)
			all = append(all, err)
			_, err = tx.WhispersWaitingFor(ctx, w.Hops[0].DeviceID, 10)
			all = append(all, err)
			_, err = tx.EventsOfProjectBefore(ctx, w.ProjectID, 0, 10)
			all = append(all, err)
			_, err = tx.FailedMails(ctx, "mailed 3", 50)
			all = append(all, err)
			_, err = tx.TellSilent(ctx, model.Device{ID: w.Hops[0].DeviceID}, noon)
			return errors.Join(append(all, err)...)
		},
	})
}
