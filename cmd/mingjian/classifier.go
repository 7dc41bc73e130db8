package main

import (
	"errors"
	"os"

	"mingjian/collector"
	"mingjian/collector/classify"
)

// outside names an outside classifier. Its key is never a flag.
type outside struct {
	ClassifierURL   string `name:"classifier-url" help:"OpenAI-compatible API, with its version (https://HOST/v1), that is asked what masked texts mean; none by default. Its key is read from MINGJIAN_CLASSIFIER_KEY." placeholder:"URL"`
	ClassifierModel string `help:"Model that is asked there." placeholder:"NAME"`
}

// classifier is the one that the flags name, or nil.
func (o outside) classifier() (collector.Classifier, error) {
	if o.ClassifierURL == "" && o.ClassifierModel == "" {
		return nil, nil
	}
	if o.ClassifierURL == "" || o.ClassifierModel == "" {
		return nil, errors.New("an outside classifier needs both --classifier-url and --classifier-model")
	}
	return classify.New(classify.Options{URL: o.ClassifierURL, Model: o.ClassifierModel, Key: os.Getenv("MINGJIAN_CLASSIFIER_KEY")})
}
