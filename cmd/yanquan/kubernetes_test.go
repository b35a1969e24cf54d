package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// What Kubernetes knows of the objects that are given out, as far as they use it: its API
// server drops a field that it does not know, and the object is another than it reads.
type (
	kubeAny  = map[string]any
	kubeText = map[string]string

	kubeMeta struct {
		Name, Namespace     string
		Labels, Annotations kubeText
	}
	kubeSelector struct {
		MatchLabels kubeText `yaml:"matchLabels"`
	}
	kubeNamed struct{ Name string }
	kubePort  struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	kubeProbe struct {
		HTTPGet struct {
			Path string
			Port string
		} `yaml:"httpGet"`
		PeriodSeconds    int `yaml:"periodSeconds"`
		TimeoutSeconds   int `yaml:"timeoutSeconds"`
		FailureThreshold int `yaml:"failureThreshold"`
	}
	kubeContainer struct {
		Name, Image string
		Args        []string
		Ports       []kubePort
		EnvFrom     []struct {
			SecretRef kubeNamed `yaml:"secretRef"`
		} `yaml:"envFrom"`
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
		StartupProbe    kubeProbe                           `yaml:"startupProbe"`
		LivenessProbe   kubeProbe                           `yaml:"livenessProbe"`
		ReadinessProbe  kubeProbe                           `yaml:"readinessProbe"`
		Resources       struct{ Requests, Limits kubeText } `yaml:"resources"`
		SecurityContext struct {
			AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
	}
	kubePod struct {
		AutomountServiceAccountToken  bool `yaml:"automountServiceAccountToken"`
		TerminationGracePeriodSeconds int  `yaml:"terminationGracePeriodSeconds"`
		SecurityContext               struct {
			RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
			RunAsUser      int                   `yaml:"runAsUser"`
			RunAsGroup     int                   `yaml:"runAsGroup"`
			SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		TopologySpreadConstraints []struct {
			MaxSkew           int          `yaml:"maxSkew"`
			TopologyKey       string       `yaml:"topologyKey"`
			WhenUnsatisfiable string       `yaml:"whenUnsatisfiable"`
			LabelSelector     kubeSelector `yaml:"labelSelector"`
		} `yaml:"topologySpreadConstraints"`
		Containers []kubeContainer
		Volumes    []struct {
			Name      string
			ConfigMap kubeNamed `yaml:"configMap"`
		}
	}
	kubeDeployment struct {
		Replicas int
		Selector kubeSelector
		Strategy struct {
			Type          string
			RollingUpdate struct {
				MaxUnavailable int `yaml:"maxUnavailable"`
				MaxSurge       int `yaml:"maxSurge"`
			} `yaml:"rollingUpdate"`
		}
		Template struct {
			Metadata kubeMeta
			Spec     kubePod
		}
	}
	kubeBudget struct {
		MinAvailable int `yaml:"minAvailable"`
		Selector     kubeSelector
	}
	kubeService struct {
		Selector kubeText
		Ports    []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
	}
	kubeIngress struct {
		IngressClassName string `yaml:"ingressClassName"`
		TLS              []struct {
			Hosts      []string
			SecretName string `yaml:"secretName"`
		}
		Rules []struct {
			Host string
			HTTP struct {
				Paths []struct {
					Path     string
					PathType string `yaml:"pathType"`
					Backend  struct {
						Service struct {
							Name string
							Port kubeNamed
						}
					}
				}
			} `yaml:"http"`
		}
	}
	kubePeers []struct {
		NamespaceSelector kubeSelector `yaml:"namespaceSelector"`
		IPBlock           struct {
			CIDR   string   `yaml:"cidr"`
			Except []string `yaml:"except"`
		} `yaml:"ipBlock"`
	}
	kubeOpen []struct {
		Protocol string
		Port     int
	}
	kubePolicy struct {
		PodSelector kubeSelector `yaml:"podSelector"`
		PolicyTypes []string     `yaml:"policyTypes"`
		Ingress     []struct {
			From  kubePeers
			Ports kubeOpen
		}
		Egress []struct {
			To    kubePeers
			Ports kubeOpen
		}
	}
)

func TestKubernetesFields(t *testing.T) {
	t.Parallel()
	specs := map[string]func() any{
		"Deployment": func() any { return new(kubeDeployment) }, "PodDisruptionBudget": func() any { return new(kubeBudget) }, "Service": func() any { return new(kubeService) },
		"Ingress": func() any { return new(kubeIngress) }, "NetworkPolicy": func() any { return new(kubePolicy) },
	}
	check := func(text string) error {
		decoder := yaml.NewDecoder(strings.NewReader(text), yaml.Strict())
		for {
			var o struct {
				APIVersion string `yaml:"apiVersion"`
				Kind       string
				Metadata   kubeMeta
				Spec       kubeAny
			}
			if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			spec, err := yaml.Marshal(o.Spec)
			if err != nil {
				return err
			}
			if specs[o.Kind] == nil {
				return errors.New("no such kind: " + o.Kind)
			}
			if err := yaml.UnmarshalWithOptions(spec, specs[o.Kind](), yaml.Strict()); err != nil {
				return err
			}
		}
	}
	text := deployed(t, "deploy/kubernetes/yanquan.yaml")
	if err := check(text); err != nil {
		t.Error(err)
	}
	for _, field := range []string{"replicas:", "readOnlyRootFilesystem:", "policyTypes:", "pathType:", "minAvailable:", "targetPort:", "except:"} {
		if wrong := strings.Replace(text, field, "x"+field, 1); wrong == text || check(wrong) == nil {
			t.Errorf("x%s is let through", field)
		}
	}
}
