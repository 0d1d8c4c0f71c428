"""The auditor's pack: what happened here, signed, with a verifier that needs nothing of ours."""
