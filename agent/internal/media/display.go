package media

// NoDisplay is a box without a screen.
type NoDisplay struct{}

// Show does nothing.
func (NoDisplay) Show(string, string) error { return nil }

// Blank does nothing.
func (NoDisplay) Blank() error { return nil }

// ShownDisplay tells a function which picture file and words are to be seen;
// both are empty while the screen is dark.
type ShownDisplay struct {
	Set func(path, words string)
}

// Show puts a picture on the screen, with at most six words beside it.
func (d ShownDisplay) Show(path, words string) error {
	d.Set(path, words)
	return nil
}

// Blank makes the screen dark.
func (d ShownDisplay) Blank() error {
	d.Set("", "")
	return nil
}
