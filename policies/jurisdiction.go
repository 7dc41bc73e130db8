package policies

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

const jurisdictionsFile = "jurisdictions.yaml"

// jurisdictions says which packs apply where.
type jurisdictions struct {
	fallback []string
	packs    map[string][]string // by code, members included
}

// jurisdictionFile is the shape of jurisdictions.yaml.
type jurisdictionFile struct {
	Default []positioned[string]            `yaml:"default"`
	Packs   map[string][]positioned[string] `yaml:"packs"`
	Members map[string][]positioned[string] `yaml:"members"`
}

func loadJurisdictions(fsys fs.FS) (jurisdictions, error) {
	var f jurisdictionFile
	if err := readYAML(fsys, jurisdictionsFile, &f); err != nil {
		return jurisdictions{}, err
	}
	var faults []error
	names := func(list []positioned[string]) (packs []string) {
		for _, p := range list {
			if !slices.Contains(packNames, p.value) {
				faults = append(faults, faultf(jurisdictionsFile, p.line, "pack %q is none of %s", p.value, strings.Join(packNames, " ")))
			}
			packs = append(packs, p.value)
		}
		return packs
	}
	j := jurisdictions{fallback: names(f.Default), packs: map[string][]string{}}
	for _, code := range slices.Sorted(maps.Keys(f.Packs)) {
		j.packs[code] = names(f.Packs[code])
	}
	for _, of := range slices.Sorted(maps.Keys(f.Members)) {
		for _, member := range f.Members[of] {
			switch {
			case f.Packs[of] == nil:
				faults = append(faults, faultf(jurisdictionsFile, member.line, "members of %q, which has no packs", of))
			case j.packs[member.value] != nil:
				faults = append(faults, faultf(jurisdictionsFile, member.line, "%s has packs already", member.value))
			default:
				j.packs[member.value] = j.packs[of]
			}
		}
	}
	return j, errors.Join(faults...)
}

// of gives the packs for customer.jurisdiction. What follows a hyphen is a region, and counts only
// where it is listed.
func (j jurisdictions) of(code string) []string {
	if packs, ok := j.packs[code]; ok {
		return packs
	}
	code = strings.ToUpper(strings.TrimSpace(code))
	if packs, ok := j.packs[code]; ok {
		return packs
	}
	country, _, _ := strings.Cut(code, "-")
	if packs, ok := j.packs[country]; ok {
		return packs
	}
	return j.fallback
}
