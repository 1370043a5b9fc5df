package main

import (
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/resource"
)

// strict reads manifests into the types of the API server: an unknown field is an error, a quantity that is none too.
func strict() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true}), nil
}

// checkResources reads all of them, and holds their pods to what the namespace enforces.
func checkResources(resources []*resource.Resource) error {
	decoder, err := strict()
	if err != nil {
		return err
	}
	var all []error
	for _, r := range resources {
		text, err := r.AsYAML()
		if err != nil {
			return err
		}
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			all = append(all, fmt.Errorf("%s %s: %w", r.GetKind(), r.GetName(), err))
			continue
		}
		all = append(all, checkPod(r.GetName(), object))
	}
	return errors.Join(all...)
}

// checkPod asks the admission controller of the level restricted.
func checkPod(name string, object runtime.Object) error {
	var pod corev1.PodTemplateSpec
	switch o := object.(type) {
	case *appsv1.StatefulSet:
		pod = o.Spec.Template
	case *batchv1.Job:
		pod = o.Spec.Template
	default:
		return nil
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	found := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
	if !found.Allowed {
		return fmt.Errorf("%s: the namespace refuses its pods: %s", name, found.ForbiddenDetail())
	}
	return nil
}
