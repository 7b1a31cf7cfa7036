//go:build tools

// Kueue's manager is built from this module; naming it here keeps its modules in go.sum.
package main

import _ "sigs.k8s.io/kueue/cmd/kueue"
