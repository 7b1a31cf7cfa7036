// kstatus says what kstatus computes of resources: JSON of them on standard input, one answer each on standard output.
package main

import (
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type answer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	// Kubernetes' own decoder: it reads whole numbers as integers, as clients of the API server see them.
	var resources []map[string]any
	if err := json.Unmarshal(input, &resources); err != nil {
		fail(err)
	}
	answers := make([]answer, 0, len(resources))
	for _, resource := range resources {
		result, err := status.Compute(&unstructured.Unstructured{Object: resource})
		if err != nil {
			fail(err)
		}
		answers = append(answers, answer{result.Status.String(), result.Message})
	}
	output, err := json.Marshal(answers)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(output))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kstatus:", err)
	os.Exit(1)
}
