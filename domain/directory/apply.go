package directory

import (
	"slices"
	"time"
)

// Facts are the entries that were looked up: what is not among them is not there.
type Facts struct {
	entries map[Key]Entry
	under   *Facts
}

// NewFacts is a Facts without any.
func NewFacts() *Facts { return &Facts{entries: map[Key]Entry{}} }

// Put makes an entry known.
func (f *Facts) Put(e Entry) { f.entries[e.Key] = e }

// Get is the entry at a key, or one that is not there.
func (f *Facts) Get(k Key) Entry {
	if e, ok := f.entries[k]; ok {
		return e
	}
	if f.under != nil {
		return f.under.Get(k)
	}
	return Entry{Key: k}
}

// over takes changes that the facts below do not see.
func (f *Facts) over() *Facts { return &Facts{entries: map[Key]Entry{}, under: f} }

// Apply is the state after one event.
func Apply(s State, r Recorded) State {
	if s.CreatedAt.IsZero() {
		s.CreatedAt = r.Time
	}
	s.UpdatedAt = r.Time
	s.Events++
	switch e := r.Event.(type) {
	case NamespaceCreated:
		s.Name = e.Path
	case UserCreated:
		s.Name = e.Login
	case GroupCreated, ProjectCreated, ContainerDeleted, MemberSet, MemberRemoved, ServiceAccountCreated, ServiceAccountBlocked,
		ServiceAccountRemoved, SettingsChanged, FlowEnabled, FlowDisabled, FlagSet, FlagCleared, UserChanged, UserAdminChanged,
		UserBlocked, UserUnblocked, UserRemoved, UserDefaultNamespaceChanged, UserAccountLinked, UserAccountUnlinked:
	}
	return s
}

// Touched are the keys of the entries that an event changes, or that its change is read
// from.
func Touched(event Event) []Key {
	switch e := event.(type) {
	case NamespaceCreated:
		return []Key{containerKey(e.Path)}
	case GroupCreated:
		return []Key{containerKey(e.Path), containerKey(Parent(e.Path))}
	case ProjectCreated:
		return []Key{containerKey(e.Path), containerKey(Parent(e.Path))}
	case ContainerDeleted:
		return withParent(e.Path)
	case MemberSet:
		return []Key{memberKey(e.Path, e.Login), containerKey(e.Path)}
	case MemberRemoved:
		return []Key{memberKey(e.Path, e.Login), containerKey(e.Path)}
	case ServiceAccountCreated:
		return []Key{accountKey(e.Namespace, e.Login), containerKey(e.Namespace)}
	case ServiceAccountBlocked:
		return []Key{accountKey(e.Namespace, e.Login)}
	case ServiceAccountRemoved:
		return []Key{accountKey(e.Namespace, e.Login), containerKey(e.Namespace)}
	case SettingsChanged:
		return []Key{containerKey(e.Namespace)}
	case FlowEnabled:
		return []Key{containerKey(e.Namespace)}
	case FlowDisabled:
		return []Key{containerKey(e.Namespace)}
	case FlagSet:
		return []Key{flagKey(e.Path, e.Name), containerKey(e.Path)}
	case FlagCleared:
		return []Key{flagKey(e.Path, e.Name)}
	default:
		return []Key{userKey(loginOf(event))}
	}
}

func withParent(path string) []Key {
	keys := []Key{containerKey(path)}
	if parent := Parent(path); parent != "" {
		keys = append(keys, containerKey(parent))
	}
	return keys
}

// Apply makes an event part of the facts: s is the state before it, number that of the
// event, 0 while it has none. It gives the entries that are another now.
func (f *Facts) Apply(s State, event Event, number int64) []Entry {
	c := change{f: f, made: s.Events + 1, number: number, before: s.UpdatedAt}
	switch e := event.(type) {
	case NamespaceCreated:
		c.make(Entry{Key: containerKey(e.Path), Top: &Top{}})
	case GroupCreated:
		c.make(Entry{Key: containerKey(e.Path)})
		c.count(Parent(e.Path), 1)
	case ProjectCreated:
		c.make(Entry{Key: containerKey(e.Path), Project: &e.Settings})
		c.count(Parent(e.Path), 1)
	case ContainerDeleted:
		c.remove(containerKey(e.Path))
		if parent := Parent(e.Path); parent != "" {
			c.count(parent, -1)
		}
	case MemberSet:
		c.make(Entry{Key: memberKey(e.Path, e.Login), In: f.Get(containerKey(e.Path)).Made, Level: e.Level})
		c.own(e.Path, e.Login, e.Level == Owner)
	case MemberRemoved:
		c.remove(memberKey(e.Path, e.Login))
		c.own(e.Path, e.Login, false)
	case FlagSet:
		c.make(Entry{Key: flagKey(e.Path, e.Name), In: f.Get(containerKey(e.Path)).Made, On: e.On})
	case FlagCleared:
		c.remove(flagKey(e.Path, e.Name))
	default:
		c.applyTop(event)
		c.applyUser(event)
	}
	return c.changed
}

// change collects the entries that an event changes.
type change struct {
	f      *Facts
	made   int
	number int64
	// before is the time of the event before it.
	before  time.Time
	changed []Entry
}

func (c *change) put(e Entry) {
	c.f.Put(e)
	c.changed = append(c.changed, e)
}

// make puts an entry that is new, or anew: a member whose level is set again keeps
// nothing of before.
func (c *change) make(e Entry) {
	e.Made = c.made
	switch e.Kind {
	case ContainerEntry, AccountEntry, UserEntry:
		e.ID = c.number
	case MemberEntry, FlagEntry:
	}
	c.put(e)
}

func (c *change) remove(k Key) {
	e := c.f.Get(k)
	e.Removed = true
	c.put(e)
}

func (c *change) count(path string, by int) {
	e := c.f.Get(containerKey(path))
	e.Children += by
	c.put(e)
}

// own notes who owns a root group.
func (c *change) own(path, login string, is bool) {
	e := c.f.Get(containerKey(path))
	if e.Top == nil {
		return
	}
	if _, was := slices.BinarySearch(e.Top.Owners, login); was != is {
		e.Top = e.Top.withOwner(login, is)
		c.put(e)
	}
}

// applyTop applies what changes a root group and its accounts.
func (c *change) applyTop(event Event) {
	switch e := event.(type) {
	case ServiceAccountCreated:
		c.make(Entry{Key: accountKey(e.Namespace, e.Login), In: c.f.Get(containerKey(e.Namespace)).Made, Account: &Account{Flow: e.Flow, Name: e.Name}})
		c.flow(e.Namespace, e.Flow, func(f *FlowEntry) { f.Account = e.Login })
	case ServiceAccountBlocked:
		account := c.f.Get(accountKey(e.Namespace, e.Login))
		if account.Account != nil {
			was := *account.Account
			was.Blocked = e.Blocked
			account.Account = &was
		}
		c.put(account)
	case ServiceAccountRemoved:
		c.remove(accountKey(e.Namespace, e.Login))
		c.flow(e.Namespace, e.Flow, func(f *FlowEntry) { f.Account = "" })
	case SettingsChanged:
		root := c.f.Get(containerKey(e.Namespace))
		root.Top = root.Top.clone()
		root.Top.FoundationalAllowed, root.Top.Plan, root.Top.Policies = e.FoundationalAllowed, e.Plan, slices.Clone(e.Policies)
		c.put(root)
	case FlowEnabled:
		c.flow(e.Namespace, e.Flow, func(f *FlowEntry) { f.Enabled = true })
	case FlowDisabled:
		c.flow(e.Namespace, e.Flow, func(f *FlowEntry) { f.Enabled = false })
	default:
	}
}

func (c *change) flow(namespace, reference string, set func(*FlowEntry)) {
	root := c.f.Get(containerKey(namespace))
	f := root.Top.Flow(reference)
	set(&f)
	root.Top = root.Top.clone().with(f)
	c.put(root)
}

// applyUser applies what changes a user.
func (c *change) applyUser(event Event) {
	login := loginOf(event)
	if login == "" {
		return
	}
	entry := c.f.Get(userKey(login))
	switch e := event.(type) {
	case UserCreated:
		p := &Profile{Name: e.Name, Email: e.Email, Admin: e.Admin}
		if entry.Removed { // that was the event before
			p.Since = c.before
		}
		c.make(Entry{Key: userKey(login), User: p})
		return
	case UserRemoved:
		c.remove(userKey(login))
		return
	default:
	}
	p := entry.User.clone()
	switch e := event.(type) {
	case UserChanged:
		p.Name, p.Email = e.Name, e.Email
	case UserAdminChanged:
		p.Admin = e.Admin
	case UserBlocked:
		p.Blocked = true
	case UserUnblocked:
		p.Blocked = false
	case UserDefaultNamespaceChanged:
		p.DefaultNamespace = e.Namespace
	case UserAccountLinked:
		p.Links = append(p.Links, e.Account)
	case UserAccountUnlinked:
		p.Links = slices.DeleteFunc(p.Links, func(l Link) bool { return l == e.Account })
	default:
	}
	entry.User = p
	c.put(entry)
}

// loginOf is the login of a user's event; empty for those of namespaces.
func loginOf(event Event) string {
	switch e := event.(type) {
	case UserCreated:
		return e.Login
	case UserChanged:
		return e.Login
	case UserAdminChanged:
		return e.Login
	case UserBlocked:
		return e.Login
	case UserUnblocked:
		return e.Login
	case UserRemoved:
		return e.Login
	case UserDefaultNamespaceChanged:
		return e.Login
	case UserAccountLinked:
		return e.Login
	case UserAccountUnlinked:
		return e.Login
	default:
		return ""
	}
}
