package dossier

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// statement is the text that is signed for a manifest. It is no checkpoint, with whose key it is signed: that
// has three lines at least.
func statement(manifest []byte) string {
	return fmt.Sprintf("mingjian package manifest sha256\n%x\n", sha256.Sum256(manifest))
}

// Sign makes manifest.sig: a C2SP signed note, with the log's key, which names the manifest by its SHA-256.
func Sign(manifest []byte, signer note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: statement(manifest)}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	return signed, nil
}

// CheckSignature reports whether manifest.sig is the log's, and of this manifest.
func CheckSignature(manifest, signature []byte, verifier note.Verifier) error {
	opened, err := note.Open(signature, note.VerifierList(verifier))
	if err != nil {
		return fmt.Errorf("it is not signed by %s: %w", verifier.Name(), err)
	}
	if opened.Text != statement(manifest) {
		return fmt.Errorf("it is signed by %s for another manifest", verifier.Name())
	}
	return nil
}
