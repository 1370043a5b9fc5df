package directory

// Standing is all that says how much a login may do at a path: entries that are not
// there count for nothing.
type Standing struct {
	// User and Account are the login's.
	User, Account Entry
	// Root is the root group of the path.
	Root Entry
	// At are the path and the groups it is in.
	At []Place
}

// Place is one container of a lineage, and what the login is in it.
type Place struct{ Container, Member Entry }

// StandingKeys are the entries of the namespace that a standing is made of.
func StandingKeys(login, path string) []Key {
	keys := []Key{accountKey(Root(path), login)}
	for _, p := range Lineage(path) {
		keys = append(keys, containerKey(p), memberKey(p, login))
	}
	return keys
}

// StandingOf puts a standing together from what was looked up.
func StandingOf(user Entry, f *Facts, login, path string) Standing {
	s := Standing{User: user, Account: f.Get(accountKey(Root(path), login)), Root: f.Get(containerKey(Root(path)))}
	for _, p := range Lineage(path) {
		s.At = append(s.At, Place{f.Get(containerKey(p)), f.Get(memberKey(p, login))})
	}
	return s
}

// Level is the highest of the levels at the path and at the groups it is in.
// Administrators pass as owners; who is blocked, or not known, has none.
func (s Standing) Level() Level {
	account := s.Account.LivesIn(s.Root)
	switch {
	case account && s.Account.Account.Blocked, !account && !s.User.There():
		return None
	case !account && s.User.User.Blocked:
		return None
	case !account && s.User.User.Admin:
		return Owner
	}
	level := None
	for _, p := range s.At {
		if p.Member.LivesIn(p.Container) && (account && !p.Member.OutlivedBy(s.Account) || !account && s.User.User.has(p.Member)) {
			level = max(level, p.Member.Level)
		}
	}
	return level
}

// has says whether a membership is theirs: not of somebody who had the login before.
func (p *Profile) has(member Entry) bool { return p.Since.IsZero() || member.At.After(p.Since) }

// FlagKeys are the entries that a flag at a path is read from.
func FlagKeys(name, path string) []Key {
	var keys []Key
	for _, p := range Lineage(path) {
		keys = append(keys, containerKey(p), flagKey(p, name))
	}
	return keys
}

// FlagAt is the flag at a path: what is set nearest to it, from the inside out. Set
// says whether anything is.
func FlagAt(f *Facts, name, path string) (on, set bool) {
	for _, p := range Lineage(path) {
		if e := f.Get(flagKey(p, name)); e.LivesIn(f.Get(containerKey(p))) {
			return e.On, true
		}
	}
	return false, false
}
