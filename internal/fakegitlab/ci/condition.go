package ci

import (
	"fmt"
	"regexp"
	"strings"
)

// condition evaluates rules:if, such as
//
//	$CI_PIPELINE_SOURCE == "api" && ($RUN || $CI_COMMIT_BRANCH =~ /^workloads/)
//
// An empty one holds.
func condition(s string, env map[string]string) (bool, error) {
	if strings.TrimSpace(s) == "" {
		return true, nil
	}
	tokens, err := scan(s)
	if err != nil {
		return false, err
	}
	p := &parser{tokens: tokens, env: env}
	holds, err := p.either()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("unexpected %s", p.tokens[0])
	}
	return holds, err
}

// scan cuts a condition into words.
func scan(s string) ([]string, error) {
	word := regexp.MustCompile(`^(?:\$[A-Za-z_][A-Za-z0-9_]*|"[^"]*"|'[^']*'|/(?:\\.|[^/\\])*/i?|null|==|!=|=~|!~|&&|\|\||[()])`)
	var out []string
	for rest := strings.TrimSpace(s); rest != ""; rest = strings.TrimSpace(rest) {
		found := word.FindString(rest)
		if found == "" {
			return nil, fmt.Errorf("cannot read %q", rest)
		}
		out = append(out, found)
		rest = rest[len(found):]
	}
	return out, nil
}

type parser struct {
	tokens []string
	env    map[string]string
}

func (p *parser) next(word string) bool {
	if len(p.tokens) > 0 && p.tokens[0] == word {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *parser) either() (bool, error) {
	holds, err := p.both()
	for err == nil && p.next("||") {
		var more bool
		more, err = p.both()
		holds = holds || more
	}
	return holds, err
}

func (p *parser) both() (bool, error) {
	holds, err := p.comparison()
	for err == nil && p.next("&&") {
		var more bool
		more, err = p.comparison()
		holds = holds && more
	}
	return holds, err
}

func (p *parser) comparison() (bool, error) {
	if p.next("(") {
		holds, err := p.either()
		if err == nil && !p.next(")") {
			err = fmt.Errorf("a parenthesis stays open")
		}
		return holds, err
	}
	left, err := p.operand()
	if err != nil {
		return false, err
	}
	for _, operator := range []string{"==", "!=", "=~", "!~"} {
		if !p.next(operator) {
			continue
		}
		right, err := p.operand()
		if err != nil {
			return false, err
		}
		return compare(left, operator, right)
	}
	return left.value != "", nil
}

// operand is a value, or none where a variable is not set.
type operand struct {
	value string
	none  bool
}

func (p *parser) operand() (operand, error) {
	if len(p.tokens) == 0 {
		return operand{}, fmt.Errorf("something is missing at the end")
	}
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	switch {
	case token == "null":
		return operand{none: true}, nil
	case token[0] == '$':
		value, ok := p.env[token[1:]]
		return operand{value, !ok}, nil
	case token[0] == '"', token[0] == '\'':
		return operand{value: token[1 : len(token)-1]}, nil
	case token[0] == '/':
		return operand{value: token}, nil
	}
	return operand{}, fmt.Errorf("unexpected %s", token)
}

func compare(left operand, operator string, right operand) (bool, error) {
	switch operator {
	case "==":
		return left == right, nil
	case "!=":
		return left != right, nil
	}
	pattern := strings.TrimPrefix(right.value, "/")
	if insensitive := strings.HasSuffix(pattern, "/i"); insensitive {
		pattern = "(?i)" + strings.TrimSuffix(pattern, "/i")
	} else {
		pattern = strings.TrimSuffix(pattern, "/")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false, fmt.Errorf("pattern %s: %w", right.value, err)
	}
	return re.MatchString(left.value) == (operator == "=~"), nil
}
