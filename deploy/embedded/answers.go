package embedded

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	client "github.com/segmentio/kafka-go"
)

// kafkaAnswers asks a broker for the versions that it speaks, as every client does first.
func kafkaAnswers(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := (&client.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer c.Close()
		if by, ok := ctx.Deadline(); ok {
			if err := c.SetDeadline(by); err != nil {
				return err
			}
		}
		_, err = c.ApiVersions()
		return err
	}
}

// clickhouseAnswers asks ClickHouse's HTTP interface whether it is there.
func clickhouseAnswers(url string) func(context.Context) error {
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: time.Second}}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/ping", nil)
		if err != nil {
			return err
		}
		resp, err := once.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "Ok." {
			return fmt.Errorf("ping is answered with status %d", resp.StatusCode)
		}
		return nil
	}
}
