//go:build tools

// The KubeRay operator is built from this module too; naming it here keeps its modules in go.sum.
package main

import _ "github.com/ray-project/kuberay/ray-operator"
