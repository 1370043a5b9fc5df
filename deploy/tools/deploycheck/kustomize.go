package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// printKustomization builds a directory as kubectl does, and reads the result as the API server would.
func printKustomization(dir string) error {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return fmt.Errorf("kustomize %s: %w", dir, err)
	}
	if err := checkResources(resources.Resources()); err != nil {
		return err
	}
	text, err := resources.AsYaml()
	if err != nil {
		return fmt.Errorf("kustomize %s: %w", dir, err)
	}
	_, err = os.Stdout.Write(text)
	return err
}
