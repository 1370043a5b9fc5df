package ci

// Rule is one of rules: what holds for a job, or for the whole pipeline, where
// its condition does.
type Rule struct {
	If   string
	When string
}

func (r *reader) rules(at string, v any) []Rule {
	if v == nil {
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		r.fail("%s:rules config should be an array of hashes", at)
		return nil
	}
	var out []Rule
	for _, item := range items {
		hash, ok := item.(map[string]any)
		if !ok {
			r.fail("%s:rules config should be an array of hashes", at)
			return nil
		}
		for key := range hash {
			if key != "if" && key != "when" {
				r.fail("%s:rules: %s is not known to this GitLab", at, key)
			}
		}
		rule := Rule{If: text(hash["if"]), When: text(hash["when"])}
		if _, err := condition(rule.If, nil); err != nil {
			r.fail("%s:rules:if invalid expression syntax", at)
		}
		r.when(at+":rules", rule.When, "on_success", "always", "never")
		out = append(out, rule)
	}
	return out
}

// Chosen says whether rules choose what they stand at: the first one whose
// condition holds decides. No rules choose.
func Chosen(rules []Rule, env map[string]string) bool {
	if rules == nil {
		return true
	}
	for _, rule := range rules {
		if holds, err := condition(rule.If, env); err == nil && holds {
			return rule.When != "never"
		}
	}
	return false
}
