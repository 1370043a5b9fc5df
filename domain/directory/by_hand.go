package directory

// ByHand is what is done about something, as people do it where the answer came from.
type ByHand struct {
	// Command is ours, for Duolog's own directory.
	Command string
	// Config is what the configuration says, GitLab what its pages do.
	Config, GitLab string
}

// At is how it is done at a source: config, gitlab, or else the directory.
func (h ByHand) At(source string) string {
	switch source {
	case "config":
		return h.Config
	case "gitlab":
		return h.GitLab
	}
	return h.Command
}
