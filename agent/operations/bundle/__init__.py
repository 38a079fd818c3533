"""The air-gap bundle: everything an installation without a network needs, in one folder with a signed manifest.

    manifest.json       every file with its size and SHA-256; which images, models and chart it holds
    manifest.json.sig   Ed25519 over the manifest's bytes
    SHA256SUMS          the same sums for `sha256sum -c`
    sbom.cdx.json       CycloneDX 1.6: wheels, images, models, chart
    images/ chart/ wheels/ models/ policies/

`create` makes it, `verify` looks at it, `load` brings it in. All of them work without a running Innkeeper.
"""
