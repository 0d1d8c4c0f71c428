"""Where private keys are kept: one file each, each offering one `SIGNER`."""
