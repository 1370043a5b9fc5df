package deploy_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// compose is what the tests read of compose.yaml.
type compose struct {
	Services map[string]service `yaml:"services"`
}

type service struct {
	Image           string          `yaml:"image"`
	Command         []string        `yaml:"command"`
	Environment     map[string]any  `yaml:"environment"`
	Secrets         []string        `yaml:"secrets"`
	Volumes         []string        `yaml:"volumes"`
	StopGracePeriod string          `yaml:"stop_grace_period"`
	ReadOnly        bool            `yaml:"read_only"`
	DependsOn       map[string]upon `yaml:"depends_on"`
	Build           map[string]any  `yaml:"build"`
}

type upon struct {
	Condition string `yaml:"condition"`
}

// composed reads compose.yaml.
func composed(t *testing.T) compose {
	t.Helper()
	return decode[compose](t, "compose.yaml")[0]
}

// duologs are the services that run the image.
func (c compose) duologs() map[string]service {
	out := maps.Clone(c.Services)
	maps.DeleteFunc(out, func(_ string, s service) bool { return s.Build == nil })
	return out
}

// nodes are the names of the services that serve.
func (c compose) nodes() []string {
	var out []string
	for name, s := range c.Services {
		if len(s.Command) > 0 && s.Command[0] == "serve" {
			out = append(out, name)
		}
	}
	return slices.Sorted(slices.Values(out))
}

// source is what is mounted over a path of a container: the volume or file, and what of the path lies below it.
func (s service) source(inside string) (from, below string, found bool) {
	for _, v := range s.Volumes {
		parts := strings.Split(v, ":")
		if rest, ok := strings.CutPrefix(inside, parts[1]); ok && (rest == "" || rest[0] == '/') {
			return parts[0], rest, true
		}
	}
	if name, ok := strings.CutPrefix(inside, "/run/secrets/"); ok && slices.Contains(s.Secrets, name) {
		return "./compose/own/" + name, "", true
	}
	return "", "", false
}

func TestComposeFitsTheProduct(t *testing.T) {
	t.Parallel()
	file, known := composed(t), settings(t)
	if n := file.nodes(); len(n) != 2 {
		t.Fatalf("the nodes are %v", n)
	}
	for name, s := range file.duologs() {
		understood(t, s.Command)
		for variable, value := range s.Environment {
			if !known[variable] {
				t.Errorf("%s: no setting is called %s", name, variable)
			}
			if text, _ := value.(string); path.IsAbs(text) {
				covered(t, name, s, text)
			}
		}
		covered(t, name, s, argument(s.Command, "--config"))
		if !s.ReadOnly {
			t.Errorf("%s writes to its root", name)
		}
	}
}

// TestComposeNamesTheKafkaOfTheTests: the one whose jars deploy/kafka runs.
func TestComposeNamesTheKafkaOfTheTests(t *testing.T) {
	t.Parallel()
	_, version, _ := strings.Cut(composed(t).Services["kafka"].Image, ":")
	if !strings.Contains(fleettest.Read(t, "kafka/pom.xml"), "<version>"+version+"</version>") {
		t.Errorf("version %q of compose.yaml is not that of kafka/pom.xml", version)
	}
}

func TestComposeNodesHaveWhatTheirConfigurationNames(t *testing.T) {
	t.Parallel()
	file, c := composed(t), load(t, "compose/duolog.yaml")
	own := map[string]string{}
	for _, name := range file.nodes() {
		s := file.Services[name]
		for _, inside := range []string{c.StateDir, c.Keystore, c.EngineBasePath, c.EngineWorkDir} {
			covered(t, name, s, inside)
		}
		state, _, _ := s.source(c.StateDir)
		if other, taken := own[state]; taken {
			t.Errorf("%s and %s share the state directory %s", name, other, state)
		}
		own[state] = name
		outlasts(t, name, s.StopGracePeriod, c.ShutdownGrace)
		if on := s.DependsOn["init"].Condition; on != "service_completed_successfully" {
			t.Errorf("%s begins when init is %s", name, on)
		}
	}
}

// covered says that a volume or secret is mounted over a path.
func covered(t *testing.T, name string, s service, inside string) {
	t.Helper()
	if _, _, ok := s.source(inside); !ok {
		t.Errorf("%s: nothing is mounted over %q", name, inside)
	}
}

// ending is what a node needs after shutdown_grace: effects under way, leases, connections.
const ending = 5 * time.Second

// outlasts says that who stops a node waits for its graceful end.
func outlasts(t *testing.T, name, patience string, grace time.Duration) {
	t.Helper()
	most, err := time.ParseDuration(patience)
	if err != nil || most < grace+ending {
		t.Errorf("%s is killed after %s (%v), its graceful stop may take %s", name, patience, err, grace+ending)
	}
}

// argument is the value of a flag.
func argument(command []string, flag string) string {
	i := slices.Index(command, flag)
	if i < 0 || i+1 == len(command) {
		return ""
	}
	return command[i+1]
}
