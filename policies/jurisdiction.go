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

// Covers reports whether a clause speaks of sessions of a jurisdiction: a rule that holds in many countries
// cites the law of each, and is a breach of that of the session's own alone. Whose law a clause is, its id
// says: it begins with the pack of its country, and where it is a state's (us-ca) with that listed code. One
// that begins with no such pack holds everywhere.
func (b *Bundle) Covers(c Clause, jurisdiction string) bool {
	pack, rest, _ := strings.Cut(c.ID, "-")
	if !slices.Contains(packNames, pack) {
		return true
	}
	region, _, _ := strings.Cut(rest, "-")
	if code := strings.ToUpper(pack + "-" + region); b.jurisdictions.packs[code] != nil {
		return strings.ToUpper(strings.TrimSpace(jurisdiction)) == code
	}
	return slices.Contains(b.jurisdictions.of(jurisdiction), pack)
}

// Asks reports whether sessions of a jurisdiction are put to a rule.
func (b *Bundle) Asks(r Rule, jurisdiction string) bool {
	return !r.Indicator && slices.Contains(b.jurisdictions.of(jurisdiction), r.Pack)
}
