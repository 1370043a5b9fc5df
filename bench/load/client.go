package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Client sends single requests, where the cost of a general client does not count.
type Client struct {
	Address, Token string

	http *http.Client
}

// idle is how many connections a client keeps.
const idle = 256

// NewClient is a client of a node.
func NewClient(address, token string) Client {
	return Client{address, token, &http.Client{Transport: &http.Transport{MaxIdleConns: idle, MaxIdleConnsPerHost: idle}}}
}

// At is the client of another node.
func (c Client) At(address string) Client { return Client{address, c.Token, c.http} }

// Close ends its connections.
func (c Client) Close() { c.http.CloseIdleConnections() }

// WorkflowsPath is where workflows are.
const WorkflowsPath = "/api/v4/ai/duo_workflows/workflows"

// Create makes a workflow that is not started and returns its path.
func (c Client) Create(ctx context.Context) (string, error) {
	body, err := c.Post(ctx, WorkflowsPath, []byte(`{"goal":"be measured"}`), http.StatusCreated)
	if err != nil {
		return "", err
	}
	var made struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return "", fmt.Errorf("create a workflow: %w", err)
	}
	return fmt.Sprintf("%s/%d", WorkflowsPath, made.ID), nil
}

// Post sends one request that must be answered with a status, and returns the answer.
func (c Client) Post(ctx context.Context, path string, body []byte, status int) ([]byte, error) {
	return c.do(ctx, http.MethodPost, path, body, status)
}

// Get reads what must be there.
func (c Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, nil, http.StatusOK)
}

func (c Client) do(ctx context.Context, method, path string, body []byte, status int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer.Bytes())
	}
	return answer.Bytes(), nil
}
