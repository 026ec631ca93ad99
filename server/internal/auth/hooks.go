package auth

// HookSecret is what messages to a hook are signed with. It is derived, so that
// a stolen database cannot sign.
func (k Key) HookSecret(hook string) string { return "whsec_" + k.mac("hook", hook) }
