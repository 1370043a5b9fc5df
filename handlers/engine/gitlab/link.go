package gitlab

import "fmt"

// workloadFormat is how a run whose pipeline is known stands in the log.
const workloadFormat = "pipeline %d of %s"

// Link is where people see a workload of the instance at base, without a slash at its
// end; empty for one whose pipeline was not known yet when it was recorded.
func Link(base, workload string) string {
	var id int64
	var project string
	if n, err := fmt.Sscanf(workload, workloadFormat, &id, &project); err != nil || n != 2 || fmt.Sprintf(workloadFormat, id, project) != workload {
		return ""
	}
	return fmt.Sprintf("%s/%s/-/pipelines/%d", base, project, id)
}
