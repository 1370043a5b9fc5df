package fakegitlab

import "net/http"

// refusal is an answer with an error in one of GitLab's shapes.
type refusal struct {
	status int
	body   map[string]any
}

func (*refusal) Error() string { return "refused" }

// refuse answers {"message": …}, as most of GitLab does.
func refuse(status int, message any) error {
	return &refusal{status, map[string]any{"message": message}}
}

func notFound(what string) error { return refuse(http.StatusNotFound, "404 "+what+" Not Found") }

func forbidden() error { return refuse(http.StatusForbidden, "403 Forbidden") }

// invalid answers what is wrong with one field of a record.
func invalid(field, problem string) error {
	return refuse(http.StatusBadRequest, map[string][]string{field: {problem}})
}

// errorWord answers {"error": …}, as OAuth does.
func errorWord(status int, word, description string) error {
	return &refusal{status, map[string]any{"error": word, "error_description": description}}
}
