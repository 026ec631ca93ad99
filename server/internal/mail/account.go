package mail

import "fmt"

// Kinds of mails about accounts.
const (
	KindInvite          Kind = "invite"
	KindSignUp          Kind = "sign_up"
	KindReset           Kind = "reset"
	KindPasswordChanged Kind = "password_changed"
)

func init() {
	kinds[KindInvite], kinds[KindSignUp] = invite, signUp
	kinds[KindReset], kinds[KindPasswordChanged] = reset, passwordChanged
}

const onceADay = "The link works once, for a day."

func invite(n News) wording {
	by := oneLine(n.Reason, maxTitle)
	if by == "" {
		by = "An administrator"
	}
	l := wording{
		Subject: by + " invites you to illumi",
		Head:    by + " invites you to illumi.",
		Says:    []string{"Follow the link, and choose a name and a password.", onceADay},
		Open:    true,
		Go:      "Make your account", Why: "You get this mail because somebody wrote your address into an invitation. If you do not know why, delete it.",
	}
	if n.Project != "untitled" {
		l.Subject = fmt.Sprintf(`%s invites you to work on "%s"`, by, n.Project)
		l.Head, l.Facts = l.Subject+".", [][2]string{{"Project", n.Project}}
	}
	return l
}

func signUp(News) wording {
	return wording{
		Subject: "Confirm your address for illumi",
		Head:    "Confirm that this is your address.",
		Says:    []string{"Follow the link, and choose a name and a password.", onceADay},
		Open:    true,
		Go:      "Make your account", Why: "You get this mail because somebody asked for an account with your address. If it was not you, delete it.",
	}
}

func reset(News) wording {
	return wording{
		Subject: "A new password for illumi",
		Head:    "Choose a new password.",
		Says:    []string{"Your old password works until you have chosen a new one.", onceADay},
		Open:    true,
		Go:      "Choose a new password", Why: "You get this mail because somebody asked for a new password. If it was not you, delete it.",
	}
}

func passwordChanged(n News) wording {
	return wording{
		Subject: "Your password for illumi was changed",
		Head:    "Your password was changed.",
		Says:    []string{"You were signed out everywhere else.", "If it was not you, ask for a new password now, and tell your administrator."},
		Facts:   [][2]string{{"Changed", n.day(n.Now)}},
		Open:    true,
		Go:      "Ask for a new password", Why: "You get this mail so that nobody can change your password unseen.",
	}
}
