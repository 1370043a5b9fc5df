package accesstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// GrantAsDocumented gives the rights that the commands of docs/kafka.md give, for
// another prefix: duolog-node becomes prefix-node, duolog.journal prefix.journal.
// It returns when they count.
func (g *Guarded) GrantAsDocumented(prefix string) {
	g.tb.Helper()
	var acls []*sarama.ResourceAcls
	for _, command := range documented(g.tb) {
		acls = append(acls, parse(g.tb, strings.ReplaceAll(command, "duolog", prefix))...)
	}
	g.Grant(acls...)
}

// Grant gives rights and returns when they count, and users made before as well:
// a broker takes in all of it in order.
func (g *Guarded) Grant(acls ...*sarama.ResourceAcls) {
	g.tb.Helper()
	if err := g.Admin.CreateACLs(acls); err != nil {
		g.tb.Fatalf("grant: %v", err)
	}
	last := acls[len(acls)-1]
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := g.Admin.ListAcls(sarama.AclFilter{
			ResourceType: last.ResourceType, ResourceName: &last.ResourceName, ResourcePatternTypeFilter: last.ResourcePatternType,
			Principal: &last.Acls[0].Principal, Operation: last.Acls[0].Operation, PermissionType: sarama.AclPermissionAllow,
		})
		if err != nil {
			g.tb.Fatalf("list rights: %v", err)
		}
		if len(found) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-g.tb.Context().Done():
			g.tb.Fatal("the rights never came")
		}
	}
}

// documented lists the kafka-acls commands of the page.
func documented(tb testing.TB) []string {
	tb.Helper()
	page, err := os.ReadFile(filepath.Join(root(tb), "docs", "kafka.md"))
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "kafka-acls $admin --add") {
			out = append(out, line)
		}
	}
	return out
}

// root is the directory of the module.
func root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("this is no checkout")
		}
		dir = filepath.Dir(dir)
	}
}

// parse understands what the page uses of kafka-acls, and fails on anything else.
func parse(tb testing.TB, command string) []*sarama.ResourceAcls {
	tb.Helper()
	words := strings.Fields(command)[3:] // kafka-acls $admin --add
	pattern, principal := sarama.AclPatternLiteral, ""
	var operations []sarama.AclOperation
	var resources []sarama.Resource
	if len(words)%2 != 0 {
		tb.Fatalf("an option without a value: %s", command)
	}
	for i := 0; i < len(words); i += 2 {
		switch option, value := words[i], words[i+1]; option {
		case "--allow-principal":
			principal = value
		case "--operation":
			var o sarama.AclOperation
			if err := o.UnmarshalText([]byte(value)); err != nil {
				tb.Fatalf("%s: %v", command, err)
			}
			operations = append(operations, o)
		case "--topic":
			resources = append(resources, sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: value})
		case "--group":
			resources = append(resources, sarama.Resource{ResourceType: sarama.AclResourceGroup, ResourceName: value})
		case "--resource-pattern-type":
			if err := pattern.UnmarshalText([]byte(value)); err != nil {
				tb.Fatalf("%s: %v", command, err)
			}
		default:
			tb.Fatalf("unknown option %s: %s", option, command)
		}
	}
	return grants(principal, operations, resources, pattern)
}

func grants(principal string, operations []sarama.AclOperation, resources []sarama.Resource, pattern sarama.AclResourcePatternType) []*sarama.ResourceAcls {
	var out []*sarama.ResourceAcls
	for _, r := range resources {
		r.ResourcePatternType = pattern
		acls := &sarama.ResourceAcls{Resource: r}
		for _, o := range operations {
			acls.Acls = append(acls.Acls, &sarama.Acl{Principal: principal, Host: "*", Operation: o, PermissionType: sarama.AclPermissionAllow})
		}
		out = append(out, acls)
	}
	return out
}
