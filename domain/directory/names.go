package directory

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// Limits of names, in bytes.
const (
	MaxPath  = 1024
	MaxName  = 255
	MaxDepth = 20
)

// Workspace is the name of the light project that agents work in.
const Workspace = "duo-workspace"

// NamespaceStream is the stream of a root group.
func NamespaceStream(tenant domain.Tenant, root string) domain.StreamID {
	return streamOf(tenant, domain.KindNamespace, root)
}

// UserStream is the stream of a login.
func UserStream(tenant domain.Tenant, login string) domain.StreamID {
	return streamOf(tenant, domain.KindUser, login)
}

func streamOf(tenant domain.Tenant, kind domain.Kind, name string) domain.StreamID {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("duolog:"+string(kind)+":"+string(tenant)+"\x00"+name))
	return domain.StreamID{Tenant: tenant, Kind: kind, ID: id}
}

// Root is the outermost group of a path.
func Root(path string) string {
	root, _, _ := strings.Cut(path, "/")
	return root
}

// Parent is the group that a path is in; empty for a root group.
func Parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

// Lineage is the path and all groups it is in, from the inside out.
func Lineage(path string) []string {
	var out []string
	for ; path != ""; path = Parent(path) {
		out = append(out, path)
	}
	return out
}

// What names may be made of. There are no capitals: two names that people take for
// one are never two.
var (
	segmentForm   = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]*$`)
	loginForm     = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.@+-]*$`)
	toolForm      = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$`)
	referenceForm = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]*(/[a-z0-9_.-]+)?$`)
)

// CheckPath refuses what cannot be the path of a group or project.
func CheckPath(field, path string) error {
	if err := domain.CheckText(field, path, MaxPath); err != nil {
		return err
	}
	segments := strings.Split(path, "/")
	if len(segments) > MaxDepth {
		return domain.InvalidField(field, fmt.Sprintf("%s is %d levels deep; the limit is %d", field, len(segments), MaxDepth), "put it higher in the tree")
	}
	for _, s := range segments {
		if !segmentForm.MatchString(s) || len(s) > MaxName || strings.HasSuffix(s, ".") || strings.HasSuffix(s, ".git") || strings.HasSuffix(s, ".atom") {
			return domain.InvalidField(field, fmt.Sprintf("%s %.80q is no path", field, path), `write it like acme/tools/site: a-z, 0-9, "_", "-" and "." between slashes, not ending in ".", ".git" or ".atom"`)
		}
	}
	return nil
}

// CheckLogin refuses what cannot name a user or a service account.
func CheckLogin(field, login string) error {
	return checkForm(field, login, loginForm, `use 1 to 255 of a-z, 0-9, "_", "-", ".", "@" and "+", the first a letter, a digit or "_"`)
}

// CheckFlow refuses what cannot be a reference of a flow.
func CheckFlow(field, flow string) error {
	return checkForm(field, flow, referenceForm, "write it like developer/v1")
}

// CheckFlag refuses what cannot name a flag.
func CheckFlag(field, name string) error {
	return checkForm(field, name, segmentForm, "write it like fix_pipeline_next")
}

// CheckTool refuses what cannot name a tool.
func CheckTool(field, tool string) error {
	return checkForm(field, tool, toolForm, `write it like run_command: letters, digits, "_", "-", ".", ":" and "/", the first a letter, a digit or "_"`)
}

func checkForm(field, text string, form *regexp.Regexp, fix string) error {
	if err := domain.CheckText(field, text, MaxName); err != nil {
		return err
	}
	if !form.MatchString(text) {
		return domain.InvalidField(field, fmt.Sprintf("%s %.80q cannot be one", field, text), fix)
	}
	return nil
}
