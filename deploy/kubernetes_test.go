package deploy_test

import (
	"path"
	"strconv"
	"strings"
	"testing"
)

// object is what the tests read of a manifest.
type object struct {
	Spec workload `yaml:"spec"`
}

type workload struct {
	Selector any `yaml:"selector"`
	Template struct {
		Metadata meta `yaml:"metadata"`
		Spec     pod  `yaml:"spec"`
	} `yaml:"template"`
	VolumeClaimTemplates []struct {
		Metadata meta `yaml:"metadata"`
	} `yaml:"volumeClaimTemplates"`
}

// has says whether a volume is there, of the pod or of the node.
func (w workload) has(volume string) bool {
	for _, v := range w.Template.Spec.Volumes {
		if v.Name == volume {
			return true
		}
	}
	for _, c := range w.VolumeClaimTemplates {
		if c.Metadata.Name == volume {
			return true
		}
	}
	return false
}

type meta struct {
	Name   string            `yaml:"name"`
	Labels map[string]string `yaml:"labels"`
}

type pod struct {
	TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               struct {
		RunAsUser int `yaml:"runAsUser"`
	} `yaml:"securityContext"`
	Containers []container `yaml:"containers"`
	Volumes    []meta      `yaml:"volumes"`
}

type container struct {
	Args []string `yaml:"args"`
	Env  []struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	} `yaml:"env"`
	Ports []struct {
		ContainerPort int `yaml:"containerPort"`
	} `yaml:"ports"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
	Lifecycle struct {
		PreStop struct {
			Sleep struct {
				Seconds int `yaml:"seconds"`
			} `yaml:"sleep"`
		} `yaml:"preStop"`
	} `yaml:"lifecycle"`
}

// mounted is the volume over a path.
func (c container) mounted(inside string) string {
	for _, m := range c.VolumeMounts {
		if inside == m.MountPath || strings.HasPrefix(inside, m.MountPath+"/") {
			return m.Name
		}
	}
	return ""
}

func TestKubernetesFitsTheProduct(t *testing.T) {
	t.Parallel()
	known := settings(t)
	for _, file := range []string{"kubernetes/init.yaml", "kubernetes/nodes.yaml"} {
		spec := decode[object](t, file)[0].Spec
		c := spec.Template.Spec.Containers[0]
		understood(t, c.Args)
		if u := spec.Template.Spec.SecurityContext.RunAsUser; u != nobody {
			t.Errorf("%s: the user is %d, the image's is %d", file, u, nobody)
		}
		for _, m := range c.VolumeMounts {
			if !spec.has(m.Name) {
				t.Errorf("%s: there is no volume %s", file, m.Name)
			}
		}
		if v := c.mounted(argument(c.Args, "--config")); v != "config" {
			t.Errorf("%s: the configuration is looked for in volume %q", file, v)
		}
		for _, e := range c.Env {
			if !known[e.Name] {
				t.Errorf("%s: no setting is called %s", file, e.Name)
			}
			if path.IsAbs(e.Value) && c.mounted(e.Value) == "" {
				t.Errorf("%s: nothing is mounted over %s", file, e.Value)
			}
		}
	}
}

func TestKubernetesNodesHaveWhatTheirConfigurationNames(t *testing.T) {
	t.Parallel()
	cfg := load(t, "kubernetes/duolog.yaml")
	set := decode[object](t, "kubernetes/nodes.yaml")[0]
	spec := set.Spec.Template.Spec
	c := spec.Containers[0]
	if v := c.mounted(cfg.StateDir); v != set.Spec.VolumeClaimTemplates[0].Metadata.Name {
		t.Errorf("the state is in volume %q, which is not the node's own", v)
	}
	if v := c.mounted(cfg.Keystore); v != "keystore" {
		t.Errorf("the keystore is in volume %q", v)
	}
	if port := strconv.Itoa(c.Ports[0].ContainerPort); !strings.HasSuffix(cfg.Listen, ":"+port) {
		t.Errorf("it listens on %s, and port %s is open", cfg.Listen, port)
	}
	patience := strconv.Itoa(spec.TerminationGracePeriodSeconds-c.Lifecycle.PreStop.Sleep.Seconds) + "s"
	outlasts(t, "a pod", patience, cfg.ShutdownGrace)
}

// TestKubernetesSelectsTheNodes: what a selector misses is no error to a cluster, and nobody is served or kept.
func TestKubernetesSelectsTheNodes(t *testing.T) {
	t.Parallel()
	labels := decode[object](t, "kubernetes/nodes.yaml")[0].Spec.Template.Metadata.Labels
	for _, file := range []string{"kubernetes/nodes.yaml", "kubernetes/service.yaml", "kubernetes/disruption.yaml"} {
		for _, o := range decode[object](t, file) {
			wanted, _ := o.Spec.Selector.(map[string]any)
			if inner, ok := wanted["matchLabels"].(map[string]any); ok {
				wanted = inner
			}
			if len(wanted) == 0 {
				t.Errorf("%s selects nothing", file)
			}
			for name, value := range wanted {
				if labels[name] != value {
					t.Errorf("%s: %s is %v, and %q at the nodes", file, name, value, labels[name])
				}
			}
		}
	}
}
